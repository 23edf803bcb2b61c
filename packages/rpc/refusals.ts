import { AssertionFailure, isErrorCode, type Log, MessengerError } from "@qpq/ports";
import type { Refusal } from "./session.gen.ts";

/** Bytes of a refusal's text, as the schema has it. */
const MESSAGE_TEXT_BYTES_MAX = 512;

/** What a caller is told of an error: never a cause, a stack, or the text of a bug. */
export function refusalOf(error: MessengerError): Refusal {
  return {
    code: error.code,
    message: shortened(error.message),
    retryAfterMs: Math.max(0, Math.min(2 ** 32 - 1, Math.ceil(error.retryAfterMs ?? 0))),
  };
}

/** What a refusal says, as the error that the caller gets. */
export function errorOf({ code, message, retryAfterMs }: Refusal): MessengerError {
  const retry = retryAfterMs === 0 ? {} : { retryAfterMs };
  return isErrorCode(code)
    ? new MessengerError(code, message, retry)
    : new MessengerError("internal", `${message} (${code}, which this build does not know)`, retry);
}

/**
 * A handler's failure as a refusal: its own `MessengerError`, or `internal`, and then the log has what
 * happened, without the text, which could hold anything.
 */
export function failureOf(
  error: unknown,
  context: { readonly log: Log; readonly method: string },
): MessengerError {
  if (error instanceof MessengerError) return error;
  const named = error instanceof Error ? error : undefined;
  context.log.error("handler-failed", {
    method: context.method,
    error: named?.name ?? typeof error,
    assertion: error instanceof AssertionFailure ? error.message : null,
    stack: named?.stack?.split("\n").filter((line) => /^\s+at /.test(line)).join("\n") ?? null,
  });
  return new MessengerError("internal", "The server failed at this call");
}

function shortened(text: string): string {
  if (text.length * 3 <= MESSAGE_TEXT_BYTES_MAX) return text;
  const bytes = new Uint8Array(MESSAGE_TEXT_BYTES_MAX);
  const { read } = new TextEncoder().encodeInto(text, bytes);
  return text.slice(0, read);
}
