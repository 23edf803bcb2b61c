import { MessengerError } from "@qpq/ports";
import {
  checked,
  type Codec,
  decodeExact,
  encode,
  type NamedCodec,
  opaque,
  optional,
  struct,
  uint32,
  vector,
} from "../codec/codec.ts";
import type { Bytes } from "../crypto/provider.ts";
import { EPOCH_SECRET_NAMES, type EpochSecrets } from "../keys/key-schedule.ts";
import { createRatchet, type MessageKey, type SenderRatchet } from "../keys/sender-ratchet.ts";
import { type AuthenticatedContent, authenticatedContent } from "../wire/framing.ts";
import { type GroupContext, groupContext } from "../wire/group-info.ts";
import { LEAVES_COUNT_MAX, MESSAGE_BYTES_MAX } from "../wire/limits.ts";
import { type ReInit, reInit } from "../wire/proposal.ts";
import { type Node, ratchetTreeNode } from "../wire/ratchet-tree.ts";
import type { OwnKeys, OwnUpdate } from "./state.ts";

/**
 * Every record begins with this number. A build that changes an encoding raises it, and reads the
 * older ones.
 */
export const RECORD_VERSION = 1;

/** A path inside the place that the caller gives a group: words and numbers. */
export type RecordKey = readonly (string | number)[];

export function encodeRecord<T>(codec: Codec<T>, value: T): Bytes {
  return encode({
    encode: (writer, each: T) => {
      writer.uint8(RECORD_VERSION);
      codec.encode(writer, each);
    },
    decode: codec.decode,
  }, value);
}

/** @throws MessengerError `mls/invalid-record` */
export function decodeRecord<T>(codec: NamedCodec<T>, bytes: Uint8Array | undefined): T {
  if (bytes === undefined || bytes[0] !== RECORD_VERSION) {
    throw new MessengerError(
      "mls/invalid-record",
      `Cannot read ${codec.name}: it is missing, or of another version`,
    );
  }
  try {
    return decodeExact(codec, bytes.subarray(1), { bytesMax: MESSAGE_BYTES_MAX });
  } catch (cause) {
    if (!(cause instanceof MessengerError)) throw cause;
    throw new MessengerError("mls/invalid-record", `Cannot read ${codec.name}: it is damaged`, {
      cause,
    });
  }
}

/** What changes with each epoch, and is no secret. */
export interface GroupRecord {
  readonly context: GroupContext;
  readonly ownLeafIndex: number;
  readonly leafCount: number;
  readonly confirmationTag: Uint8Array;
  readonly interimTranscriptHash: Uint8Array;
  readonly reinit: ReInit | undefined;
}

export const groupRecord: NamedCodec<GroupRecord> = {
  name: "group record",
  ...checked(
    struct<GroupRecord>("group record", {
      context: groupContext,
      ownLeafIndex: uint32,
      leafCount: uint32,
      confirmationTag: opaque,
      interimTranscriptHash: opaque,
      reinit: optional(reInit),
    }),
    ({ leafCount, ownLeafIndex }) =>
      isTreeWidth(leafCount) && ownLeafIndex < leafCount
        ? undefined
        : "its tree is of an impossible width",
  ),
};

/** A power of two within the limit: tree math goes astray with any other. */
function isTreeWidth(leafCount: number): boolean {
  return leafCount > 0 && leafCount <= LEAVES_COUNT_MAX && Number.isInteger(Math.log2(leafCount));
}

/** Private keys of one member: its leaf's, and at most one for each level above. */
const OWN_KEYS_COUNT_MAX = 32;

const ownKeyEntries = vector(
  struct<{ node: number; key: Uint8Array }>("own key", { node: uint32, key: opaque }),
  { countMax: OWN_KEYS_COUNT_MAX },
);

export const ownKeysRecord: NamedCodec<OwnKeys> = {
  name: "own keys record",
  encode: (writer, value) => {
    writer.opaque(value.signaturePrivateKey);
    const entries = [...value.encryption].map(([node, key]) => ({ node, key }));
    ownKeyEntries.encode(writer, entries);
  },
  decode: (reader) => {
    const signaturePrivateKey = opaque.decode(reader) as Bytes;
    const entries = ownKeyEntries.decode(reader)
      .map(({ node, key }): [number, Bytes] => [node, key as Bytes]);
    return { signaturePrivateKey, encryption: new Map(entries) };
  },
};

export const epochSecretsRecord: NamedCodec<EpochSecrets> = struct<EpochSecrets>(
  "epoch secrets record",
  Object.fromEntries(EPOCH_SECRET_NAMES.map((name) => [name, opaque])) as {
    readonly [Name in keyof EpochSecrets]: Codec<Bytes>;
  },
);

/** A node of the ratchet tree; a blank one has no record. */
export const nodeRecord = struct<{ readonly node: Node }>("tree node record", {
  node: ratchetTreeNode,
});

export const secretRecord: NamedCodec<Bytes> = {
  name: "secret tree record",
  encode: (writer, value) => writer.opaque(value),
  decode: (reader) => opaque.decode(reader) as Bytes,
};

const skippedKeys = vector(
  struct<MessageKey>("message key", {
    generation: uint32,
    key: opaque as Codec<Bytes>,
    nonce: opaque as Codec<Bytes>,
  }),
  { countMax: 256 },
);

export const ratchetRecord: NamedCodec<SenderRatchet> = {
  name: "ratchet record",
  encode: (writer, value) => {
    writer.uint32(value.generation);
    writer.opaque(value.secret);
    skippedKeys.encode(writer, value.skipped);
  },
  decode: (reader) => {
    const generation = reader.uint32();
    const secret = opaque.decode(reader) as Bytes;
    return { ...createRatchet(secret), generation, skipped: skippedKeys.decode(reader) };
  },
};

export interface ProposalRecord {
  readonly message: AuthenticatedContent;
  readonly ownUpdate: OwnUpdate | undefined;
}

export const proposalRecord = struct<ProposalRecord>("proposal record", {
  message: authenticatedContent,
  ownUpdate: optional(struct<OwnUpdate>("own update", {
    encryptionPrivateKey: opaque as Codec<Bytes>,
    signaturePrivateKey: opaque as Codec<Bytes>,
  })),
});
