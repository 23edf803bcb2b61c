import {
  createCommit,
  createGroup,
  createGroupInfo,
  type CryptoProvider,
  joinByExternalCommit,
  joinGroup,
  mergeStaged,
  parseKeyPackage,
  processMessage,
} from "@qpq/mls";
import { membersOf } from "./members.ts";

/** What one operation took, and the longest time for which nothing else had its turn meanwhile. */
export interface Held {
  readonly name: string;
  readonly totalMs: number;
  readonly longestMs: number;
}

/** The work of large groups, as a client does it: with a pause that lets others have their turn. */
export async function measureHolds(
  provider: CryptoProvider,
  suite: number,
  joinersCount: number,
): Promise<readonly Held[]> {
  const { crypto, random, nowMs, lifetime, authenticate, newIdentity, newPackage } = membersOf(
    provider,
    suite,
  );
  const options = { random, nowMs, lifetime, authenticate, pause: turn };

  const joiners: Awaited<ReturnType<typeof newPackage>>[] = [];
  for (let index = 0; index < joinersCount; index++) joiners.push(await newPackage(`m${index}`));
  const second = await newPackage("second");
  const first = await createGroup(crypto, { identity: newIdentity("first"), lifetime, random });
  const begin = await createCommit(first, {
    ...options,
    proposals: [{ kind: "add", keyPackage: parseKeyPackage(second.message) }],
  });
  const committer = mergeStaged(begin.state, begin.staged);
  const receiver = (await joinGroup(crypto, begin.welcome ?? new Uint8Array(), {
    ...options,
    keyPackages: [second],
  })).state;
  const proposals = joiners.map(({ message }) =>
    ({ kind: "add", keyPackage: parseKeyPackage(message) }) as const
  );

  const held: Held[] = [];
  const hold = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const { value, ...times } = await watch(work);
    held.push({ name, ...times });
    return value;
  };
  const added = await hold("add all", () => createCommit(committer, { ...options, proposals }));
  const { welcome } = added;
  const joiner = joiners.at(-1);
  if (welcome === undefined || joiner === undefined) throw new Error("Nobody was added");
  await hold("process that commit", () => processMessage(receiver, added.commit, options));
  const { state } = await hold(
    "join by its Welcome",
    () => joinGroup(crypto, welcome, { ...options, keyPackages: [joiner] }),
  );
  const info = await hold("make a GroupInfo", () => createGroupInfo(state, options));
  const entered = await hold(
    "commit from outside",
    () => joinByExternalCommit(crypto, info, { ...options, identity: newIdentity("outsider") }),
  );
  await hold("process that commit too", () => processMessage(state, entered.commit, options));
  const updated = await hold("make a path", () => createCommit(state, options));
  const next = mergeStaged(added.state, added.staged);
  await hold("process that path", () => processMessage(next, updated.commit, options));
  return held;
}

/** The longest gap between two turns of the event loop while `work` goes on. */
async function watch<T>(work: () => Promise<T>) {
  let isRunning = true;
  let longestMs = 0;
  const start = performance.now();
  let last = start;
  const look = () => {
    const now = performance.now();
    longestMs = Math.max(longestMs, now - last);
    last = now;
    if (isRunning) setImmediate(look);
  };
  await turn();
  setImmediate(look);
  const value = await work();
  isRunning = false;
  look();
  return { value, totalMs: performance.now() - start, longestMs };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
