/**
 * Compares two secrets (tags, MACs, tokens, hashes of them). The time taken depends on the lengths
 * only, never on where the first difference is. This is the only comparison of secrets in the
 * project; a test bans others.
 *
 * A just-in-time compiler gives no guarantee; the loop has no branch on the data for it to shorten.
 */
export function equalConstantTime(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  let difference = 0;
  for (let index = 0; index < left.length; index++) {
    difference |= (left[index] as number) ^ (right[index] as number);
  }
  return difference === 0;
}
