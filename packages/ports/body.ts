import { MessengerError } from "./errors.ts";
import type { StoreReader, StoreTransaction } from "./store.ts";
import { encodeKey, type KeyPart } from "./keys.ts";

/** Bytes of one body, 0 to this. */
export const BODY_BYTES_MAX = 16_777_216;
/** Bytes of each chunk but the last. */
export const BODY_CHUNK_BYTES = 262_144;

/**
 * Stores a body that may be above `VALUE_BYTES_MAX`, in place of any that was there: its length (4
 * bytes, highest first) under `parts`, chunk i under `parts, i`. The slice keeps nothing else there.
 * @throws MessengerError `too-large`: above `BODY_BYTES_MAX`
 */
export async function putBody(
  transaction: StoreTransaction,
  parts: readonly KeyPart[],
  body: Uint8Array,
): Promise<void> {
  if (body.length > BODY_BYTES_MAX) {
    throw new MessengerError("too-large", `Cannot store body: above ${BODY_BYTES_MAX} bytes`);
  }
  const chunksBefore = chunkCount(await bodyLength(transaction, parts) ?? 0);
  const chunks = chunkCount(body.length);
  const head = new Uint8Array(4);
  new DataView(head.buffer).setUint32(0, body.length);
  transaction.put(encodeKey(...parts), head);
  for (let index = 0; index < chunks; index++) {
    const from = index * BODY_CHUNK_BYTES;
    transaction.put(encodeKey(...parts, index), body.subarray(from, from + BODY_CHUNK_BYTES));
  }
  for (let index = chunks; index < chunksBefore; index++) {
    transaction.delete(encodeKey(...parts, index));
  }
}

/**
 * @returns the whole body, or `undefined` when none is stored there
 * @throws MessengerError `store/corrupt`: a chunk is missing or has another length
 */
export async function getBody(
  reader: StoreReader,
  parts: readonly KeyPart[],
): Promise<Uint8Array | undefined> {
  const length = await bodyLength(reader, parts);
  if (length === undefined) return undefined;
  const body = new Uint8Array(length);
  const chunks = await Promise.all(
    Array.from(
      { length: chunkCount(length) },
      (_, index) => reader.get(encodeKey(...parts, index)),
    ),
  );
  for (const [index, chunk] of chunks.entries()) {
    const from = index * BODY_CHUNK_BYTES;
    if (chunk?.length !== Math.min(BODY_CHUNK_BYTES, length - from)) {
      throw new MessengerError("store/corrupt", `Cannot read body: chunk ${index} does not fit`);
    }
    body.set(chunk, from);
  }
  return body;
}

/** Harmless when no body is there. */
export async function deleteBody(
  transaction: StoreTransaction,
  parts: readonly KeyPart[],
): Promise<void> {
  const chunks = chunkCount(await bodyLength(transaction, parts) ?? 0);
  transaction.delete(encodeKey(...parts));
  for (let index = 0; index < chunks; index++) transaction.delete(encodeKey(...parts, index));
}

async function bodyLength(
  reader: StoreReader,
  parts: readonly KeyPart[],
): Promise<number | undefined> {
  const head = await reader.get(encodeKey(...parts));
  if (head === undefined) return undefined;
  const length = head.length === 4
    ? new DataView(head.buffer, head.byteOffset, 4).getUint32(0)
    : Infinity;
  if (length > BODY_BYTES_MAX) {
    throw new MessengerError("store/corrupt", "Cannot read body: its length is not one");
  }
  return length;
}

function chunkCount(length: number): number {
  return Math.ceil(length / BODY_CHUNK_BYTES);
}
