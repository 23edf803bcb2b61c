import type { Identity } from "../group/identity.ts";
import type { GroupState } from "../group/state.ts";
import { leafAt } from "../tree/ratchet-tree.ts";
import type { Extension } from "../wire/extension.ts";
import type { LeafNode } from "../wire/leaf-node.ts";
import type { PreSharedKeyId, Proposal } from "../wire/proposal.ts";
import { createMembers, CRYPTO, identityOf } from "./members.ts";

/** What the tests of single rules share. */

export interface World {
  readonly alice: GroupState;
  readonly bob: GroupState;
  readonly carol: GroupState;
}

export const NONCE = new Uint8Array(CRYPTO.hashLength);
export const external = (name: number, pskNonce = NONCE): PreSharedKeyId => ({
  kind: "external",
  pskId: Uint8Array.of(name),
  pskNonce,
});
export const resumption = (usage: "reinit" | "branch", world: World): Proposal => ({
  kind: "psk",
  psk: {
    kind: "resumption",
    usage,
    pskGroupId: world.alice.context.groupId,
    pskEpoch: world.alice.context.epoch,
    pskNonce: NONCE,
  },
});
export const reinit = (version: number): Proposal => ({
  kind: "reinit",
  groupId: Uint8Array.of(1),
  version,
  cipherSuite: CRYPTO.id,
  extensions: [],
});
export const contextExtensions = (extensions: readonly Extension[]): Proposal => ({
  kind: "group-context-extensions",
  extensions,
});
export const NOTHING = { extensionTypes: [], proposalTypes: [], credentialTypes: [] };
export const dave = (): Identity => identityOf("dave");
export const without = (identity: Identity, part: keyof Identity["capabilities"]): Identity => ({
  ...identity,
  capabilities: { ...identity.capabilities, [part]: [] },
});
export const ownLeaf = async (state: GroupState): Promise<LeafNode> =>
  leafAt(await state.tree.load(), state.ownLeafIndex) as LeafNode;

export async function createWorld(): Promise<World> {
  const [alice, bob, carol] = await createMembers(3) as [GroupState, GroupState, GroupState];
  return { alice, bob, carol };
}
