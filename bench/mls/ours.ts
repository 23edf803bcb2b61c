import { systemRandom } from "@qpq/adapters";
import {
  type CipherSuite,
  createCommit,
  createGroup,
  createIdentity,
  createKeyPackage,
  encryptMessage,
  type GroupState,
  type Identity,
  joinGroup,
  mergeStaged,
  parseKeyPackage,
  processMessage,
  type Proposal,
} from "@qpq/mls";
import type { Contender, Prepared } from "./contender.ts";

/** This project's library, as its client uses it. */
export function ourContender(crypto: CipherSuite): Contender {
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

  return {
    name: "ours",
    keyPackage: () => newPackage("alice"),
    async prepare(memberCount): Promise<Prepared> {
      const others: Awaited<ReturnType<typeof newPackage>>[] = [];
      for (let index = 1; index < memberCount; index++) {
        others.push(await newPackage(`member ${index}`));
      }
      const last = others.at(-1);
      if (last === undefined) throw new Error("A group has at least two members");
      let creator = await createGroup(crypto, { identity: newIdentity("first"), lifetime, random });
      let joiner: GroupState | undefined;
      let welcomeBytes = new Uint8Array();
      let commitBytes = new Uint8Array();
      const sent: Uint8Array[] = [];
      const commit = async (proposals: readonly Proposal[]): Promise<void> => {
        const created = await createCommit(creator, { random, nowMs, authenticate, proposals });
        creator = mergeStaged(created.state, created.staged);
        commitBytes = created.commit;
        if (created.welcome !== undefined) welcomeBytes = created.welcome;
      };
      const joined = (): GroupState => {
        if (joiner === undefined) throw new Error("Nobody has joined");
        return joiner;
      };
      const processCommit = async (): Promise<void> => {
        const outcome = await processMessage(joined(), commitBytes, { authenticate });
        if (outcome.kind !== "commit-staged") throw new Error(outcome.kind);
        joiner = mergeStaged(outcome.state, outcome.staged);
      };
      return {
        addAll: () =>
          commit(others.map(({ message }) => ({
            kind: "add",
            keyPackage: parseKeyPackage(message),
          }))),
        async join() {
          const options = { keyPackages: [last], authenticate };
          joiner = (await joinGroup(crypto, welcomeBytes, options)).state;
        },
        updateCreate: () => commit([]),
        updateProcess: processCommit,
        removeCreate: () => commit([{ kind: "remove", removed: 1 }]),
        removeProcess: processCommit,
        async encrypt() {
          const { state, message } = encryptMessage(creator, MESSAGE, { random });
          creator = state;
          sent.push(message);
        },
        async decrypt() {
          const bytes = sent.shift();
          if (bytes === undefined) throw new Error("Nothing was sent");
          const outcome = await processMessage(joined(), bytes, { authenticate });
          if (outcome.kind !== "application") throw new Error(outcome.kind);
          joiner = outcome.state;
        },
        async save() {},
        async load() {},
      };
    },
  };
}

const MESSAGE = new Uint8Array(100).fill(0x61);
