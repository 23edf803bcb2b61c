import { type ErrorCodeRow, row } from "./row.ts";

/** Codes of channels. */
export const CHANNEL_CODES = {
  "channels/not-a-member": row(
    "never",
    1,
    "There is no such channel, or the account is not a member of it.",
  ),
  "channels/exists": row("never", 1, "Another channel has that id."),
  "channels/closed": row("never", 1, "The channel was closed: a successor took its place."),
  "channels/epoch-taken": row(
    "never",
    1,
    "Another commit has ended that epoch: process it, then commit anew.",
  ),
  "channels/epoch-too-old": row(
    "never",
    1,
    "The channel has moved on to another epoch: encrypt again, under a new entry id.",
  ),
  "channels/epoch-ahead": row("never", 1, "The channel has not reached that epoch."),
  "channels/entry-id-reused": row("never", 1, "The device has used this entry id for other bytes."),
  "channels/bad-message": row(
    "never",
    1,
    "A message does not belong where it was sent: another group, kind or wire format.",
  ),
  "channels/bad-claim": row(
    "never",
    1,
    "The authenticated data of a commit does not fit it, or the channel's members.",
  ),
  "channels/bad-group-info": row(
    "never",
    1,
    "A GroupInfo does not describe the epoch that its commit begins.",
  ),
  "channels/bad-welcome": row(
    "never",
    1,
    "A Welcome is none, is for somebody outside the channel, or twice for one device.",
  ),
  "channels/external-commit-refused": row(
    "never",
    1,
    "Who enters by external commit may enter for its own device only.",
  ),
  "channels/not-admin": row("never", 1, "Only an admin of the conversation may do that."),
  "channels/bad-successor": row(
    "never",
    1,
    "A successor names another predecessor, or has members that it had not.",
  ),
  "channels/too-many-members": row(
    "never",
    1,
    "The channel would have more members than the server allows.",
  ),
  "channels/too-many-channels": row(
    "never",
    1,
    "An account would be in more channels than it may be, or than others may put it in.",
  ),
  "channels/subscription-replaced": row(
    "later",
    1,
    "The device has begun newer subscriptions, and the server keeps no more of it than those.",
  ),
  "channels/bad-cursor": row(
    "never",
    1,
    "A cursor points beyond the end of its log, or of what the reader may have of it.",
  ),
  "channels/incarnation-changed": row(
    "never",
    1,
    "The server's logs were restored from a backup: cursors begin anew.",
  ),
  "channels/quota-exceeded": row(
    "later",
    1,
    "The account keeps as much in this channel as the server allows.",
  ),
  "channels/rate-limited": row(
    "later",
    1,
    "The account sends, commits or uploads more than the server allows.",
  ),
  "channels/commit-turn": row(
    "later",
    1,
    "Another member's commit has just lost to this account's, or an admin's to anybody's: it goes first.",
  ),
  "channels/bad-answer": row(
    "never",
    1,
    "The server answers with what cannot be: a hole, a repetition, another length.",
  ),
} as const satisfies Readonly<Record<string, ErrorCodeRow>>;
