/** Commits: the first of a channel, those that end an epoch, and the one that begins a successor. */
import { MessengerError, putBody, type StoreTransaction } from "@qpq/ports";
import {
  type ChannelsCommitResults,
  type ChannelsCreateResults,
  type ChannelsSucceedResults,
  type CommitUpload,
  encodeStoredChannel,
  encodeStoredEntryId,
  type Recipient,
  type StoredChannel,
  type StoredHead,
} from "./channels.gen.ts";
import {
  type CheckedContext,
  isAdmin,
  parseConversationContext,
  sidesOf,
} from "../groups/context.ts";
import { throwIfRefused, verdictOnPublic } from "./append.ts";
import {
  type Caller,
  type ChannelsCore,
  checkChannelId,
  checkNotClosed,
  checkNotRevoked,
  epochAhead,
  epochOf,
  findEntryId,
  notAMember,
  rateKey,
  rateLimited,
  sameBytes,
  withTokens,
} from "./core.ts";
import { aboutKey, entryBodyParts, entryIdKey, groupInfoParts, pairKey } from "./keys.ts";
import { addMembers, badClaim, deliverWelcomes, notAdmin, removeMembers } from "./membership.ts";
import {
  isInline,
  isOpen,
  putEntry,
  putHead,
  readChannel,
  readHead,
  readMember,
} from "./records.ts";
import { CONCERNED_COST_KIB } from "./limits.ts";
import { type CheckedUpload, checkUpload } from "./upload.ts";

const EMPTY = new Uint8Array();

/**
 * Makes a channel with its first commit, Welcomes and GroupInfo, all in one. Between two accounts there
 * is one direct message: for the second who makes it, the result is the first's channel.
 * @throws MessengerError those of `checkUpload`; `channels/exists`, `channels/not-admin`,
 *   `channels/bad-claim`, `channels/too-many-members`, `channels/rate-limited`, `accounts/unknown`,
 *   `mls/unsupported-cipher-suite`
 */
export async function create(
  core: ChannelsCore,
  caller: Caller,
  upload: CommitUpload,
): Promise<ChannelsCreateResults> {
  const commit = checkUpload(core, upload);
  const { channelId, context } = commit;
  if (context.predecessor !== undefined) throw badSuccessor("it has a call of its own");
  const founders = checkFirst(core, caller, commit);
  const acceptedAtMs = core.clock.now();
  const rates = [
    { buckets: core.createRates, key: caller.accountId.toHex() },
    uploadRate(core, caller, commit),
  ];
  return await withTokens(rates, async (waitMs) => {
    const result = await core.store.transaction(async (transaction) => {
      checkNotRevoked(caller);
      const sides = sidesOf(context);
      const [earlier, head, existing] = await Promise.all([
        findEntryId(transaction, caller, commit),
        readHead(transaction, channelId),
        sides && transaction.get(pairKey(...sides)),
      ]);
      if (earlier !== undefined) {
        return { channelId: earlier.channelId, sequence: earlier.sequence, isNew: true, ...NONE };
      }
      if (existing !== undefined) {
        return { channelId: existing, sequence: 0, isNew: false, ...NONE };
      }
      if (head !== undefined) throw exists();
      if (waitMs > 0) throw rateLimited(waitMs);
      const undelivered = await putChannel(core, transaction, {
        caller,
        commit,
        founders,
        acceptedAtMs,
      });
      return { channelId, sequence: 1, isNew: true, undelivered };
    });
    return { isUsed: result.isNew, result };
  });
}

const NONE: { readonly undelivered: readonly Recipient[] } = { undelivered: [] };

/**
 * Ends an epoch: the entry, Welcomes, GroupInfo and changes of the members take effect in one.
 * @throws MessengerError in this order: those of `checkUpload`; `channels/entry-id-reused`;
 *   `channels/not-a-member`, `channels/closed`; `channels/epoch-taken`, `channels/epoch-ahead`;
 *   `channels/external-commit-refused`; `channels/commit-turn`, `channels/rate-limited`;
 *   `channels/not-admin`, `channels/bad-claim`, `channels/bad-group-info`, `channels/bad-welcome`,
 *   `channels/too-many-members`, `channels/too-many-channels`, `accounts/unknown`
 */
export async function commit(
  core: ChannelsCore,
  caller: Caller,
  params: { readonly channelId: Uint8Array; readonly upload: CommitUpload },
): Promise<ChannelsCommitResults> {
  const { channelId } = params;
  const upload = checkUpload(core, params.upload);
  if (!sameBytes(upload.channelId, channelId)) {
    throw new MessengerError("channels/bad-message", "Cannot accept commit: for another group");
  }
  const key = rateKey(caller, channelId);
  const channel = channelId.toHex();
  const tryWaitMs = upload.header.publicMessage === undefined ? core.commitTryRates.take(key) : 0;
  const verdict = await verdictOnPublic(core, caller, upload.header);
  const acceptedAtMs = core.clock.now();
  const rates = [{ buckets: core.commitRates, key }, uploadRate(core, caller, upload)];
  return await withTokens(rates, async (waitMs) => {
    const outcome = await core.store.transaction(async (transaction) => {
      checkNotRevoked(caller);
      const [earlier, head, member] = await Promise.all([
        findEntryId(transaction, caller, upload),
        readHead(transaction, channelId),
        readMember(transaction, channelId, caller.accountId),
      ]);
      if (earlier !== undefined) return { kind: "earlier", sequence: earlier.sequence } as const;
      if (head === undefined || !isOpen(member)) throw notAMember();
      checkNotClosed(head);
      const epoch = epochOf(upload.header);
      if (epoch > head.epoch) throw epochAhead();
      const about = await readChannel(transaction, channelId);
      const isByAdmin = isAdmin(parseConversationContext(about.context), caller.accountId);
      if (epoch < head.epoch) return { kind: "lost", epoch, head, isByAdmin } as const;
      throwIfRefused(verdict);
      const isWinner = sameBytes(head.committer, caller.accountId);
      const turnMs = core.turns.waitMs(channel, head.epoch, { isWinner, isAdmin: isByAdmin });
      if (turnMs > 0) throw notYourTurn(turnMs);
      const rateMs = Math.max(waitMs, tryWaitMs);
      if (rateMs > 0) throw rateLimited(rateMs);
      const sequence = head.sequence + 1;
      const place = { head, about, sequence, acceptedAtMs, caller };
      const undelivered = await putCommit(core, transaction, upload, place);
      return { kind: "accepted", sequence, undelivered } as const;
    });
    if (outcome.kind === "lost") {
      const { head, epoch, isByAdmin } = outcome;
      if (epoch + 1 === head.epoch && !sameBytes(head.committer, caller.accountId)) {
        core.turns.lost(channel, head.epoch, { isAdmin: isByAdmin });
      }
      throw new MessengerError(
        "channels/epoch-taken",
        "Cannot accept commit: another one has ended its epoch",
      );
    }
    const { sequence } = outcome;
    if (outcome.kind === "earlier") return { isUsed: false, result: { sequence, ...NONE } };
    const { undelivered } = outcome;
    core.hub.offer(channelId, {
      sequence,
      kind: "commit",
      acceptedAtMs,
      entryId: upload.entryId,
      message: isInline(upload.message.length) ? upload.message : EMPTY,
      messageBytes: upload.message.length,
    });
    return { isUsed: true, result: { sequence, undelivered } };
  });
}

/**
 * Makes the one successor of a channel, and closes that with an entry of the server's own.
 * @throws MessengerError those of `create` and `commit`; `channels/bad-successor`
 */
export async function succeed(
  core: ChannelsCore,
  caller: Caller,
  params: { readonly channelId: Uint8Array; readonly upload: CommitUpload },
): Promise<ChannelsSucceedResults> {
  const { channelId: oldId } = params;
  checkChannelId(oldId);
  const upload = checkUpload(core, params.upload);
  const { predecessor } = upload.context;
  if (predecessor === undefined || !sameBytes(predecessor.groupId, oldId)) {
    throw badSuccessor("it names another predecessor");
  }
  const founders = checkFirst(core, caller, upload);
  const acceptedAtMs = core.clock.now();
  const rates = [
    { buckets: core.commitRates, key: rateKey(caller, oldId) },
    // Each successor is another channel: a chain of them has no other limit.
    { buckets: core.createRates, key: caller.accountId.toHex() },
    uploadRate(core, caller, upload),
  ];
  return await withTokens(rates, async (waitMs) => {
    const outcome = await core.store.transaction(async (transaction) => {
      checkNotRevoked(caller);
      const [earlier, old, member, head] = await Promise.all([
        findEntryId(transaction, caller, upload),
        readHead(transaction, oldId),
        readMember(transaction, oldId, caller.accountId),
        readHead(transaction, upload.channelId),
      ]);
      if (earlier !== undefined) return { ...NONE, closingSequence: 0 };
      if (old === undefined || !isOpen(member)) throw notAMember();
      checkNotClosed(old);
      if (waitMs > 0) throw rateLimited(waitMs);
      if (head !== undefined) throw exists();
      if (predecessor.epoch > old.epoch) throw badSuccessor("the old group never got that far");
      const { context } = await readChannel(transaction, oldId);
      checkSuccession(caller, parseConversationContext(context), upload.context);
      const members = await Promise.all(founders.map((id) => readMember(transaction, oldId, id)));
      if (!members.every(isOpen)) throw badSuccessor("it has a member that the old one has not");
      const undelivered = await putChannel(core, transaction, {
        caller,
        commit: upload,
        founders,
        acceptedAtMs,
      });
      const closingSequence = close(transaction, oldId, { old, upload, acceptedAtMs });
      return { undelivered, closingSequence };
    });
    const { undelivered, closingSequence } = outcome;
    return {
      isUsed: closingSequence > 0,
      result: { successorId: upload.channelId, sequence: 1, undelivered },
    };
  });
}

function uploadRate(core: ChannelsCore, caller: Caller, upload: CheckedUpload) {
  const { message, groupInfo, welcomes, claim: { added, removed } } = upload;
  const bytes = message.length + groupInfo.length +
    welcomes.reduce((sum, welcome) => sum + welcome.message.length, 0);
  const concernedCount = added.length + removed.length +
    welcomes.reduce((sum, { recipients }) => sum + recipients.length, 0);
  const cost = Math.ceil(bytes / 1024) + concernedCount * CONCERNED_COST_KIB;
  return { buckets: core.uploadRates, key: caller.accountId.toHex(), cost };
}

function close(
  transaction: StoreTransaction,
  oldId: Uint8Array,
  closing: {
    readonly old: StoredHead;
    readonly upload: CheckedUpload;
    readonly acceptedAtMs: number;
  },
): number {
  const { old, upload, acceptedAtMs } = closing;
  const sequence = old.sequence + 1;
  putHead(transaction, oldId, { ...old, sequence, successor: upload.channelId });
  putEntry(transaction, { channelId: oldId, sequence }, {
    kind: "closed",
    acceptedAtMs,
    entryId: EMPTY,
    accountId: EMPTY,
    message: upload.channelId,
  });
  return sequence;
}

/** The same conversation, created by one who may; its admins are the creator's choice. */
function checkSuccession(caller: Caller, old: CheckedContext, now: CheckedContext): void {
  if (!isAdmin(old, caller.accountId)) throw notAdmin();
  const [before, after] = [sidesOf(old), sidesOf(now)];
  const isSame = before === undefined
    ? after === undefined
    : after !== undefined && before.every((id, index) => sameBytes(id, after[index] as Uint8Array));
  if (!isSame) throw badSuccessor("it is another conversation");
}

/**
 * What must hold of the first commit of any channel.
 * @returns the accounts that are members from the beginning
 */
function checkFirst(
  core: ChannelsCore,
  caller: Caller,
  { header, claim, cipherSuite, context }: CheckedUpload,
): readonly Uint8Array[] {
  if (header.wireFormat !== "private-message" || header.epoch !== 0n) {
    throw new MessengerError(
      "channels/bad-message",
      "Cannot create channel: the first commit is a member's, of epoch 0",
    );
  }
  if (!core.cipherSuites.includes(cipherSuite)) {
    throw new MessengerError(
      "mls/unsupported-cipher-suite",
      "Cannot create channel: the server does not accept its cipher suite",
    );
  }
  if (!isAdmin(context, caller.accountId)) throw notAdmin();
  if (claim.removed.length > 0) throw badClaim("nobody can be removed from a new group");
  if (claim.added.some((id) => sameBytes(id, caller.accountId))) {
    throw badClaim("it adds the one who creates the group");
  }
  const sides = sidesOf(context);
  if (sides !== undefined) {
    checkWithin(claim.added, sides);
    return sides;
  }
  return [caller.accountId, ...claim.added];
}

/** Nobody but its two sides is ever in a direct message. */
function checkWithin(accounts: readonly Uint8Array[], sides: readonly Uint8Array[]): void {
  if (accounts.every((id) => sides.some((side) => sameBytes(side, id)))) return;
  throw badClaim("a direct message has two sides");
}

async function putChannel(
  core: ChannelsCore,
  transaction: StoreTransaction,
  creation: {
    readonly caller: Caller;
    readonly commit: CheckedUpload;
    readonly founders: readonly Uint8Array[];
    readonly acceptedAtMs: number;
  },
): Promise<readonly Recipient[]> {
  const { caller, commit, founders, acceptedAtMs } = creation;
  const { channelId } = commit;
  const sequence = 1;
  checkMembersCount(core, founders.length);
  const by = caller.accountId;
  await addMembers(core, transaction, { channelId, sequence, accounts: founders, by });
  const sides = sidesOf(commit.context);
  if (sides !== undefined) transaction.put(pairKey(...sides), channelId);
  const { cipherSuite, contextBytes } = commit;
  transaction.put(
    aboutKey(channelId),
    encodeStoredChannel({ cipherSuite, context: contextBytes, createdAtMs: acceptedAtMs }),
  );
  await putCommitEntry(transaction, commit, { caller, sequence, acceptedAtMs });
  putHead(transaction, channelId, {
    epoch: 1,
    sequence,
    firstSequence: sequence,
    commitSequence: sequence,
    committer: caller.accountId,
    membersCount: founders.length,
    successor: EMPTY,
    usage: [],
  });
  const { welcomes } = commit;
  return await deliverWelcomes(core, transaction, { channelId, sequence, acceptedAtMs, welcomes });
}

/** All that a commit of the head epoch changes. */
async function putCommit(
  core: ChannelsCore,
  transaction: StoreTransaction,
  upload: CheckedUpload,
  place: {
    readonly caller: Caller;
    readonly head: StoredHead;
    readonly about: StoredChannel;
    readonly sequence: number;
    readonly acceptedAtMs: number;
  },
): Promise<readonly Recipient[]> {
  const { channelId, claim, contextBytes } = upload;
  const { caller, head, about, sequence, acceptedAtMs } = place;
  const before = parseConversationContext(about.context);
  checkContextChange(caller, { about, before, upload });
  let { membersCount } = head;
  const sides = sidesOf(before);
  if (sides !== undefined) checkWithin([...claim.added, ...claim.removed], sides);
  else {
    checkClaim(caller, upload);
    membersCount += claim.added.length - claim.removed.length;
    checkMembersCount(core, membersCount);
    await removeMembers(transaction, {
      channelId,
      sequence,
      accounts: claim.removed,
      epoch: head.epoch,
      isByAdmin: isAdmin(before, caller.accountId),
    });
    const by = caller.accountId;
    await addMembers(core, transaction, { channelId, sequence, accounts: claim.added, by });
  }
  if (!sameBytes(contextBytes, about.context)) {
    transaction.put(aboutKey(channelId), encodeStoredChannel({ ...about, context: contextBytes }));
  }
  await putCommitEntry(transaction, upload, { caller, sequence, acceptedAtMs });
  putHead(transaction, channelId, {
    ...head,
    epoch: head.epoch + 1,
    sequence,
    commitSequence: sequence,
    committer: caller.accountId,
    membersCount,
  });
  const { welcomes } = upload;
  return await deliverWelcomes(core, transaction, { channelId, sequence, acceptedAtMs, welcomes });
}

function checkClaim(caller: Caller, { claim, header }: CheckedUpload): void {
  const { added, removed } = claim;
  if (removed.some((id) => sameBytes(id, caller.accountId))) {
    throw badClaim("nobody commits the removal of the own account");
  }
  const isExternal = header.publicMessage !== undefined;
  if (isExternal && added.length + removed.length > 0) {
    throw badClaim("who enters by external commit changes no accounts");
  }
}

/** What a conversation is stays; its admins change by an admin's commit alone. */
function checkContextChange(
  caller: Caller,
  change: {
    readonly about: { readonly cipherSuite: number; readonly context: Uint8Array };
    readonly before: CheckedContext;
    readonly upload: CheckedUpload;
  },
): void {
  const { about, before, upload } = change;
  if (upload.cipherSuite !== about.cipherSuite) throw badGroupInfo("another cipher suite");
  if (sameBytes(upload.contextBytes, about.context)) return;
  const isStill = sidesOf(before) === undefined && sidesOf(upload.context) === undefined &&
    sameBytes(predecessorOf(before), predecessorOf(upload.context));
  if (!isStill) throw badGroupInfo("another conversation");
  if (!isAdmin(before, caller.accountId) || upload.header.publicMessage !== undefined) {
    throw notAdmin();
  }
}

function predecessorOf({ predecessor }: CheckedContext): Uint8Array {
  return predecessor?.groupId ?? EMPTY;
}

async function putCommitEntry(
  transaction: StoreTransaction,
  upload: CheckedUpload,
  place: {
    readonly caller: Caller;
    readonly sequence: number;
    readonly acceptedAtMs: number;
  },
): Promise<void> {
  const { channelId, entryId, message, hash } = upload;
  const { caller: { accountId, deviceId }, sequence, acceptedAtMs } = place;
  putEntry(transaction, { channelId, sequence }, {
    kind: "commit",
    acceptedAtMs,
    entryId,
    accountId,
    message,
  });
  if (!isInline(message.length)) {
    await putBody(transaction, entryBodyParts(channelId, sequence), message);
  }
  await putBody(transaction, groupInfoParts(channelId), upload.groupInfo);
  transaction.put(
    entryIdKey(accountId, deviceId, entryId),
    encodeStoredEntryId({ hash, channelId, sequence, acceptedAtMs }),
  );
}

function checkMembersCount(core: ChannelsCore, count: number): void {
  if (count <= core.limits.membersMax) return;
  throw new MessengerError(
    "channels/too-many-members",
    `Cannot add members: above ${core.limits.membersMax} accounts`,
  );
}

function exists(): MessengerError {
  return new MessengerError("channels/exists", "Cannot create channel: another one has its id");
}

function notYourTurn(waitMs: number): MessengerError {
  return new MessengerError(
    "channels/commit-turn",
    "Cannot accept commit: the member whose commit has just lost goes first",
    { retryAfterMs: waitMs },
  );
}

function badSuccessor(state: string): MessengerError {
  return new MessengerError("channels/bad-successor", `Cannot create successor: ${state}`);
}

function badGroupInfo(state: string): MessengerError {
  return new MessengerError("channels/bad-group-info", `Cannot accept GroupInfo: ${state}`);
}
