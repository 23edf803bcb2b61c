import { encode } from "../codec/codec.ts";
import type { CipherSuite } from "../crypto/provider.ts";
import { readWholeSecretTree, type RecordReader } from "../group/records.ts";
import { type GroupState, treeInMemory } from "../group/state.ts";
import { deriveTreeSecret, expandWithLabel, prepareEncryption } from "../labels.ts";
import type { UpdatePath } from "../wire/commit.ts";
import { type GroupContext, groupContext } from "../wire/group-info.ts";

/**
 * What somebody could compute who has a copy of a state, without the library's own checks in the way. For
 * tests: "gone" means that no secret in the copy leads to it.
 */

/** Every byte string that can be reached in a state's secrets. */
export function secretsIn(state: GroupState): readonly Uint8Array[] {
  const found: Uint8Array[] = [];
  const visit = (value: unknown): void => {
    if (value instanceof Uint8Array) found.push(value.slice());
    else if (value instanceof Map) { for (const each of value.values()) visit(each); }
    else if (Array.isArray(value)) { for (const each of value) visit(each); }
    else if (typeof value === "object" && value !== null) Object.values(value).forEach(visit);
  };
  visit(state.secretTree);
  visit(state.secrets);
  visit(state.ownKeys);
  return found;
}

/**
 * All message keys that follow from `secrets`, each tried as a node of the secret tree and as a ratchet
 * secret of every generation (RFC 9420 §9), in hex; and those that are there as they are.
 */
export function messageKeysFrom(
  crypto: CipherSuite,
  secrets: readonly Uint8Array[],
  limits: { readonly treeDepth: number; readonly generations: number },
): ReadonlySet<string> {
  const keys = new Set(secrets.map((secret) => secret.toHex()));
  const expand = (secret: Uint8Array, label: string, context: Uint8Array): Uint8Array =>
    expandWithLabel(crypto, secret, { label, context, length: crypto.hashLength });
  const ratchet = (secret: Uint8Array, from: number): void => {
    let current = secret;
    for (let generation = from; generation < limits.generations; generation++) {
      const derive = (label: string, length: number): Uint8Array =>
        deriveTreeSecret(crypto, current, { label, generation, length });
      keys.add(derive("key", crypto.aeadKeyLength).toHex());
      current = derive("secret", crypto.hashLength);
    }
  };
  const descend = (secret: Uint8Array, depth: number): void => {
    for (const label of ["handshake", "application"]) ratchet(expand(secret, label, EMPTY), 0);
    if (depth === 0) return;
    for (const side of ["left", "right"]) {
      descend(expand(secret, "tree", new TextEncoder().encode(side)), depth - 1);
    }
  };
  for (const secret of secrets) {
    if (secret.length !== crypto.hashLength) continue;
    descend(secret, limits.treeDepth);
    for (let from = 0; from < limits.generations; from++) ratchet(secret, from);
  }
  return keys;
}

const EMPTY = new Uint8Array();

/** How many of a commit's encrypted path secrets any of these private keys opens. */
export async function openedPathSecrets(
  crypto: CipherSuite,
  path: UpdatePath,
  attempt: {
    readonly privateKeys: readonly Uint8Array[];
    /** What the committer encrypted under (RFC 9420 §12.4.1). */
    readonly provisionalContext: GroupContext;
  },
): Promise<number> {
  const context = encode(groupContext, attempt.provisionalContext);
  const info = prepareEncryption(crypto, "UpdatePathNode", context);
  let openedCount = 0;
  for (const { encryptedPathSecrets } of path.nodes) {
    for (const sealed of encryptedPathSecrets) {
      for (const privateKey of attempt.privateKeys) {
        const opened = await crypto.hpkeOpen(privateKey, { info, ...sealed });
        if (opened !== undefined) openedCount++;
      }
    }
  }
  return openedCount;
}

/** A deep copy, as a thief of memory and disk would have it. */
export async function steal(
  client: { readonly state: GroupState; readonly records: RecordReader },
): Promise<GroupState> {
  const { state, records } = client;
  const tree = treeInMemory(await state.tree.load());
  return copyOf({ ...await readWholeSecretTree(state, records), tree });
}

/** @param state all of it in memory */
export function copyOf(state: GroupState): GroupState {
  const { crypto, tree, readSecretPath, ...rest } = state;
  return { ...structuredClone(rest), crypto, tree, readSecretPath };
}
