import {
  createCommit,
  createGroup,
  createIdentity,
  createKeyPackage,
  encryptMessage,
  HYBRID_CIPHER_SUITE,
  joinGroup,
  mergeStaged,
  processMessage,
  runtimeCryptoProvider,
} from "@qpq/mls";
import type { Random } from "@qpq/ports";

export async function aliceGreetsBob(random: Random, nowMs: number): Promise<string> {
  const crypto = runtimeCryptoProvider().cipherSuite(HYBRID_CIPHER_SUITE);
  const identityOf = (name: string) =>
    createIdentity(crypto, {
      credential: { kind: "basic", identity: new TextEncoder().encode(name) },
      signatureKeyPair: crypto.generateSignatureKeyPair(random),
      random,
    });
  const now = BigInt(Math.floor(nowMs / 1000));
  const lifetime = { notBefore: now - 3600n, notAfter: now + 90n * 24n * 3600n };

  // Who is who is yours to decide: here everybody is believed.
  const authenticate = (entering: readonly unknown[]) => Promise.resolve(entering.map(() => true));

  // Bob publishes a KeyPackage. Alice creates a group and adds him.
  const bobsPackage = await createKeyPackage(crypto, {
    identity: identityOf("bob"),
    lifetime,
    random,
  });
  const group = await createGroup(crypto, { identity: identityOf("alice"), lifetime, random });
  const add = { kind: "add", keyPackage: bobsPackage.keyPackage } as const;
  const commit = await createCommit(group, { proposals: [add], authenticate, random, nowMs });

  // The delivery service accepted the commit: Alice goes on with the new epoch, Bob joins it.
  let alice = mergeStaged(commit.state, commit.staged);
  const welcome = commit.welcome as Uint8Array;
  const { state: bob } = await joinGroup(crypto, welcome, {
    keyPackages: [bobsPackage],
    authenticate,
  });

  const sent = encryptMessage(alice, new TextEncoder().encode("hello"), { random });
  alice = sent.state; // Never encrypt with the old state again.
  const outcome = await processMessage(bob, sent.message, { authenticate });
  if (outcome.kind !== "application") throw new Error(outcome.kind);
  return new TextDecoder().decode(outcome.data);
}
