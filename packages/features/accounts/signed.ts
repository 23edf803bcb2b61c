import { type ErrorCode, MessengerError } from "@qpq/ports";
import type { Signed } from "./accounts.gen.ts";
import { type Primitives, SIGNATURE_BYTES } from "./primitives.ts";

/**
 * What a key may be asked to sign, each under a label of its own, so that a signature for one is
 * worth nothing for another. MLS signs with the device keys, too: what it signs begins with a length
 * that is below 0x40 for every label of RFC 9420, ours with the letter `q` (0x71).
 */
export const LABELS = {
  // By account keys.
  vaultWrite: "qpq/1 vault write",
  accountDeletion: "qpq/1 account deletion",
  accountKeyChange: "qpq/1 account key change",
  deviceCertificate: "qpq/1 device certificate",
  deviceList: "qpq/1 device list",
  // By device keys.
  sessionProof: "qpq/1 session proof",
} as const;

export type Label = (typeof LABELS)[keyof typeof LABELS];

/** @param statement the frame that travels with the signature */
export function signStatement(
  primitives: Primitives,
  privateKey: Uint8Array,
  { label, statement }: { readonly label: Label; readonly statement: Uint8Array },
): Signed {
  return { statement, signature: primitives.sign(privateKey, toBeSigned(label, statement)) };
}

/** How to read a statement, and what to call it when it is refused. */
export interface StatementKind<Statement> {
  readonly label: Label;
  /** Throws for what is malformed. */
  readonly decode: (frame: Uint8Array) => Statement;
  readonly code: ErrorCode;
}

/**
 * Decodes a statement after its signature was found good.
 * @throws MessengerError `kind.code`: another key signed it, something else was signed, or the
 *   statement is malformed
 */
export function openStatement<Statement>(
  primitives: Primitives,
  signed: Signed,
  { publicKey, kind }: { readonly publicKey: Uint8Array; readonly kind: StatementKind<Statement> },
): Statement {
  const { statement } = signed;
  const isGood = isSignedBy(primitives, publicKey, { ...signed, label: kind.label });
  if (!isGood) throw new MessengerError(kind.code, `Cannot accept ${kind.label}: wrong signature`);
  try {
    return kind.decode(statement);
  } catch (cause) {
    throw new MessengerError(kind.code, `Cannot accept ${kind.label}: malformed`, { cause });
  }
}

/** Whether that key signed that statement under that label. */
export function isSignedBy(
  primitives: Primitives,
  publicKey: Uint8Array,
  { label, statement, signature }: Signed & { readonly label: Label },
): boolean {
  return signature.length === SIGNATURE_BYTES &&
    primitives.verify(publicKey, toBeSigned(label, statement), signature);
}

/** Whether two byte strings that are no secrets are the same. */
export function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

/** The label, a zero byte (which no label contains), the statement. */
function toBeSigned(label: Label, statement: Uint8Array): Uint8Array {
  const prefix = new TextEncoder().encode(`${label}\0`);
  const bytes = new Uint8Array(prefix.length + statement.length);
  bytes.set(prefix);
  bytes.set(statement, prefix.length);
  return bytes;
}
