import type { ErrorCode, MessengerError } from "@qpq/ports";
import { readCode } from "./refusals.ts";

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

/** @returns the code that a reason begins with, if it is one that a server may say */
export function codeOfReason(reason: string): ErrorCode | undefined {
  return readCode(reason.split(":", 1)[0] ?? "");
}
