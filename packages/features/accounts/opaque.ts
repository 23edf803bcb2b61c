/**
 * OPAQUE (RFC 9807, ristretto255-SHA512, Argon2id) by `@serenity-kit/opaque`, in bytes of exact
 * lengths. Its randomness is the WebAssembly module's own, from the runtime's `crypto`.
 */
import { assert, MessengerError } from "@qpq/ports";
import type { AccountName } from "./names.ts";

/** Bytes of each message; every other length is refused before the library sees it. */
export const OPAQUE_BYTES = {
  setup: 128,
  registrationRequest: 32,
  registrationResponse: 64,
  record: 192,
  loginRequest: 96,
  loginResponse: 320,
  loginFinish: 64,
  exportKey: 64,
} as const;

/**
 * How long a guess takes, for whom holds the server's database, and a login for the client: Argon2id
 * with 64 MiB, 3 passes, 4 lanes (RFC 9106 §4, second recommendation).
 */
export const KEY_STRETCHING: KeyStretching = {
  "argon2id-custom": { memory: 65_536, iterations: 3, parallelism: 4 },
};

/** `memory` in KiB. */
export interface KeyStretching {
  readonly "argon2id-custom": {
    readonly memory: number;
    readonly iterations: number;
    readonly parallelism: number;
  };
}

/** Whom a password is for. The library has no context string: the names carry the application's. */
export interface Identifiers {
  readonly accountName: AccountName;
  readonly serverName: string;
}

/** The server's half; tests count its calls. */
export interface OpaqueServer {
  createSetup(): Uint8Array;
  registrationResponse(setup: Uint8Array, options: RegistrationOptions): Uint8Array;
  /** The same work, and an answer of the same kind, when there is no `record`. */
  loginResponse(setup: Uint8Array, options: LoginOptions): LoginResponse;
  /** @returns whether the client has shown that it knows the password */
  finishLogin(state: string, options: FinishOptions): boolean;
}

interface RegistrationOptions {
  readonly accountName: AccountName;
  readonly request: Uint8Array;
}

interface LoginOptions extends Identifiers {
  readonly request: Uint8Array;
  readonly record: Uint8Array | undefined;
}

interface FinishOptions extends Identifiers {
  readonly finish: Uint8Array;
}

export interface LoginResponse {
  readonly response: Uint8Array;
  /** Holds secrets of this login; never stored. */
  readonly state: string;
}

/** Loaded by a process that registers or logs in, and by no other: compiling it takes 20 ms. */
async function openLibrary() {
  const opaque = await import("@serenity-kit/opaque");
  await opaque.ready;
  return opaque;
}

export async function openOpaqueServer(): Promise<OpaqueServer> {
  const opaque = await openLibrary();
  return {
    createSetup: () => decode(opaque.server.createSetup(), "setup"),
    registrationResponse: (setup, { accountName, request }) => {
      const response = refusingMalformed(
        "registration request",
        () =>
          opaque.server.createRegistrationResponse({
            serverSetup: encode(setup, "setup"),
            userIdentifier: accountName,
            registrationRequest: encode(request, "registrationRequest"),
          }),
      );
      return decode(response.registrationResponse, "registrationResponse");
    },
    loginResponse: (setup, { request, record, ...identifiers }) => {
      const started = refusingMalformed("login request", () =>
        opaque.server.startLogin({
          serverSetup: encode(setup, "setup"),
          userIdentifier: identifiers.accountName,
          registrationRecord: record === undefined ? null : encode(record, "record"),
          startLoginRequest: encode(request, "loginRequest"),
          identifiers: libraryIdentifiers(identifiers),
        }));
      return {
        response: decode(started.loginResponse, "loginResponse"),
        state: started.serverLoginState,
      };
    },
    finishLogin: (state, { finish, ...identifiers }) => {
      const finishLoginRequest = encode(finish, "loginFinish");
      try {
        opaque.server.finishLogin({
          serverLoginState: state,
          finishLoginRequest,
          identifiers: libraryIdentifiers(identifiers),
        });
        return true;
      } catch {
        return false;
      }
    },
  };
}

/** What the client keeps between its two steps. Strings cannot be wiped: the runtime collects them. */
export interface ClientStep {
  readonly request: Uint8Array;
  readonly state: string;
  readonly password: string;
}

export interface ClientFinish extends Identifiers {
  readonly response: Uint8Array;
  readonly keyStretching: KeyStretching;
}

/** @param password as `preparePassword` gives it */
export async function startRegistration(password: string): Promise<ClientStep> {
  const opaque = await openLibrary();
  const started = opaque.client.startRegistration({ password });
  return {
    request: decode(started.registrationRequest, "registrationRequest"),
    state: started.clientRegistrationState,
    password,
  };
}

/**
 * Stretches the password, which blocks this thread for about half a second.
 * @throws MessengerError `malformed`: the server's response is not one
 */
export async function finishRegistration(
  { state, password }: ClientStep,
  { response, keyStretching, ...identifiers }: ClientFinish,
): Promise<{ readonly record: Uint8Array; readonly exportKey: Uint8Array }> {
  const opaque = await openLibrary();
  const registrationResponse = encode(response, "registrationResponse");
  const finished = refusingMalformed(
    "registration response",
    () =>
      opaque.client.finishRegistration({
        password,
        registrationResponse,
        clientRegistrationState: state,
        identifiers: libraryIdentifiers(identifiers),
        keyStretching,
      }),
  );
  return {
    record: decode(finished.registrationRecord, "record"),
    exportKey: decode(finished.exportKey, "exportKey"),
  };
}

/** @param password as `preparePassword` gives it */
export async function startLogin(password: string): Promise<ClientStep> {
  const opaque = await openLibrary();
  const started = opaque.client.startLogin({ password });
  return {
    request: decode(started.startLoginRequest, "loginRequest"),
    state: started.clientLoginState,
    password,
  };
}

/**
 * Stretches the password, which blocks this thread for about half a second.
 * @returns undefined when the password is wrong, the name unknown, or the server another
 * @throws MessengerError `malformed`: the server's response is not one
 */
export async function finishLogin(
  { state, password }: ClientStep,
  { response, keyStretching, ...identifiers }: ClientFinish,
): Promise<{ readonly finish: Uint8Array; readonly exportKey: Uint8Array } | undefined> {
  const opaque = await openLibrary();
  const loginResponse = encode(response, "loginResponse");
  const finished = refusingMalformed("login response", () =>
    opaque.client.finishLogin({
      password,
      loginResponse,
      clientLoginState: state,
      identifiers: libraryIdentifiers(identifiers),
      keyStretching,
    }));
  if (finished === undefined) return undefined;
  return {
    finish: decode(finished.finishLoginRequest, "loginFinish"),
    exportKey: decode(finished.exportKey, "exportKey"),
  };
}

function libraryIdentifiers({ accountName, serverName }: Identifiers) {
  return { client: `qpq/1 account ${accountName}`, server: `qpq/1 server ${serverName}` };
}

type Field = keyof typeof OPAQUE_BYTES;

/** The library reads a prefix of what is too long, so lengths are checked here. */
function encode(bytes: Uint8Array, field: Field): string {
  if (bytes.length !== OPAQUE_BYTES[field]) {
    throw new MessengerError(
      "malformed",
      `Cannot accept OPAQUE ${field}: ${bytes.length} bytes instead of ${OPAQUE_BYTES[field]}`,
    );
  }
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

function decode(text: string, field: Field): Uint8Array {
  const bytes = Uint8Array.fromBase64(text, { alphabet: "base64url" });
  assert(bytes.length === OPAQUE_BYTES[field], "OPAQUE's messages have their lengths");
  return bytes;
}

function refusingMalformed<Result>(what: string, run: () => Result): Result {
  try {
    return run();
  } catch (cause) {
    if (cause instanceof MessengerError) throw cause;
    throw new MessengerError("malformed", `Cannot accept OPAQUE ${what}`, { cause });
  }
}
