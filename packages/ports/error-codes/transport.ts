import { type ErrorCodeRow, row } from "./row.ts";

/** Codes of transports, of trust in certificates, and of calls. */
export const TRANSPORT_CODES = {
  // Transport: reaching the other side, and knowing that it is the right one.
  "transport/unreachable": row(
    "reconnect",
    3,
    "Nothing answers: the server is down, or UDP is blocked on the way.",
  ),
  "transport/closed": row("reconnect", 3, "The connection or stream is over."),
  "transport/cannot-listen": row(
    "never",
    1,
    "The address to listen on is taken, or is not this machine's.",
  ),
  "tls/unknown-issuer": row(
    "never",
    3,
    "Nobody whom this client trusts issued the server's certificate.",
  ),
  "tls/pin-mismatch": row("never", 3, "The server's certificate is not the pinned one."),
  "tls/wrong-name": row("never", 3, "The server's certificate is for another name."),
  "tls/expired": row("never", 3, "The server's certificate is no longer, or not yet, valid."),
  "tls/wrong-protocol": row("never", 3, "What answers there does not speak qpq."),
  "tls/handshake-failed": row("reconnect", 3, "The TLS handshake failed for another reason."),
  "tls/bad-certificate-file": row(
    "never",
    2,
    "A certificate or key file cannot be read, or does not fit its partner.",
  ),
  "tls/bad-pin": row("never", 2, "A pin is not written as sha256:<64 hexadecimal digits>."),
  // Calls.
  "rpc/disconnected": row(
    "reconnect",
    3,
    "The connection was lost while the call waited: whether it was done is unknown.",
  ),
  "rpc/deadline": row(
    "later",
    3,
    "The call took longer than its deadline: whether it was done is unknown.",
  ),
  "rpc/overloaded": row("later", 1, "A queue is full: too much is waiting on this connection."),
  "rpc/too-many-calls": row(
    "later",
    1,
    "More calls are in flight on this connection than the server allows.",
  ),
  "rpc/too-many-streams": row(
    "later",
    1,
    "More large calls and subscriptions are open than the server allows.",
  ),
  "rpc/unknown-method": row(
    "never",
    1,
    "The server does not know this call: it is of another version.",
  ),
  "rpc/protocol": row("never", 3, "The other side breaks the session's rules."),
  "rpc/version-unsupported": row(
    "never",
    3,
    "Client and server have no protocol version in common.",
  ),
  "rpc/bad-auth-token": row(
    "never",
    4,
    "The server wants an auth_token, and was given none or another.",
  ),
  "rpc/not-authenticated": row(
    "never",
    4,
    "The session token or the device's signature is missing or refused.",
  ),
  "rpc/handshake-timeout": row(
    "reconnect",
    3,
    "The other side did not complete the session's opening in time.",
  ),
  "rpc/going-away": row("reconnect", 3, "The server is stopping and did not start the call."),
} as const satisfies Readonly<Record<string, ErrorCodeRow>>;
