import { type ErrorCode, formatHostPort, type HostPort, MessengerError } from "@qpq/ports";
import type { Trust } from "./tls-trust.ts";

/**
 * Says what a failed handshake means. The engine reports TLS alerts by number (RFC 8446 §6.2).
 * @param text the engine's message
 */
export function handshakeError(
  text: string,
  options: { readonly address: HostPort; readonly trust: Trust; readonly cause?: unknown },
): MessengerError {
  const where = `Cannot connect to ${formatHostPort(options.address)}`;
  const [code, state] = explain(text, options.trust);
  return new MessengerError(
    code,
    `${where}: ${state}`,
    options.cause === undefined ? {} : { cause: options.cause },
  );
}

/** What to do about a certificate that nobody vouches for: both ways out, ready to use. */
export const REMEDIES =
  "either trust exactly its certificate with --pin sha256:<hex>, which the server prints when it " +
  "starts, or give its authority's certificate with --ca-cert FILE";

function explain(text: string, trust: Trust): readonly [ErrorCode, string] {
  if (/timed out/i.test(text)) {
    return ["transport/unreachable", "nothing answers: the server is down, or UDP is blocked"];
  }
  // no_application_protocol
  if (/\berror 120\b/.test(text)) {
    return ["tls/wrong-protocol", "the server there does not speak qpq/1"];
  }
  if (/\bnot valid for name\b|NotValidForName/.test(text)) {
    return [
      "tls/wrong-name",
      "the server's certificate is for another name: dial a name that stands in it, or trust " +
      "exactly this certificate with --pin sha256:<hex>",
    ];
  }
  if (/\berror 45\b|expired|NotValidYet|not valid yet/i.test(text)) {
    return [
      "tls/expired",
      "the server's certificate has expired or is not valid yet: renew it, and check both clocks",
    ];
  }
  if (/UnknownIssuer|BadSignature|CaUsedAsEndEntity/.test(text)) {
    return trust.kind === "pin"
      ? [
        "tls/pin-mismatch",
        "the server's certificate is not the pinned one: somebody else answers, or the server has " +
        `a new certificate. When you know it is new, ${REMEDIES}`,
      ]
      : ["tls/unknown-issuer", `nobody whom you trust issued its certificate: ${REMEDIES}`];
  }
  if (/refused to accept/.test(text)) {
    return ["transport/unreachable", "the server refuses connections: it is full or stopping"];
  }
  if (/handshake/.test(text)) return ["tls/handshake-failed", "the TLS handshake failed"];
  return ["transport/unreachable", "the connection ended before it was complete"];
}

/** What a server's own certificates, checked here, were refused for. */
export function certificateError(error: unknown, address: HostPort): unknown {
  if (!(error instanceof MessengerError) || error.code === "cancelled") return error;
  const remedies = error.code === "tls/unknown-issuer" ? `: ${REMEDIES}` : "";
  return new MessengerError(
    error.code,
    `Cannot connect to ${formatHostPort(address)}: ${error.message}${remedies}`,
    { cause: error },
  );
}
