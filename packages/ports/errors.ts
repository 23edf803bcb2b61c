import { ACCOUNT_CODES } from "./error-codes/accounts.ts";
import { CHANNEL_CODES } from "./error-codes/channels.ts";
import { CONVERSATION_CODES } from "./error-codes/conversations.ts";
import { GENERAL_CODES } from "./error-codes/general.ts";
import { MLS_CODES } from "./error-codes/mls.ts";
import { STORE_CODES } from "./error-codes/store.ts";
import { TRANSPORT_CODES } from "./error-codes/transport.ts";

export type { ErrorCodeRow } from "./error-codes/row.ts";

/**
 * The one table of error codes; its rows stand by area in `error-codes/`. A code is stable:
 * programs switch on it, it crosses the wire, and `docs/errors.md` says the same (a test compares).
 *
 * - `retry`: what a caller may do. `never`: the same again is refused again. `later`: after
 *   `retryAfterMs`, or a back-off. `reconnect`: on a fresh connection.
 * - `exitCode`: what `qpq` ends with: 1 refused or failed, 2 usage, 3 cannot connect or wrong
 *   certificate, 4 bad token, password or session.
 */
export const ERROR_CODES = {
  ...GENERAL_CODES,
  ...MLS_CODES,
  ...STORE_CODES,
  ...TRANSPORT_CODES,
  ...ACCOUNT_CODES,
  ...CHANNEL_CODES,
  ...CONVERSATION_CODES,
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

/** A request that was refused, or bytes that were. Its text is for people; its `code` for programs. */
export class MessengerError extends Error {
  override readonly name = "MessengerError";
  readonly code: ErrorCode;
  /** Milliseconds to wait before trying again, when the refuser said so. */
  readonly retryAfterMs: number | undefined;

  /**
   * @param message action, colon, state: `Cannot decode KeyPackage: 3 bytes left over`. No key, name or plaintext.
   * @param options.cause stays in this process; it never crosses the wire
   */
  constructor(
    code: ErrorCode,
    message: string,
    options: { readonly retryAfterMs?: number; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Whether a string that came over the wire is a code that this build knows. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERROR_CODES, text);
}
