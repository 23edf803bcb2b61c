import { type Codec, encode, opaque, struct } from "../codec/codec.ts";
import { longVector, uint16, uint32, uint64 } from "../codec/codec.ts";
import { type HpkeCiphertext, hpkeCiphertext } from "./commit.ts";
import { type Extension, extensions, groupInfoExtensions } from "./extension.ts";
import { type PROTOCOL_VERSION, protocolVersion } from "./key-package.ts";
import { LEAVES_COUNT_MAX } from "./limits.ts";

/** What all members agree on in one epoch (RFC 9420 §8.1). */
export interface GroupContext {
  readonly version: typeof PROTOCOL_VERSION;
  readonly cipherSuite: number;
  readonly groupId: Uint8Array;
  readonly epoch: bigint;
  readonly treeHash: Uint8Array;
  readonly confirmedTranscriptHash: Uint8Array;
  readonly extensions: readonly Extension[];
}

export const groupContext = struct<GroupContext>("GroupContext", {
  version: protocolVersion,
  cipherSuite: uint16,
  groupId: opaque,
  epoch: uint64,
  treeHash: opaque,
  confirmedTranscriptHash: opaque,
  extensions,
});

/** A GroupInfo before it is signed. */
export interface UnsignedGroupInfo {
  readonly groupContext: GroupContext;
  readonly extensions: readonly Extension[];
  readonly confirmationTag: Uint8Array;
  /** Leaf index. */
  readonly signer: number;
}

/** One epoch, described to those who join it (RFC 9420 §12.4.3). */
export interface GroupInfo extends UnsignedGroupInfo {
  readonly signature: Uint8Array;
}

const unsignedFields: {
  readonly [Name in keyof UnsignedGroupInfo]: Codec<UnsignedGroupInfo[Name]>;
} = { groupContext, extensions: groupInfoExtensions, confirmationTag: opaque, signer: uint32 };

const unsignedGroupInfo = struct<UnsignedGroupInfo>("GroupInfo", unsignedFields);

export const groupInfo = struct<GroupInfo>("GroupInfo", { ...unsignedFields, signature: opaque });

/** GroupInfoTBS (RFC 9420 §12.4.3). */
export function groupInfoToBeSigned(unsigned: UnsignedGroupInfo): Uint8Array {
  return encode(unsignedGroupInfo, unsigned);
}

/** GroupSecrets for the owner of one KeyPackage. */
export interface EncryptedGroupSecrets {
  /** KeyPackageRef (RFC 9420 §5.2). */
  readonly newMember: Uint8Array;
  readonly encryptedGroupSecrets: HpkeCiphertext;
}

/** RFC 9420 §12.4.3.1 */
export interface Welcome {
  readonly cipherSuite: number;
  readonly secrets: readonly EncryptedGroupSecrets[];
  readonly encryptedGroupInfo: Uint8Array;
}

export const welcome = struct<Welcome>("Welcome", {
  cipherSuite: uint16,
  secrets: longVector(
    struct<EncryptedGroupSecrets>("EncryptedGroupSecrets", {
      newMember: opaque,
      encryptedGroupSecrets: hpkeCiphertext,
    }),
    { countMax: LEAVES_COUNT_MAX },
  ),
  encryptedGroupInfo: opaque,
});
