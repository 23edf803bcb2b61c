/** Conversations and their entries in words, and as objects for programs. */
import type {
  ConversationState,
  ConversationView,
  HistoryItem,
  MemberView,
  Notice,
  TextItem,
} from "@qpq/client";
import type { Row, Span } from "../repl/rows.ts";

/** Characters of a handle where it is shown: above those of an account's name. */
const HANDLE_LENGTH_MAX = 40;
/** Digits that an id is named by, where a name would be ambiguous. */
const ID_DIGITS = 8;
const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** What a person types for it: `@bob`, `#team`, `notes`. */
export function handleOf({ kind, name }: Pick<ConversationView, "kind" | "name">): string {
  if (kind === "notes") return "notes";
  return `${kind === "group" ? "#" : "@"}${name}`;
}

/**
 * The same as it is shown: members choose a group's name, so it is kept short, on one line, and
 * without the brackets that stand around authors.
 * @param isUnique whether no other conversation has the handle
 */
export function shownHandle(view: ConversationView, isUnique = true): string {
  const all = [...handleOf(view).replace(/\s+/gu, " ").replaceAll("[", "(").replaceAll("]", ")")];
  const isLong = all.length > HANDLE_LENGTH_MAX;
  const handle = isLong ? `${all.slice(0, HANDLE_LENGTH_MAX).join("")}…` : all.join("");
  return isUnique ? handle : `${handle} (${idDigits(view)})`;
}

/** What a conversation may be named by, whatever others are called. */
export function idDigits({ id }: Pick<ConversationView, "id">): string {
  return id.slice(0, ID_DIGITS);
}

/** When an entry was taken by the server; before that, when it was written. */
export function timeOf(item: HistoryItem): number {
  if (item.kind === "notice") return item.atMs;
  return item.acceptedAtMs === 0 ? item.sentAtMs : item.acceptedAtMs;
}

export function clockTime(atMs: number): string {
  const date = new Date(atMs);
  return `${pad(date.getHours())}:${pad(date.getMinutes())}`;
}

/** For example `Fri 2 Jan 2026`. */
export function dayOf(atMs: number): string {
  const date = new Date(atMs);
  if (Number.isNaN(date.getTime())) return "some day";
  const day = `${date.getDate()} ${MONTHS[date.getMonth()]} ${date.getFullYear()}`;
  return `${WEEKDAYS[date.getDay()]} ${day}`;
}

export interface ItemWording {
  /** In front, unless it is clear from what is around. */
  readonly conversation?: string | undefined;
  readonly hasTime: boolean;
  /** Whether an own message that waits is marked so. */
  readonly marksQueued: boolean;
  /** The own account's name. */
  readonly self: string;
}

/** An entry as one line, which its text may lengthen. */
export function itemRow(item: HistoryItem, wording: ItemWording): Row {
  const { conversation, hasTime, self } = wording;
  const front: Span[] = [
    ...hasTime ? [{ text: `${clockTime(timeOf(item))} `, style: "faint" } as const] : [],
    ...conversation === undefined ? [] : [{ text: `${conversation} `, style: "faint" } as const],
  ];
  if (item.kind === "notice") {
    const text = `* ${noticeText(item.notice, self)}`;
    return [...front, { text, style: noticeStyle(item.notice) }];
  }
  const { author, text } = item;
  const name = { text: `[${author.name}]`, style: author.isSelf ? "own-name" : "name" } as const;
  return [...front, name, { text: ` ${text}` }, ...stateSpans(item, wording.marksQueued)];
}

function stateSpans({ state, failure }: TextItem, marksQueued: boolean): readonly Span[] {
  if (state === "pending" && marksQueued) return [{ text: " (queued)", style: "faint" }];
  if (state !== "failed") return [];
  return [{ text: ` (not sent: ${failure?.message ?? "unknown"})`, style: "warning" }];
}

/** @param notice whose names are of accounts; a group's name may be anything */
export function noticeText(notice: Notice, self: string): string {
  const who = (name: string): string => name === self ? "you" : name;
  const all = (names: readonly string[]): string => listed(names.map(who));
  switch (notice.kind) {
    case "joined":
      return notice.isEntry ? "this device is in; what was said before isn't on it" : "you are in";
    case "members-added":
      return `${notice.by === "" ? "somebody" : who(notice.by)} added ${all(notice.names)}`;
    case "members-removed":
      return `${notice.by === "" ? "somebody" : who(notice.by)} removed ${all(notice.names)}`;
    case "members-left":
      return `${all(notice.names)} left`;
    case "member-joined":
      return `${who(notice.name)} joined`;
    case "device-added":
      return notice.name === self
        ? "you added a device. If it wasn't you: qpq devices revoke takes it off, qpq passwd keeps it off"
        : `${notice.name} added a device`;
    case "unknown-device":
      return "A DEVICE THAT IS NOT ON YOUR LIST is here as one of yours: nothing is sent. Change the " +
        "account's key: qpq rotate-account-key";
    case "device-replaced":
      return "another device came in with THIS DEVICE'S KEY: somebody has a copy. Revoke this device";
    case "renamed":
      return `${who(notice.by)} named the group ${JSON.stringify(notice.name)}`;
    case "admins-changed":
      return `${who(notice.by)} changed the admins: ${all(notice.names)}`;
    case "removed-self":
      return `${who(notice.by)} removed you`;
    case "left-self":
      return "you left";
    case "gap":
      return gapText(notice.count, notice.reason);
    case "missing-messages":
      return `${counted(notice.count, "message")} of ${notice.name} never came`;
    case "undecryptable":
      return notice.name === ""
        ? `an entry can't be read (${notice.code})`
        : `a message of ${notice.name} can't be read (${notice.code})`;
    case "key-changed":
      return `the account key of ${notice.name} HAS CHANGED: nothing is sent until it is accepted`;
    case "closed":
      return "the group is closed";
    case "succeeded":
      return "the conversation goes on in a new group" +
        (notice.without.length > 0 ? `, without ${all(notice.without)}` : "");
    case "rejoined":
      return "this device could not follow, and entered anew";
    case "broken":
      return `this device can't follow the conversation any more (${notice.code})`;
  }
}

function gapText(count: number, reason: string): string {
  const isOne = count === 1;
  const words: Readonly<Record<string, string>> = {
    expired: `the server keeps ${isOne ? "it" : "them"} no longer`,
    missed: "this device was out",
    restored: "the server was restored from a backup",
  };
  const what = isOne ? "1 entry is" : `${count} entries are`;
  return `${what} missing here: ${words[reason] ?? reason}`;
}

function noticeStyle({ kind }: Notice): "warning" | "notice" {
  return ALARMING.has(kind) ? "warning" : "notice";
}

const ALARMING: ReadonlySet<Notice["kind"]> = new Set([
  "gap",
  "missing-messages",
  "undecryptable",
  "key-changed",
  "unknown-device",
  "device-replaced",
  "broken",
]);

/** A change that the account made itself, or that is clear from what is said anyway. */
export function goesWithoutSaying(
  item: HistoryItem,
  { self, kind }: { readonly self: string; readonly kind: ConversationView["kind"] },
): boolean {
  if (item.kind === "text") return false;
  const { notice } = item;
  if (notice.kind === "joined" || notice.kind === "left-self") return true;
  if (notice.kind === "member-joined" && notice.name === self) return true;
  if (notice.kind === "members-added" && kind === "direct-message") return true;
  return "by" in notice && notice.by === self;
}

const STATES: Readonly<Record<ConversationState, string>> = {
  invited: "invited: join it, or leave it",
  joining: "on the way in",
  active: "",
  leaving: "on the way out",
  left: "left",
  removed: "removed",
  closed: "closed",
  broken: "broken: what is sent waits",
};

/** What is to be said of a conversation in a list, `""` for nothing. */
export function viewRemarks(view: ConversationView): string {
  return [
    STATES[view.state],
    view.unreadCount > 0 ? `${view.unreadCount} unread` : "",
    view.queuedCount > 0 ? `${view.queuedCount} queued` : "",
    view.isFromStranger ? "from a stranger" : "",
    view.isBlocked ? "blocked" : "",
    view.hasUnknownDevice ? "a device that is not yours is in it as one of yours" : "",
    view.blockedBy.length > 0 ? `account key changed: ${listed(view.blockedBy)}` : "",
  ].filter((remark) => remark !== "").join(", ");
}

export function memberRemarks(
  { isSelf, isAdmin, isInvited, devicesCount, trust }: MemberView,
): string {
  return [
    isSelf ? "you" : "",
    isAdmin ? "admin" : "",
    isInvited ? "invited" : "",
    devicesCount > 1 ? `${devicesCount} devices` : "",
    trust === "verified" ? "verified" : "",
    trust === "changed" ? "THE ACCOUNT KEY HAS CHANGED" : "",
  ].filter((remark) => remark !== "").join(", ");
}

export function listed(names: readonly string[]): string {
  return names.length === 0 ? "nobody" : names.join(", ");
}

export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

export function viewJson(view: ConversationView) {
  return {
    conversation: handleOf(view),
    conversationId: view.id,
    kind: view.kind,
    state: view.state,
    unread: view.unreadCount,
    queued: view.queuedCount,
    isFromStranger: view.isFromStranger,
    isBlocked: view.isBlocked,
    blockedBy: view.blockedBy,
    hasUnknownDevice: view.hasUnknownDevice,
    isUnconfirmed: view.isUnconfirmed,
    lastAt: view.lastAtMs === 0 ? null : isoTime(view.lastAtMs),
  };
}

export function itemJson(item: HistoryItem, view: Pick<ConversationView, "kind" | "name">) {
  const place = {
    conversation: handleOf(view),
    conversationId: item.conversationId,
    position: item.position,
  };
  if (item.kind === "notice") {
    return { kind: "notice", ...place, at: isoTime(item.atMs), notice: item.notice };
  }
  const { author, failure } = item;
  return {
    kind: "text",
    ...place,
    messageId: item.messageId,
    from: author.name,
    isSelf: author.isSelf,
    text: item.text,
    sentAt: isoTime(item.sentAtMs),
    acceptedAt: item.acceptedAtMs === 0 ? null : isoTime(item.acceptedAtMs),
    state: item.state,
    ...failure === undefined ? {} : { failure },
  };
}

/** A clock of somebody else's may say anything. */
function isoTime(atMs: number): string | null {
  const date = new Date(atMs);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}

function pad(value: number): string {
  return Number.isNaN(value) ? "--" : `${value}`.padStart(2, "0");
}
