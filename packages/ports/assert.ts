/** A broken assumption of our own: a bug, never a peer's or a user's doing. */
export class AssertionFailure extends Error {
  override readonly name = "AssertionFailure";
}

/**
 * States what must hold here by construction. Stays on in production.
 * @throws AssertionFailure when it does not: that is a bug of ours
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionFailure(message);
}
