import {
  createCommit,
  createGroup,
  type CryptoProvider,
  encryptMessage,
  type GroupState,
  joinGroup,
  loadGroup,
  mergeStaged,
  parseKeyPackage,
  processMessage,
  type Proposal,
  type RecordChanges,
  type RecordKey,
  type RecordReader,
  recordsOf,
} from "@qpq/mls";
import type { Contender, Prepared } from "./contender.ts";
import { membersOf } from "./members.ts";

/** This project's library, as its client uses it. */
export function ourContender(provider: CryptoProvider, suite: number): Contender {
  const { crypto, random, nowMs, lifetime, authenticate, newIdentity, newPackage } = membersOf(
    provider,
    suite,
  );

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
      let records: RecordChanges = { deleteUnder: [], delete: [], put: [] };
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
        async save() {
          records = recordsOf(joined());
        },
        async load() {
          const state = await loadGroup(provider, readerOf(records));
          if (state === undefined) throw new Error("Nothing was saved");
          await state.tree.load();
        },
      };
    },
  };
}

const MESSAGE = new Uint8Array(100).fill(0x61);

/** Records as a store would give them back: each a copy, listed by the first part of their keys. */
function readerOf(records: RecordChanges): RecordReader {
  const nameOf = (key: RecordKey): string => key.join("/");
  const values = new Map(records.put.map(([key, value]) => [nameOf(key), value]));
  return {
    get: (keys) => Promise.resolve(keys.map((key) => values.get(nameOf(key))?.slice())),
    list: (prefix) =>
      Promise.resolve(
        records.put
          .filter(([key]) =>
            key.length > prefix.length && prefix.every((part, index) => part === key[index])
          )
          .map(([key, value]) => [key, value.slice()] as const),
      ),
  };
}
