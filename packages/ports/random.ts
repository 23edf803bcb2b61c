/** Randomness, as an argument: the operating system's in production, a seed's in the simulator. */
export interface Random {
  /** @param length bytes, 0 to 65,536 */
  bytes(length: number): Uint8Array<ArrayBuffer>;
}

/** A uniform number in [0, 1), with 32 bits of precision. For jitter, never for secrets. */
export function randomFraction(random: Random): number {
  const bytes = random.bytes(4);
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0) / 2 ** 32;
}
