/**
 * The cipher suites themselves, for programs that verify what is public and hold no group: a server.
 * Functions of their arguments: nothing here knows an epoch, a tree or a message.
 *
 * @module
 */
export type { CipherSuite, CryptoProvider } from "./crypto/provider.ts";
export { runtimeCryptoProvider } from "./crypto/runtime.ts";
export { HYBRID_CIPHER_SUITE } from "./crypto/suites.ts";
