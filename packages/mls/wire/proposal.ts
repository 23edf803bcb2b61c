import {
  decodeExact,
  encode,
  enumeration,
  type NamedCodec,
  opaque,
  select,
  struct,
  uint16,
  uint32,
  uint64,
  uint8,
  vector,
} from "../codec/codec.ts";
import { type Extension, EXTENSION_TYPE, extensions, findExtension } from "./extension.ts";
import { type KeyPackage, keyPackage } from "./key-package.ts";
import { type Credential, credential, type LeafNode, leafNode } from "./leaf-node.ts";
import { EXTERNAL_SENDERS_COUNT_MAX } from "./limits.ts";

/** IANA "MLS Proposal Types" (RFC 9420 §17.4, draft-ietf-mls-extensions §7.3). */
export const PROPOSAL_TYPE = {
  "add": 0x0001,
  "update": 0x0002,
  "remove": 0x0003,
  "psk": 0x0004,
  "reinit": 0x0005,
  "external-init": 0x0006,
  "group-context-extensions": 0x0007,
  "self-remove": 0x000a,
} as const satisfies Readonly<Record<Proposal["kind"], number>>;

/** Every client supports these; capabilities do not list them (RFC 9420 §7.2). */
export const DEFAULT_PROPOSAL_TYPES: ReadonlySet<number> = new Set([1, 2, 3, 4, 5, 6, 7]);

/** Which key to mix into the key schedule (RFC 9420 §8.4). */
export type PreSharedKeyId = ExternalPskId | ResumptionPskId;

/** A key that the application provides. */
export interface ExternalPskId {
  readonly kind: "external";
  readonly pskId: Uint8Array;
  readonly pskNonce: Uint8Array;
}

/** A key that membership of an epoch gives (RFC 9420 §8.6). */
export interface ResumptionPskId {
  readonly kind: "resumption";
  readonly usage: "application" | "reinit" | "branch";
  readonly pskGroupId: Uint8Array;
  readonly pskEpoch: bigint;
  readonly pskNonce: Uint8Array;
}

const resumptionUsage = enumeration<ResumptionPskId["usage"]>("ResumptionPSKUsage", uint8, {
  application: 1,
  reinit: 2,
  branch: 3,
});

export const preSharedKeyId: NamedCodec<PreSharedKeyId> = select<PreSharedKeyId>(
  "PreSharedKeyID",
  uint8,
  {
    external: { tag: 1, fields: { pskId: opaque, pskNonce: opaque } },
    resumption: {
      tag: 2,
      fields: { usage: resumptionUsage, pskGroupId: opaque, pskEpoch: uint64, pskNonce: opaque },
    },
  },
);

/** Parameters of the group that replaces this one (RFC 9420 §12.1.5). */
export interface ReInit {
  readonly groupId: Uint8Array;
  readonly version: number;
  readonly cipherSuite: number;
  readonly extensions: readonly Extension[];
}

export const reInit = struct<ReInit>("ReInit", {
  groupId: opaque,
  version: uint16,
  cipherSuite: uint16,
  extensions,
});

/** A change to the group (RFC 9420 §12.1; SelfRemove: draft-ietf-mls-extensions §5.3). */
export type Proposal =
  | { readonly kind: "add"; readonly keyPackage: KeyPackage }
  | { readonly kind: "update"; readonly leafNode: LeafNode }
  | { readonly kind: "remove"; readonly removed: number }
  | { readonly kind: "psk"; readonly psk: PreSharedKeyId }
  | ({ readonly kind: "reinit" } & ReInit)
  | { readonly kind: "external-init"; readonly kemOutput: Uint8Array }
  | { readonly kind: "group-context-extensions"; readonly extensions: readonly Extension[] }
  | { readonly kind: "self-remove" };

export const proposal: NamedCodec<Proposal> = select<Proposal>("Proposal", uint16, {
  "add": { tag: PROPOSAL_TYPE.add, fields: { keyPackage } },
  "update": { tag: PROPOSAL_TYPE.update, fields: { leafNode } },
  "remove": { tag: PROPOSAL_TYPE.remove, fields: { removed: uint32 } },
  "psk": { tag: PROPOSAL_TYPE.psk, fields: { psk: preSharedKeyId } },
  "reinit": {
    tag: PROPOSAL_TYPE.reinit,
    fields: { groupId: opaque, version: uint16, cipherSuite: uint16, extensions },
  },
  "external-init": { tag: PROPOSAL_TYPE["external-init"], fields: { kemOutput: opaque } },
  "group-context-extensions": {
    tag: PROPOSAL_TYPE["group-context-extensions"],
    fields: { extensions },
  },
  "self-remove": { tag: PROPOSAL_TYPE["self-remove"], fields: {} },
});

/** A proposal inside a Commit, whole or by its hash (RFC 9420 §12.4). */
export type ProposalOrRef =
  | { readonly kind: "proposal"; readonly proposal: Proposal }
  | { readonly kind: "reference"; readonly reference: Uint8Array };

export const proposalOrRef: NamedCodec<ProposalOrRef> = select<ProposalOrRef>(
  "ProposalOrRef",
  uint8,
  {
    proposal: { tag: 1, fields: { proposal } },
    reference: { tag: 2, fields: { reference: opaque } },
  },
);

/** One who may propose from outside the group (RFC 9420 §12.1.8.1). */
export interface ExternalSender {
  readonly signatureKey: Uint8Array;
  readonly credential: Credential;
}

const externalSenders: NamedCodec<readonly ExternalSender[]> = {
  name: "ExternalSendersExtension",
  ...vector(struct<ExternalSender>("ExternalSender", { signatureKey: opaque, credential }), {
    countMax: EXTERNAL_SENDERS_COUNT_MAX,
  }),
};

/** For a GroupContext. */
export function externalSendersExtension(senders: readonly ExternalSender[]): Extension {
  return {
    extensionType: EXTENSION_TYPE.externalSenders,
    extensionData: encode(externalSenders, senders),
  };
}

/** @throws MessengerError `malformed` */
export function findExternalSenders(list: readonly Extension[]): readonly ExternalSender[] {
  const data = findExtension(list, EXTENSION_TYPE.externalSenders);
  return data === undefined ? [] : decodeExact(externalSenders, data, { bytesMax: data.length });
}
