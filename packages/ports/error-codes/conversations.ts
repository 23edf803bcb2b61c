import { type ErrorCodeRow, row } from "./row.ts";

/** Codes of the client's conversations. */
export const CONVERSATION_CODES = {
  "conversations/unknown": row("never", 1, "This device has no such conversation."),
  "conversations/ambiguous": row(
    "never",
    1,
    "Several conversations go by that name: use more of the id.",
  ),
  "conversations/not-active": row(
    "never",
    1,
    "Nothing can be sent there: the account has left, was removed, has not joined yet, or the group is closed.",
  ),
  "conversations/not-a-group": row("never", 1, "That works in groups only."),
  "conversations/not-invited": row("never", 1, "No invitation to that group waits."),
  "conversations/not-a-member": row("never", 1, "That account is not a member of the group."),
  "conversations/not-admin": row("never", 1, "Only an admin of the group may do that."),
  "conversations/last-admin": row(
    "never",
    1,
    "The group would be without an admin: make somebody else admin first.",
  ),
  "conversations/with-self": row(
    "never",
    1,
    "A direct message is with somebody else, and so is a removal: use notes, or leave.",
  ),
  "conversations/queue-full": row(
    "later",
    1,
    "So much waits to be sent already that no more is taken.",
  ),
  "conversations/message-id-reused": row(
    "never",
    1,
    "That message id stands for another text already.",
  ),
  "conversations/no-devices": row(
    "later",
    1,
    "The account has no device that could be added now: it has to come on line once.",
  ),
  "conversations/conflict": row(
    "later",
    1,
    "Other members kept changing the group at the same time: try again.",
  ),
  "conversations/bad-invitation": row(
    "never",
    1,
    "A Welcome does not lead into a conversation of the kind that this product has.",
  ),
} as const satisfies Readonly<Record<string, ErrorCodeRow>>;
