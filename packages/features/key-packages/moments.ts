import { MessengerError } from "@qpq/ports";

/** A moment as a value: 8 bytes. */
export function encodeMoment(atMs: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(atMs));
  return bytes;
}

/** @throws MessengerError `store/corrupt` */
export function decodeMoment(bytes: Uint8Array): number {
  if (bytes.length !== 8) {
    throw new MessengerError("store/corrupt", "Cannot read moment: it is not one");
  }
  return Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0));
}
