/** What comes with a commit, checked as far as that goes without the store. */
import { MessengerError } from "@qpq/ports";
import {
  EXTENSION_TYPE,
  findExtension,
  findExternalPub,
  type GroupInfo,
  type MessageHeader,
  parseGroupInfo,
  parseMessageHeader,
} from "@qpq/mls/public";
import { type CommitClaim, decodeClaim } from "../groups/claim.ts";
import { type CheckedContext, findConversationContext } from "../groups/context.ts";
import { encodeConversationContext } from "../groups/groups.gen.ts";
import type { CommitUpload, WelcomeUpload } from "./channels.gen.ts";
import { type ChannelsCore, checkChannelId, checkId, hashParts, sameBytes } from "./core.ts";
import { COMMIT_BYTES_MAX, RECIPIENTS_MAX } from "./limits.ts";

export interface CheckedUpload {
  readonly entryId: Uint8Array;
  readonly message: Uint8Array;
  readonly header: MessageHeader;
  /** The group's. */
  readonly channelId: Uint8Array;
  readonly claim: CommitClaim;
  readonly groupInfo: Uint8Array;
  readonly cipherSuite: number;
  readonly context: CheckedContext;
  /** In the one form in which it is kept and compared. */
  readonly contextBytes: Uint8Array;
  readonly welcomes: readonly WelcomeUpload[];
  /** Of all of it: what the entry id is bound to. */
  readonly hash: Uint8Array;
}

/**
 * @throws MessengerError `malformed`, `too-large`, `channels/bad-message`, `channels/bad-claim`,
 *   `channels/bad-group-info`, `channels/bad-welcome`
 */
export function checkUpload(core: ChannelsCore, upload: CommitUpload): CheckedUpload {
  const { entryId, message, welcomes } = upload;
  checkId(entryId, "entry id");
  const header = parseMessageHeader(message);
  checkChannelId(header.groupId);
  if (header.contentType !== "commit") throw badMessage("it is no commit");
  const isExternal = header.sender?.kind === "new-member-commit";
  if ((header.wireFormat === "public-message") !== isExternal) {
    throw badMessage("members' commits are private messages, external ones public");
  }
  const claim = decodeClaim(header.authenticatedData);
  if (!sameBytes(claim.entryId, entryId)) {
    throw new MessengerError(
      "channels/bad-claim",
      "Cannot accept commit: it says that it has another entry id",
    );
  }
  const groupInfo = checkGroupInfo(header, parseGroupInfo(upload.groupInfo));
  const context = findConversationContext(groupInfo.groupContext.extensions);
  checkWelcomes(welcomes);
  return {
    entryId,
    message,
    header,
    channelId: header.groupId,
    claim,
    groupInfo: upload.groupInfo,
    cipherSuite: groupInfo.groupContext.cipherSuite,
    context,
    contextBytes: encodeConversationContext(context),
    welcomes,
    hash: hashParts(core, [
      message,
      upload.groupInfo,
      ...welcomes.flatMap((welcome) => [
        welcome.message,
        ...welcome.recipients.flatMap(({ accountId, deviceId }) => [accountId, deviceId]),
      ]),
    ]),
  };
}

/** Of the epoch that the commit begins, and fit for an external commit; signature unverified. */
function checkGroupInfo(header: MessageHeader, groupInfo: GroupInfo): GroupInfo {
  const { groupContext, extensions } = groupInfo;
  const isNext = sameBytes(groupContext.groupId, header.groupId) &&
    groupContext.epoch === header.epoch + 1n;
  if (!isNext) throw badGroupInfo("it is not of the epoch that the commit begins");
  if (findExtension(extensions, EXTENSION_TYPE.ratchetTree) === undefined) {
    throw badGroupInfo("the tree is missing");
  }
  if (findExternalPub(extensions) === undefined) throw badGroupInfo("the external key is missing");
  return groupInfo;
}

function checkWelcomes(welcomes: readonly WelcomeUpload[]): void {
  const bytes = welcomes.reduce((sum, { message }) => sum + message.length, 0);
  const recipientsCount = welcomes.reduce((sum, { recipients }) => sum + recipients.length, 0);
  // First: of recipients there may be 64 times as many as are looked at.
  if (bytes > COMMIT_BYTES_MAX || recipientsCount > RECIPIENTS_MAX) {
    throw new MessengerError(
      "too-large",
      `Cannot accept commit: Welcomes of ${bytes} bytes for ${recipientsCount} devices`,
    );
  }
  const devices = new Set<string>();
  for (const { message, recipients } of welcomes) {
    if (!isWelcome(message)) throw badWelcome("it is none");
    if (recipients.length === 0) throw badWelcome("it is for nobody");
    for (const { accountId, deviceId } of recipients) {
      checkId(accountId, "account id");
      checkId(deviceId, "device id");
      devices.add(`${accountId.toHex()} ${deviceId.toHex()}`);
    }
  }
  if (devices.size !== recipientsCount) throw badWelcome("a device gets two");
}

/** An MLSMessage of version 1 whose wire format is `mls_welcome` (RFC 9420 §6); the rest is sealed. */
function isWelcome(message: Uint8Array): boolean {
  return message.length > 4 && message[0] === 0 && message[1] === 1 && message[2] === 0 &&
    message[3] === 3;
}

function badMessage(state: string): MessengerError {
  return new MessengerError("channels/bad-message", `Cannot accept commit: ${state}`);
}

function badGroupInfo(state: string): MessengerError {
  return new MessengerError("channels/bad-group-info", `Cannot accept GroupInfo: ${state}`);
}

function badWelcome(state: string): MessengerError {
  return new MessengerError("channels/bad-welcome", `Cannot accept Welcome: ${state}`);
}
