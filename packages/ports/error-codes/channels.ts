import type { ErrorCodeRow } from "./row.ts";

/** Channels: packages/features/channels. */
export const CHANNEL_CODES = {
  "channels/not-a-member": {
    retry: "never",
    exitCode: 1,
    meaning: "There is no such channel, or the account is not a member of it.",
  },
  "channels/exists": {
    retry: "never",
    exitCode: 1,
    meaning: "Another channel has that id.",
  },
  "channels/closed": {
    retry: "never",
    exitCode: 1,
    meaning: "The channel was closed: a successor took its place.",
  },
  "channels/epoch-taken": {
    retry: "never",
    exitCode: 1,
    meaning: "Another commit has ended that epoch: process it, then commit anew.",
  },
  "channels/epoch-too-old": {
    retry: "never",
    exitCode: 1,
    meaning: "The channel has moved on to another epoch: encrypt again, under a new entry id.",
  },
  "channels/epoch-ahead": {
    retry: "never",
    exitCode: 1,
    meaning: "The channel has not reached that epoch.",
  },
  "channels/entry-id-reused": {
    retry: "never",
    exitCode: 1,
    meaning: "The device has used this entry id for other bytes.",
  },
  "channels/bad-message": {
    retry: "never",
    exitCode: 1,
    meaning: "A message does not belong where it was sent: another group, kind or wire format.",
  },
  "channels/bad-claim": {
    retry: "never",
    exitCode: 1,
    meaning: "The authenticated data of a commit does not fit it, or the channel's members.",
  },
  "channels/bad-group-info": {
    retry: "never",
    exitCode: 1,
    meaning: "A GroupInfo does not describe the epoch that its commit begins.",
  },
  "channels/bad-welcome": {
    retry: "never",
    exitCode: 1,
    meaning: "A Welcome is none, is for somebody outside the channel, or twice for one device.",
  },
  "channels/external-commit-refused": {
    retry: "never",
    exitCode: 1,
    meaning: "Who enters by external commit may enter for its own device only.",
  },
  "channels/not-admin": {
    retry: "never",
    exitCode: 1,
    meaning: "Only an admin of the conversation may do that.",
  },
  "channels/bad-successor": {
    retry: "never",
    exitCode: 1,
    meaning: "A successor names another predecessor, or has members that it had not.",
  },
  "channels/too-many-members": {
    retry: "never",
    exitCode: 1,
    meaning: "The channel would have more members than the server allows.",
  },
  "channels/too-many-channels": {
    retry: "never",
    exitCode: 1,
    meaning: "An account would be in more channels than the server allows.",
  },
  "channels/too-many-subscriptions": {
    retry: "later",
    exitCode: 1,
    meaning: "The device has as many subscriptions open as the server allows.",
  },
  "channels/bad-cursor": {
    retry: "never",
    exitCode: 1,
    meaning: "A cursor points beyond the end of its log.",
  },
  "channels/incarnation-changed": {
    retry: "never",
    exitCode: 1,
    meaning: "The server's logs were restored from a backup: cursors begin anew.",
  },
  "channels/quota-exceeded": {
    retry: "later",
    exitCode: 1,
    meaning: "The account keeps as much in this channel as the server allows.",
  },
  "channels/rate-limited": {
    retry: "later",
    exitCode: 1,
    meaning: "The account sends or commits more in this channel than the server allows.",
  },
  "channels/commit-turn": {
    retry: "later",
    exitCode: 1,
    meaning: "Another member's commit has just lost to this account's: it goes first.",
  },
  "channels/bad-answer": {
    retry: "never",
    exitCode: 1,
    meaning: "The server answers with what cannot be: a hole, a repetition, another length.",
  },
} as const satisfies Readonly<Record<string, ErrorCodeRow>>;
