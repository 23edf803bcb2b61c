import { systemRandom } from "@qpq/adapters";
import { createIdentity, createKeyPackage, type CryptoProvider, type Identity } from "@qpq/mls";

/** What members of a bench's groups are made with. */
export function membersOf(provider: CryptoProvider, suite: number) {
  const crypto = provider.cipherSuite(suite);
  const random = systemRandom;
  const nowMs = Date.now();
  const nowSeconds = BigInt(Math.floor(nowMs / 1000));
  const lifetime = { notBefore: nowSeconds - 60n, notAfter: nowSeconds + 2_592_000n };
  const authenticate = async (entering: readonly unknown[]) => entering.map(() => true);
  const newIdentity = (name: string): Identity =>
    createIdentity(crypto, {
      credential: { kind: "basic", identity: new TextEncoder().encode(name) },
      signatureKeyPair: crypto.generateSignatureKeyPair(random),
      random,
    });
  const newPackage = (name: string) =>
    createKeyPackage(crypto, { identity: newIdentity(name), lifetime, random });
  return { crypto, random, nowMs, lifetime, authenticate, newIdentity, newPackage };
}
