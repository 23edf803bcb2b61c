import { type ErrorCode, isErrorCode, type MessengerError } from "@qpq/ports";

/**
 * The codes with which a session closes its connection. They are for people who look at packets; what
 * programs go by is the reason: an error code of the one table, a colon, and a text.
 */
export const CLOSE_CODES = {
  done: 0,
  protocol: 16,
  refused: 17,
  dead: 18,
  goingAway: 19,
} as const;

/** Bytes of a reason that every transport carries. */
const REASON_BYTES_MAX = 200;

export function closeReason({ code, message }: MessengerError): string {
  // Not a byte of a longer character is cut in two: what is not ASCII is left out.
  return `${code}: ${message.replaceAll(/[^\x20-\x7e]/g, "?")}`.slice(0, REASON_BYTES_MAX);
}

/** @returns the code that a reason begins with, if this build knows it */
export function codeOfReason(reason: string): ErrorCode | undefined {
  const code = reason.split(":", 1)[0] ?? "";
  return isErrorCode(code) ? code : undefined;
}
