/**
 * Long work in slices: a large tree takes seconds, so others may have their turn between two. Who has
 * nothing else to do runs them at once. What no slice can be shorter than is one primitive over one
 * large input: signing 8 MiB takes 20 ms.
 */
export type Slices<T> = Generator<undefined, T, undefined>;

/** Leaves, nodes or keys that are validated, hashed or encrypted to in one go: some milliseconds of work. */
export const VALIDATION_SLICE_NODES_COUNT = 64;

/** Bytes of long lists that are encoded or decoded in one go: some milliseconds of work, however dense. */
export const CODEC_SLICE_BYTES = 2 ** 18;

/** Bytes that are encrypted or decrypted in one go: some milliseconds of work. */
export const CIPHER_SLICE_BYTES = 2 ** 20;

/** Called between two slices: resolve it when others had their turn, reject it to stop. */
export type Pause = () => Promise<void>;

export function* inSlices<T>(items: Iterable<T>, validate: (item: T) => void): Slices<void> {
  let count = 0;
  for (const item of items) {
    validate(item);
    if (++count % VALIDATION_SLICE_NODES_COUNT === 0) yield;
  }
}

export function runSlices<T>(slices: Slices<T>): T {
  let slice = slices.next();
  while (slice.done !== true) slice = slices.next();
  return slice.value;
}

export async function runSlicesPausing<T>(slices: Slices<T>, pause: Pause | undefined): Promise<T> {
  try {
    let slice = slices.next();
    while (slice.done !== true) {
      await pause?.();
      slice = slices.next();
    }
    return slice.value;
  } finally {
    // Who is stopped in a pause still overwrites its secrets.
    slices.return(undefined as T);
  }
}

/** A turn for others after a primitive that took that many bytes in one go. */
export async function pauseAfter(bytesCount: number, pause: Pause | undefined): Promise<void> {
  if (bytesCount >= CODEC_SLICE_BYTES) await pause?.();
}
