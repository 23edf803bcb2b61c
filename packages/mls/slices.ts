/**
 * Long work in slices: a large tree takes seconds, so others may have their turn between two. Who has
 * nothing else to do runs them at once.
 */
export type Slices<T> = Generator<undefined, T, undefined>;

/** Leaves or nodes that are validated in one go: some milliseconds of work. */
export const VALIDATION_SLICE_NODES_COUNT = 64;

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
  let slice = slices.next();
  while (slice.done !== true) {
    await pause?.();
    slice = slices.next();
  }
  return slice.value;
}
