/** Ways into a group: by the Welcome of somebody in it, or by an external commit of this device. */
import {
  createGroupInfo,
  EXTENSION_TYPE,
  findExtension,
  type GroupContext,
  HYBRID_CIPHER_SUITE,
  isLastResort,
  joinByExternalCommit,
  joinGroup,
  type Member,
  membersOf,
  parseGroupInfo,
  parseRatchetTreePausing,
  retireKeyPackage,
} from "@qpq/mls";
import { assert, compareKeys, MessengerError } from "@qpq/ports";
import { type InboxEntry, newEntryId } from "../../features/channels/client.ts";
import type { LeafDevice } from "../../features/devices/credential.ts";
import { encodeClaim } from "../../features/groups/claim.ts";
import {
  type CheckedContext,
  findConversationContext,
  sidesOf,
} from "../../features/groups/context.ts";
import {
  encodeCommit,
  type PendingCommit,
  putSync,
  type StoredConversation,
  type StoredSync,
} from "../../features/groups/group-store.ts";
import { authenticateWith } from "../../features/groups/rules.ts";
import { forgetUsedKeyPackage, readOwnKeyPackages } from "../../features/key-packages/stock.ts";
import { type Ground, pausing } from "./ground.ts";
import type { SharedView } from "./sharing.ts";
import { nameOfWelcome, UNNAMED } from "./group-name.ts";
import {
  type FindConversation,
  inheritedBy,
  predecessorOf,
  successionNotice,
  takingPlaceOf,
} from "./succession.ts";
import type { LiveConversation } from "./live-conversation.ts";

/** Leaves of a group that this device comes into, blank ones too: as many as a commit may welcome. */
const LEAVES_COUNT_MAX = 4_096;

const EMPTY = new Uint8Array();

/** A conversation that nothing is stored of yet. */
export const NEW_CONVERSATION: StoredConversation = {
  kind: "group",
  state: "joining",
  version: 0,
  name: UNNAMED,
  peerId: new Uint8Array(),
  cursor: 0,
  needsUpdate: false,
  isFromStranger: false,
  rejoinedAtMs: [],
  failure: "",
  epoch: 0,
  isUnconfirmed: false,
  strangers: [],
  judgedList: 0,
  threadId: new Uint8Array(),
  predecessorId: new Uint8Array(),
  successorId: new Uint8Array(),
  succeededAtMs: 0,
  stood: "active",
  invitedIds: [],
  incarnation: new Uint8Array(),
};

/** Who a conversation is with, as its context and members say. */
export function describe(
  ground: Ground,
  context: CheckedContext,
  devices: readonly LeafDevice[],
): Pick<StoredConversation, "kind" | "peerId"> & { readonly peerName: string | undefined } {
  const sides = sidesOf(context);
  if (sides === undefined) return { kind: "group", peerId: new Uint8Array(), peerName: undefined };
  const peerId = sides.find((id) => !same(id, ground.own.accountId));
  if (peerId === undefined || !sides.some((id) => same(id, ground.own.accountId))) {
    throw badInvitation("it is a direct message between others");
  }
  const peer = devices.find(({ accountId }) => same(accountId, peerId));
  if (devices.some(({ accountId }) => !sides.some((id) => same(id, accountId)))) {
    throw badInvitation("somebody else is in the direct message");
  }
  return { kind: "directMessage", peerId, peerName: peer?.accountName };
}

/**
 * Joins by a Welcome. A direct message is joined for good, a group waits for the user; both are
 * followed from here on.
 * @param options.live the conversation: new, or one that this device left, was removed from, or is behind in
 * @returns the devices in the group
 * @throws MessengerError why it leads nowhere; nothing is stored then
 */
export async function joinByWelcome(
  ground: Ground,
  { live, inboxEntry, sync, find }: {
    readonly find: FindConversation;
    readonly live: LiveConversation;
    readonly inboxEntry: InboxEntry;
    readonly sync: StoredSync;
  },
): Promise<readonly LeafDevice[]> {
  const { crypto, store, primitives, leaves } = ground;
  const suite = crypto.cipherSuite(HYBRID_CIPHER_SUITE);
  const keyPackages = await readOwnKeyPackages({ store, primitives, suite });
  const { state, keyPackage, groupInfo } = await joinGroup(suite, inboxEntry.welcome, {
    keyPackages,
    authenticate: authenticateWith(leaves),
    ...forStrangers(ground),
  });
  const { groupId, epoch } = state.context;
  if (!same(groupId, inboxEntry.channelId)) throw badInvitation("it is for another channel");
  // A last-resort package opens its Welcome again: the keys of that epoch may be used up.
  if (epoch <= BigInt(live.record.epoch)) throw badInvitation("it is into an epoch that is over");
  const members = membersOf(await state.tree.load());
  const devices = members.map(({ leafNode }) => leaves.open(leafNode));
  const context = findConversationContext(state.context.extensions);
  const { kind, peerId, peerName } = describe(ground, context, devices);
  const { accountName: inviter, accountId: inviterId } = signerOf(
    ground,
    members,
    groupInfo.signer,
  );
  const name = kind === "group" ? nameOfWelcome(groupInfo.extensions) : peerName ?? inviter;
  const isOwnDevices = same(inviterId, ground.own.accountId);
  const isNew = !live.isStored || live.record.state === "joining";
  const atMs = inboxEntry.acceptedAtMs;
  const isAccepted = kind === "directMessage" || isOwnDevices;
  const used = { reference: keyPackage.reference, atMs: ground.clock.now() };
  const old = isNew
    ? await predecessorOf(ground, find, { context, devices, creatorId: inviterId })
    : undefined;
  const write = (taken: LiveConversation | undefined) =>
    live.write({
      state,
      isFresh: true,
      supersedes: taken,
      ...live.commit === undefined ? {} : { commit: "lost" as const },
      record: {
        kind,
        name,
        peerId,
        state: isAccepted ? "active" : "invited",
        cursor: inboxEntry.channelSequence,
        needsUpdate: isLastResort(keyPackage.keyPackage),
        isFromStranger: !isOwnDevices && isNew,
        isUnconfirmed: false,
        failure: "",
        // Whose place an entry that came to nothing was to take, this group may not.
        ...isNew ? { threadId: EMPTY, predecessorId: EMPTY } : {},
        ...taken === undefined ? {} : inheritedBy(taken),
      },
      also: async (transaction) => {
        await forgetUsedKeyPackage(transaction, suite, used);
        putSync(transaction, { ...sync, inboxAfter: inboxEntry.sequence });
      },
      history: (thread) => {
        thread.addNotice(
          taken !== undefined
            ? successionNotice(taken, leaves, devices)
            : isOwnDevices
            ? { kind: "joined" }
            : { kind: "members-added", name: inviter, names: [ground.own.name] },
          atMs,
        );
        thread.noteConversation();
      },
    });
  await live.exclusive(() => takingPlaceOf(old, write));
  if (!isLastResort(keyPackage.keyPackage)) retireKeyPackage(suite, keyPackage);
  for (const other of keyPackages) {
    if (other === keyPackage) continue;
    other.initPrivateKey.fill(0);
    other.encryptionPrivateKey.fill(0);
  }
  return devices;
}

function signerOf(ground: Ground, members: readonly Member[], signer: number): LeafDevice {
  const member = members.find(({ leafIndex }) => leafIndex === signer);
  assert(member !== undefined, "a GroupInfo's signer was found in its tree");
  return ground.leaves.open(member.leafNode);
}

/** An external commit that was made and not yet stored. */
export interface MadeEntry {
  readonly pending: PendingCommit;
  readonly encoded: { readonly upload: Uint8Array; readonly staged: Uint8Array };
  readonly describes: Pick<
    StoredConversation,
    "kind" | "peerId" | "name" | "isFromStranger" | "threadId" | "predecessorId"
  >;
  /** The last entry that this device can't have. */
  readonly cursor: number;
}

/**
 * Makes the commit by which this device enters the channel's group, or enters it anew.
 * @param options.epochMin of what this device has seen
 * @param options.shared what the account's devices have seen: the server leads no device behind it
 * @throws MessengerError why there is no way in: `channels/not-a-member`, those of GroupInfo and tree
 */
export async function makeEntry(
  ground: Ground,
  channelId: Uint8Array,
  { epochMin, shared, find }: {
    readonly epochMin: number;
    readonly shared: SharedView | undefined;
    readonly find: FindConversation;
  },
): Promise<MadeEntry> {
  const { calls, crypto, leaves, own, ownDevices, deviceId, random, signal } = ground;
  const found = await calls.groupInfo(channelId, { signal });
  const info = parseGroupInfo(found.groupInfo);
  const { groupContext } = info;
  refuseOlder(groupContext, epochMin, shared);
  if (!same(groupContext.groupId, channelId)) throw badInvitation("it is another group");
  if (groupContext.cipherSuite !== ground.suite.id) {
    throw new MessengerError(
      "mls/unsupported-cipher-suite",
      "Cannot enter group: its cipher suite is not one that is accepted",
    );
  }
  const tree = findExtension(info.extensions, EXTENSION_TYPE.ratchetTree);
  if (tree === undefined) throw badInvitation("its tree is missing");
  const parsed = await parseRatchetTreePausing(tree, forStrangers(ground));
  if (parsed.leafCount > LEAVES_COUNT_MAX) throw badInvitation("it is too large");
  const members = membersOf(parsed);
  const devices = members.map(({ leafNode }) => leaves.open(leafNode));
  const oldLeaf = members.find((_, index) => {
    const device = devices[index];
    return device !== undefined && same(device.accountId, own.accountId) &&
      same(device.deviceId, deviceId);
  });
  const context = findConversationContext(groupContext.extensions);
  const { kind, peerId, peerName } = describe(ground, context, devices);
  const ownLeaves = devices.filter(({ accountId }) => same(accountId, own.accountId));
  const old = await predecessorOf(ground, find, { context, devices, creatorId: undefined });
  const isIn = ownLeaves.length > 0;
  if (!isIn && kind === "group") throw badInvitation("the account is not in the group");
  await ownDevices.refresh(Math.max(0, ...ownLeaves.map(({ generation }) => generation)));
  const suite = crypto.cipherSuite(groupContext.cipherSuite);
  const entryId = newEntryId(ground);
  const { staged, commit } = await joinByExternalCommit(suite, found.groupInfo, {
    identity: await ground.identity(suite),
    random,
    authenticate: authenticateWith(leaves),
    ...forStrangers(ground),
    authenticatedData: encodeClaim({ entryId, added: isIn ? [] : [own.accountId], removed: [] }),
    ...oldLeaf === undefined ? {} : { removes: oldLeaf.leafIndex },
  });
  const upload = {
    entryId,
    message: commit,
    groupInfo: await createGroupInfo(staged.next, forStrangers(ground)),
    welcomes: [],
  };
  return {
    pending: { stored: { call: "enter", entryId, sequence: 0 }, upload, staged },
    encoded: encodeCommit(undefined, { upload, staged }),
    describes: {
      kind,
      peerId,
      name: peerName ?? sharedName(shared),
      isFromStranger: ownLeaves.every((device) => same(device.deviceId, deviceId)),
      // Said anew each time: of an entry that came to nothing before it may have been another.
      threadId: old?.threadId ?? EMPTY,
      predecessorId: old?.groupId ?? EMPTY,
    },
    cursor: found.sequence,
  };
}

function refuseOlder(
  { epoch, confirmedTranscriptHash }: GroupContext,
  epochMin: number,
  shared: SharedView | undefined,
): void {
  const isOlder = epoch < BigInt(Math.max(epochMin, shared?.epoch ?? 0));
  // The same number with another past is a fork.
  const isFork = shared !== undefined && epoch === BigInt(shared.epoch) &&
    !same(confirmedTranscriptHash, shared.confirmedTranscriptHash);
  if (!isOlder && !isFork) return;
  throw new MessengerError(
    "mls/invalid-group-info",
    "Cannot enter group: the server gives an epoch that is over, or another one of that number",
  );
}

function sharedName(shared: SharedView | undefined): string {
  return shared === undefined || shared.name === "" ? UNNAMED : shared.name;
}

/** Whoever has a key package of this device may send it a tree: how large, and how long it takes. */
function forStrangers({ clock, signal }: Ground) {
  return { leavesCountMax: LEAVES_COUNT_MAX, pause: pausing({ clock, signal }) };
}

function badInvitation(state: string): MessengerError {
  return new MessengerError("conversations/bad-invitation", `Cannot join: ${state}`);
}

function same(one: Uint8Array, other: Uint8Array): boolean {
  return compareKeys(one, other) === 0;
}
