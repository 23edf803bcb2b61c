import {
  changedRecords,
  createCommit,
  createGroup,
  createIdentity,
  createKeyPackage,
  encryptMessage,
  HYBRID_CIPHER_SUITE,
  joinGroup,
  mergeStaged,
  processMessage,
  type RecordChanges,
  recordsOf,
  retire,
  retireKeyPackage,
  runtimeCryptoProvider,
} from "@qpq/mls";
import type { Random } from "@qpq/ports";

/** @param store writes the changes of one member's records in one transaction */
export async function aliceGreetsBob(
  store: (member: string, changes: RecordChanges) => Promise<void>,
  random: Random,
  nowMs: number,
): Promise<string> {
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
  const identity = identityOf("bob");
  const bobsPackage = await createKeyPackage(crypto, { identity, lifetime, random });
  const group = await createGroup(crypto, { identity: identityOf("alice"), lifetime, random });
  await store("alice", recordsOf(group));
  const add = { kind: "add", keyPackage: bobsPackage.keyPackage } as const;
  const commit = await createCommit(group, { proposals: [add], authenticate, random, nowMs });

  // Stored before the commit leaves: one key is used up. `encodeStaged` keeps `commit.staged`, too.
  await store("alice", changedRecords(group, commit.state));
  retire(group, commit.state);

  // The delivery service accepted the commit: Alice goes on with the new epoch, Bob joins it.
  let alice = mergeStaged(commit.state, commit.staged);
  await store("alice", changedRecords(commit.state, alice));
  retire(commit.state, alice);
  const welcome = commit.welcome as Uint8Array;
  const keyPackages = [bobsPackage];
  const { state: bob } = await joinGroup(crypto, welcome, { keyPackages, authenticate });
  await store("bob", recordsOf(bob));
  retireKeyPackage(crypto, bobsPackage);

  // Written, then sent, then retired: the key of this message is gone, on disk and in memory.
  const sent = encryptMessage(alice, new TextEncoder().encode("hello"), { random });
  await store("alice", changedRecords(alice, sent.state));
  retire(alice, sent.state);
  alice = sent.state;

  const outcome = await processMessage(bob, sent.message, { authenticate });
  if (outcome.kind !== "application") throw new Error(outcome.kind);
  await store("bob", changedRecords(bob, outcome.state));
  retire(bob, outcome.state);
  return new TextDecoder().decode(outcome.data);
}
