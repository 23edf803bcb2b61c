import { type ErrorCodeRow, row } from "./row.ts";

/** Codes of packages/mls. */
export const MLS_CODES = {
  "mls/unsupported-cipher-suite": row("never", 1, "A cipher suite that this build does not have."),
  "mls/invalid-key": row(
    "never",
    1,
    "A key of the wrong length, not on its curve, or of small order.",
  ),
  "mls/invalid-signature": row("never", 1, "A signature does not fit its content and key."),
  "mls/cannot-decrypt": row(
    "never",
    1,
    "A message was not made with the keys of this epoch, or was changed.",
  ),
  "mls/invalid-message": row(
    "never",
    1,
    "A message breaks a rule of its framing: sender, tag or content type.",
  ),
  "mls/unknown-sender": row(
    "never",
    1,
    "A message names a sender that is not in the group, or a stranger proposes to add itself.",
  ),
  "mls/generation-too-far": row(
    "never",
    1,
    "A message skips more generations of its sender than are allowed.",
  ),
  "mls/invalid-leaf-node": row("never", 1, "A leaf node breaks a rule of RFC 9420, section 7.3."),
  "mls/invalid-key-package": row(
    "never",
    1,
    "A key package breaks a rule of RFC 9420, section 10.1.",
  ),
  "mls/key-package-expired": row(
    "never",
    1,
    "A key package is outside its lifetime, or has one that is too long.",
  ),
  "mls/invalid-proposal": row("never", 1, "A proposal breaks a rule of RFC 9420, section 12.1."),
  "mls/invalid-proposal-list": row(
    "never",
    1,
    "A commit's proposals break a rule of RFC 9420, section 12.2.",
  ),
  "mls/unknown-proposal": row("never", 1, "A commit refers to a proposal that was not received."),
  "mls/invalid-commit": row("never", 1, "A commit breaks a rule of RFC 9420, section 12.4."),
  "mls/wrong-confirmation-tag": row(
    "never",
    1,
    "A commit, or a description of a group, does not lead to the keys it confirms.",
  ),
  "mls/invalid-tree": row(
    "never",
    1,
    "A ratchet tree breaks a rule of RFC 9420, section 12.4.3.1.",
  ),
  "mls/missing-tree": row(
    "never",
    1,
    "A ratchet tree is needed, and neither inside nor beside the message.",
  ),
  "mls/invalid-group-info": row(
    "never",
    1,
    "A description of a group breaks a rule of RFC 9420, section 12.4.3.",
  ),
  "mls/invalid-welcome": row(
    "never",
    1,
    "A welcome breaks a rule of RFC 9420, section 12.4.3.1, or is for another key package.",
  ),
  "mls/missing-psk": row(
    "never",
    1,
    "A pre-shared key that a commit or welcome names is not held.",
  ),
  "mls/credential-refused": row(
    "never",
    1,
    "The authentication service does not accept a credential.",
  ),
  "mls/commit-refused": row("never", 1, "The policy of the application does not accept a commit."),
  "mls/proposals-pending": row("never", 1, "Proposals are waiting: commit them before sending."),
  "mls/group-closed": row("never", 1, "The group was reinitialised: it takes no more messages."),
  "mls/group-full": row(
    "never",
    1,
    "The group has as many members, or the epoch as many messages or waiting proposals, as are allowed.",
  ),
  "mls/invalid-record": row(
    "never",
    1,
    "A stored record is missing, damaged, or of a version that this build does not know.",
  ),
} as const satisfies Readonly<Record<string, ErrorCodeRow>>;
