import {
  AssertionFailure,
  type ErrorCode,
  isErrorCode,
  type Log,
  MessengerError,
} from "@qpq/ports";
import type { Refusal } from "./session.gen.ts";

/** Bytes of a refusal's text, as the schema has it. */
const MESSAGE_TEXT_BYTES_MAX = 512;

/** Milliseconds that a server may tell a client to wait: a day. */
const RETRY_AFTER_MAX_MS = 86_400_000;

/** Areas of codes that only this side can find out: about its connection, its certificates, its files. */
const OWN_AREAS = ["tls", "transport", "client", "cli", "server"];

/** What a caller is told of an error: never a cause, a stack, or the text of a bug. */
export function refusalOf(error: MessengerError): Refusal {
  return {
    code: error.code,
    message: shortened(error.message),
    retryAfterMs: Math.max(0, Math.min(2 ** 32 - 1, Math.ceil(error.retryAfterMs ?? 0))),
  };
}

/** What a server's refusal says, as the error that the caller gets. */
export function errorOf(refusal: Refusal): MessengerError {
  const retryAfterMs = Math.min(refusal.retryAfterMs, RETRY_AFTER_MAX_MS);
  const retry = retryAfterMs === 0 ? {} : { retryAfterMs };
  const code = readCode(refusal.code);
  const message = cleanText(refusal.message);
  if (code !== undefined) return new MessengerError(code, message, retry);
  const shown = /^[a-z/-]+$/.test(refusal.code) ? `the code ${refusal.code}` : "a code";
  return new MessengerError(
    "internal",
    `${message} (${shown} that this build does not take)`,
    retry,
  );
}

/** @returns a code that a server may say, if this build knows it */
export function readCode(text: string): ErrorCode | undefined {
  const [area = ""] = text.split("/", 1);
  return isErrorCode(text) && !OWN_AREAS.includes(area) ? text : undefined;
}

/** Text from the other side, on one line and without what could steer a terminal. */
export function cleanText(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ");
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
