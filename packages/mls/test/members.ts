import { assert } from "@qpq/ports";
import type { CipherSuite } from "../crypto/provider.ts";
import { runtimeCryptoProvider } from "../crypto/runtime.ts";
import { createCommit, mergeStaged } from "../group/create-commit.ts";
import { createGroup } from "../group/create-group.ts";
import {
  createCapabilities,
  createIdentity,
  createKeyPackage,
  type Identity,
  type OwnKeyPackage,
} from "../group/identity.ts";
import { joinGroup } from "../group/join.ts";
import type { Authenticate, StagedCommit } from "../group/outcome.ts";
import { type Outcome, processMessage } from "../group/process-message.ts";
import type { GroupState } from "../group/state.ts";
import type { Extension } from "../wire/extension.ts";
import type { Lifetime } from "../wire/leaf-node.ts";
import type { Proposal } from "../wire/proposal.ts";

export const provider = runtimeCryptoProvider();
/** The quickest suite: most rules are the same for all. */
export const CRYPTO = provider.cipherSuite(1);
export const NOW_MS = Date.UTC(2026, 0, 15);
export const LIFETIME: Lifetime = {
  notBefore: BigInt(NOW_MS / 1000 - 3600),
  notAfter: BigInt(NOW_MS / 1000 + 90 * 24 * 3600),
};

let counter = 1;

/** Distinct and repeatable: xorshift32. Good enough for keys that protect nothing. */
export const random = {
  bytes(length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length);
    for (let index = 0; index < length; index++) {
      counter ^= counter << 13;
      counter ^= counter >>> 17;
      counter ^= counter << 5;
      bytes[index] = counter >>> 11;
    }
    return bytes;
  },
};

export const authenticateAny: Authenticate = (entering) =>
  Promise.resolve(entering.map(() => true));

export const acceptAll = { authenticate: authenticateAny };

export function identityOf(
  name: string,
  options: {
    readonly crypto?: CipherSuite;
    readonly extensionTypes?: readonly number[];
    readonly extensions?: readonly Extension[];
    readonly proposals?: readonly number[];
    readonly credentials?: readonly number[];
  } = {},
): Identity {
  const crypto = options.crypto ?? CRYPTO;
  return createIdentity(crypto, {
    credential: { kind: "basic", identity: new TextEncoder().encode(name) },
    signatureKeyPair: crypto.generateSignatureKeyPair(random),
    random,
    capabilities: createCapabilities({
      cipherSuites: [crypto.id],
      credentials: options.credentials ?? [1],
      extensions: options.extensionTypes ?? [],
      proposals: options.proposals ?? [],
      random,
    }),
    extensions: options.extensions ?? [],
  });
}

export function keyPackageOf(
  identity: Identity,
  options: { readonly crypto?: CipherSuite; readonly lifetime?: Lifetime } = {},
): Promise<OwnKeyPackage> {
  const { crypto = CRYPTO, lifetime = LIFETIME } = options;
  return createKeyPackage(crypto, { identity, lifetime, random });
}

export const commitOptions = { ...acceptAll, random, nowMs: NOW_MS };

export function addOf({ keyPackage }: OwnKeyPackage): Proposal {
  return { kind: "add", keyPackage };
}

/** A group whose creator has added all others in one commit; members in the order of their leaves. */
export async function createMembers(
  count: number,
  options: {
    readonly crypto?: CipherSuite;
    readonly extensions?: readonly Extension[];
    readonly path?: "always" | "when-needed";
  } = {},
): Promise<GroupState[]> {
  const { crypto = CRYPTO, extensions = [] } = options;
  const identity = (index: number): Identity => identityOf(`member ${index}`, { crypto });
  const creator = await createGroup(crypto, {
    identity: identity(0),
    lifetime: LIFETIME,
    random,
    extensions,
  });
  if (count === 1) return [creator];
  const keyPackages = await Promise.all(
    Array.from({ length: count - 1 }, (_, index) => keyPackageOf(identity(index + 1), { crypto })),
  );
  const commit = await createCommit(creator, {
    ...commitOptions,
    proposals: keyPackages.map(addOf),
    path: options.path ?? "always",
  });
  const joined = await Promise.all(
    keyPackages.map((keyPackage) =>
      joinGroup(crypto, commit.welcome as Uint8Array, { ...acceptAll, keyPackages: [keyPackage] })
    ),
  );
  return [mergeStaged(commit.state, commit.staged), ...joined.map(({ state }) => state)];
}

/** What a member makes of a commit, which must be to stage it. */
export async function stage(state: GroupState, commit: Uint8Array): Promise<StagedCommit> {
  const outcome = await processMessage(state, commit, acceptAll);
  assert(outcome.kind === "commit-staged", `a commit is staged, not ${outcome.kind}`);
  return outcome.staged;
}

export async function receive<K extends Outcome["kind"]>(
  state: GroupState,
  message: Uint8Array,
  kind: K,
): Promise<Extract<Outcome, { readonly kind: K }>> {
  const outcome = await processMessage(state, message, acceptAll);
  assert(outcome.kind === kind, `${kind} is expected, not ${outcome.kind}`);
  return outcome as Extract<Outcome, { readonly kind: K }>;
}
