import type { Bytes } from "./provider.ts";
export type { Bytes };

export function concat(parts: readonly Uint8Array[]): Bytes {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** A plain array of its own: a Node `Buffer` may be a window of a pool that others read. */
export function bytesOf(buffer: Uint8Array | ArrayBuffer): Bytes {
  return buffer instanceof ArrayBuffer ? new Uint8Array(buffer) : new Uint8Array(buffer);
}

/** The same of what may be secret: the runtime's own buffer is overwritten. */
export function takenOf(buffer: Uint8Array): Bytes {
  const bytes = bytesOf(buffer);
  buffer.fill(0);
  return bytes;
}

/** Two bytes, big-endian: I2OSP(value, 2) of RFC 8017 §4.1. */
export function uint16(value: number): Bytes {
  return Uint8Array.of(value >> 8, value & 0xff);
}

export function ascii(text: string): Bytes {
  return new TextEncoder().encode(text);
}
