/**
 * RFC 9420 (Messaging Layer Security): a member's half, which holds secrets. Pure: state in, new
 * state out; cryptography and randomness are arguments, and so is time, where a committer needs it.
 *
 * @module
 */
export * from "./public.ts";

export { runtimeCryptoProvider } from "./crypto/runtime.ts";
export { HYBRID_CIPHER_SUITE } from "./crypto/suites.ts";
export {
  createCapabilities,
  createIdentity,
  createKeyPackage,
  type Identity,
  type OwnKeyPackage,
} from "./group/identity.ts";
export { createGroup } from "./group/create-group.ts";
export {
  type CommitOptions,
  createCommit,
  type CreatedCommit,
  mergeStaged,
} from "./group/create-commit.ts";
export {
  type CreatedProposal,
  createExternalProposal,
  createProposal,
  createUpdate,
  type ProposalOptions,
} from "./group/create-proposal.ts";
export { dropPendingProposals } from "./group/pending-proposals.ts";
export { type Outcome, processMessage, type ProcessOptions } from "./group/process-message.ts";
export type { CommitCallbacks } from "./group/process-commit.ts";
export type {
  Authenticate,
  CommitSummary,
  CommittedProposal,
  EnteringCredential,
  FindPsks,
  Member,
  Policy,
  StagedCommit,
} from "./group/outcome.ts";
export { type Joined, joinGroup, type JoinOptions, retireKeyPackage } from "./group/join.ts";
export {
  type ExternalCommit,
  type ExternalCommitOptions,
  joinByExternalCommit,
} from "./group/external-commit.ts";
export {
  branchGroup,
  createSuccessor,
  type Predecessor,
  predecessorOf,
  type SuccessorOptions,
} from "./group/succession.ts";
export { createGroupInfo, ratchetTree } from "./group/group-info.ts";
export {
  encryptMessage,
  type EncryptOptions,
  epochAuthenticator,
  exportSecret,
  resumptionPsk,
} from "./group/application.ts";
export { type GroupState, retire } from "./group/state.ts";
export { type Padding, PADDING_DEFAULT } from "./messages/padding.ts";
export {
  changedRecords,
  loadGroup,
  type RecordChanges,
  type RecordReader,
  recordsOf,
} from "./group/records.ts";
export { RECORD_VERSION, type RecordKey } from "./group/record-codec.ts";
export { decodeStaged, encodeStaged } from "./group/staged-record.ts";
export { FORWARD_GENERATIONS_MAX, SKIPPED_KEYS_COUNT_MAX } from "./keys/sender-ratchet.ts";
