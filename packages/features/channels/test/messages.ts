/** Messages as a server sees them, without the cryptography: for rules that need none. */
import type { Random } from "@qpq/ports";
import { encodeMessage } from "../../../mls/wire/framing.ts";
import { EXTENSION_TYPE, externalPubExtension } from "../../../mls/wire/extension.ts";
import { encodeClaim } from "../../groups/claim.ts";
import { type CheckedContext, conversationExtension } from "../../groups/context.ts";
import type { CommitUpload, Recipient } from "../channels.gen.ts";

const EMPTY = new Uint8Array();
/** What the test servers accept. */
export const SUITE = 0x0001;

export function framed(
  random: Random,
  message: {
    readonly channelId: Uint8Array;
    readonly epoch: number;
    readonly contentType?: "application" | "proposal" | "commit";
    readonly authenticatedData?: Uint8Array;
    readonly bytes?: number;
  },
): Uint8Array {
  return encodeMessage({
    kind: "private-message",
    privateMessage: {
      groupId: message.channelId,
      epoch: BigInt(message.epoch),
      contentType: message.contentType ?? "application",
      authenticatedData: message.authenticatedData ?? EMPTY,
      encryptedSenderData: random.bytes(28),
      ciphertext: new Uint8Array(message.bytes ?? 64).fill(random.bytes(1)[0] as number),
    },
  });
}

export interface FakeCommit {
  readonly channelId: Uint8Array;
  /** The epoch that it ends; default 0. */
  readonly epoch?: number;
  readonly context: CheckedContext;
  readonly entryId?: Uint8Array;
  readonly added?: readonly Uint8Array[];
  readonly removed?: readonly Uint8Array[];
  readonly recipients?: readonly Recipient[];
  readonly welcomeBytes?: number;
  readonly bytes?: number;
  /** Of the tree in the GroupInfo. */
  readonly treeBytes?: number;
  readonly suite?: number;
}

export function fakeCommit(random: Random, commit: FakeCommit): CommitUpload {
  const { channelId, epoch = 0, added = [], removed = [], recipients = [] } = commit;
  const entryId = commit.entryId ?? random.bytes(16);
  const welcome = new Uint8Array(commit.welcomeBytes ?? 100).fill(7);
  welcome.set([0, 1, 0, 3]);
  return {
    entryId,
    message: framed(random, {
      channelId,
      epoch,
      contentType: "commit",
      authenticatedData: encodeClaim({ entryId, added, removed }),
      bytes: commit.bytes ?? 100,
    }),
    groupInfo: fakeGroupInfo(commit),
    welcomes: recipients.length === 0 ? [] : [{ message: welcome, recipients }],
  };
}

export function fakeGroupInfo(
  { channelId, epoch = 0, context, suite = SUITE, treeBytes = 8 }: FakeCommit,
): Uint8Array {
  return encodeMessage({
    kind: "group-info",
    groupInfo: {
      groupContext: {
        version: 1,
        cipherSuite: suite,
        groupId: channelId,
        epoch: BigInt(epoch) + 1n,
        treeHash: new Uint8Array(32),
        confirmedTranscriptHash: new Uint8Array(32),
        extensions: [conversationExtension(context)],
      },
      extensions: [
        { extensionType: EXTENSION_TYPE.ratchetTree, extensionData: new Uint8Array(treeBytes) },
        externalPubExtension(new Uint8Array(32)),
      ],
      confirmationTag: new Uint8Array(32),
      signer: 0,
      signature: new Uint8Array(64),
    },
  });
}
