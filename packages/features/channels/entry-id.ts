import type { Clock, Random } from "@qpq/ports";

/** Bytes of the time in an entry id; the rest is random. */
const TIME_BYTES = 6;
const RANDOM_BYTES = 10;

/**
 * A new entry id: 16 bytes, the time first, as in UUIDs of version 7 (RFC 9562 §5.7), so that a server
 * finds those of one device side by side. It tells nothing that the server does not see anyway.
 */
export function newEntryId(
  options: { readonly clock: Clock; readonly random: Random },
): Uint8Array<ArrayBuffer> {
  const id = new Uint8Array(TIME_BYTES + RANDOM_BYTES);
  const nowMs = Math.max(0, Math.floor(options.clock.now()));
  const view = new DataView(id.buffer);
  view.setUint16(0, Math.floor(nowMs / 2 ** 32) % 2 ** 16);
  view.setUint32(2, nowMs % 2 ** 32);
  id.set(options.random.bytes(RANDOM_BYTES), TIME_BYTES);
  return id;
}
