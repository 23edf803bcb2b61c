/** What a server that says it is in production refuses to start with. */
import { ConfigError, type LoadedConfig } from "./config.ts";

const AUTH_TOKEN_LENGTH_MIN = 32;
/** Fewer different characters are no random token, however long. */
const AUTH_TOKEN_CHARACTERS_MIN = 8;
const AUTH_TOKEN_DEFAULT = "devtoken";

/**
 * Whether the server says that it is in production.
 * @param value of QPQ_PRODUCTION
 * @throws ConfigError for a value that isn't understood: nobody should believe in checks that aren't made
 */
export function isProduction(value: string | undefined): boolean {
  if (value === undefined || value === "" || value === "0") return false;
  if (value === "1") return true;
  throw new ConfigError('QPQ_PRODUCTION: expected "1" or "0"');
}

/**
 * Every reason at once, each naming its key; none when the server may start.
 * @param givenCertificateIsSelfMade of the certificate in `tls_cert`, where one is named
 */
export function productionRefusals(
  { config, sources }: LoadedConfig,
  givenCertificateIsSelfMade: boolean,
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
    } else if (new Set(token).size < AUTH_TOKEN_CHARACTERS_MIN) {
      refusals.push(`auth_token has under ${AUTH_TOKEN_CHARACTERS_MIN} different characters`);
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
  } else if (givenCertificateIsSelfMade && !config.tls_self_signed) {
    refusals.push(
      "tls_cert is signed by itself: set one that an authority issued, or tls_self_signed = true " +
        "if clients are to pin it",
    );
  }
  return refusals;
}
