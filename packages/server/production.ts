/** What a server that says it is in production refuses to start with. */
import type { LoadedConfig } from "./config.ts";

const AUTH_TOKEN_LENGTH_MIN = 32;
const AUTH_TOKEN_DEFAULT = "devtoken";

/** Every reason at once, each naming its key; none when the server may start. */
export function productionRefusals(
  { config, sources }: LoadedConfig,
): readonly string[] {
  const refusals: string[] = [];
  const isOpen = config.registration === "open";
  if (isOpen && config.auth_token.length === 0) {
    refusals.push(
      'auth_token is not set, and anyone may register: set one, or registration = "invite"',
    );
  }
  for (const token of isOpen ? config.auth_token : []) {
    if (token.toLowerCase().startsWith(AUTH_TOKEN_DEFAULT)) {
      refusals.push("auth_token is the one that examples show: choose another");
    } else if (token.length < AUTH_TOKEN_LENGTH_MIN) {
      refusals.push(`auth_token is shorter than ${AUTH_TOKEN_LENGTH_MIN} characters`);
    }
  }
  if (config.db_key === "" && config.store_backend !== "postgres") {
    refusals.push("db_key is empty: what is on disk would not be encrypted");
  }
  if (sources.tls_cert === "default" && !config.tls_self_signed) {
    refusals.push(
      "tls_cert is not set, so the server makes its own certificate: set tls_cert and tls_key, " +
        "or tls_self_signed = true if clients are to pin it",
    );
  }
  return refusals;
}
