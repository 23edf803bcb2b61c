/** What subcommands and the REPL do with conversations, and what they say of it. */
import {
  type Conversations,
  type ConversationView,
  HISTORY_PAGE_MAX,
  type InviteResult,
  type Waiting,
} from "@qpq/client";
import { MessengerError } from "@qpq/ports";
import type { Row } from "../repl/rows.ts";
import {
  counted,
  dayOf,
  handleOf,
  idDigits,
  itemJson,
  itemRow,
  listed,
  memberRemarks,
  shownHandle,
  timeOf,
  viewJson,
  viewRemarks,
} from "./describe.ts";

/** What came of it. */
export interface Reply {
  /** For people. */
  readonly rows: readonly Row[];
  /** For programs, an object a line. */
  readonly objects: readonly object[];
  /** Whether a part of it could not be done, which the rows say. */
  readonly isPartial?: boolean;
}

/** Where names are written in columns. */
const NAME_COLUMNS = 20;

export async function listConversations(conversations: Conversations): Promise<Reply> {
  const views = await conversations.list();
  const shown = views.filter(({ kind, lastAtMs }) => kind !== "notes" || lastAtMs > 0);
  return {
    rows: shown.length === 0
      ? [[{ text: "no conversations yet" }]]
      : shown.map((view) => listRow(view, shown)),
    objects: shown.map(viewJson),
  };
}

function listRow(view: ConversationView, all: readonly ConversationView[]): Row {
  const handle = handleOf(view);
  const isUnique = all.filter((other) => handleOf(other) === handle).length === 1;
  return columns(shownHandle(view, isUnique), viewRemarks(view), view.unreadCount > 0);
}

function columns(name: string, remarks: string, isBold = false): Row {
  if (remarks === "") return [{ text: name, ...isBold ? { style: "name" } as const : {} }];
  const first = { text: `${name.padEnd(NAME_COLUMNS)} `, hangs: true } as const;
  return [isBold ? { ...first, style: "name" } : first, { text: remarks }];
}

export async function listMembers(
  conversations: Conversations,
  view: ConversationView,
): Promise<Reply & { readonly names: readonly string[] }> {
  const members = await conversations.members(view.id);
  const rows = members.map((member) => columns(member.name, memberRemarks(member)));
  const unconfirmed: Row = [{
    text: "As the server says: nobody else has written since this device came in by itself.",
    style: "warning",
  }];
  return {
    names: members.map(({ name }) => name),
    rows: view.isUnconfirmed ? [...rows, unconfirmed] : rows,
    objects: members.map((
      { name, accountId, isSelf, isAdmin, isInvited, devicesCount, trust },
    ) => ({
      name,
      accountId,
      isSelf,
      isAdmin,
      isInvited,
      devices: devicesCount,
      trust,
    })),
  };
}

export async function createGroup(
  conversations: Conversations,
  options: { readonly name: string; readonly invite: readonly string[] } & Waiting,
): Promise<Reply & { readonly view: ConversationView }> {
  const { conversation, invited } = await conversations.createGroup(options);
  return {
    view: conversation,
    rows: [
      [{ text: `made ${shownHandle(conversation)}` }],
      ...await namesakeRows(conversations, conversation),
      ...inviteRows(invited),
    ],
    objects: [{ ...viewJson(conversation), invited: invited.map(inviteJson) }],
    isPartial: hasFailed(invited),
  };
}

/** Says that its name names another group, too. */
async function namesakeRows(
  conversations: Conversations,
  group: ConversationView,
): Promise<readonly Row[]> {
  const others = (await conversations.list()).filter(({ id, kind, name, state }) =>
    kind === "group" && name === group.name && id !== group.id && !OVER.has(state)
  );
  return others.length === 0 ? [] : [[{
    text: `there is another ${shownHandle(group)}: their first digits tell them apart, ` +
      `${idDigits(group)} of this one, ${listed(others.map(idDigits))} of the other`,
    style: "warning",
  }]];
}

const OVER: ReadonlySet<string> = new Set(["left", "removed", "closed"]);

export async function inviteMembers(
  conversations: Conversations,
  view: ConversationView,
  { names, ...waiting }: { readonly names: readonly string[] } & Waiting,
): Promise<Reply> {
  const invited = await conversations.invite(view.id, names, waiting);
  return {
    rows: inviteRows(invited),
    objects: invited.map((result) => ({ ...placeOf(view), ...inviteJson(result) })),
    isPartial: hasFailed(invited),
  };
}

function inviteRows(results: readonly InviteResult[]): readonly Row[] {
  return results.map((result): Row => {
    if (result.kind === "failed") {
      const why = result.code === "accounts/unknown"
        ? "there is no account of that name"
        : result.message;
      return [{ text: `${result.name} was not invited: ${why}`, style: "warning" }];
    }
    if (result.kind === "present") return [{ text: `${result.name} is in already` }];
    const { name, devicesWithout } = result;
    const later = devicesWithout === 0
      ? ""
      : `; ${counted(devicesWithout, "device")} of it will enter when on line`;
    return [{ text: `invited ${name}${later}` }];
  });
}

function inviteJson(result: InviteResult): object {
  const { name } = result;
  if (result.kind === "present") return { name, invited: false, present: true };
  if (result.kind === "added") {
    return { name, invited: true, devicesWithout: result.devicesWithout };
  }
  return { name, invited: false, error: { code: result.code, message: result.message } };
}

function hasFailed(results: readonly InviteResult[]): boolean {
  return results.some(({ kind }) => kind === "failed");
}

export async function joinGroup(
  conversations: Conversations,
  view: ConversationView,
  waiting: Waiting,
): Promise<Reply> {
  const joined = await conversations.join(view.id, waiting);
  const { unreadCount } = joined;
  const meanwhile = unreadCount === 0
    ? ""
    : `; ${counted(unreadCount, "message")} came meanwhile: history shows them`;
  const { rows, objects } = said(`joined ${shownHandle(joined)}${meanwhile}`, viewJson(joined));
  return { rows: [...rows, ...await namesakeRows(conversations, joined)], objects };
}

export async function leaveGroup(
  conversations: Conversations,
  view: ConversationView,
  waiting: Waiting,
): Promise<Reply> {
  const isInvitation = view.state === "invited";
  await conversations.leave(view.id, waiting);
  const handle = shownHandle(view);
  return said(isInvitation ? `declined ${handle}` : `left ${handle}`, {
    ...placeOf(view),
    [isInvitation ? "declined" : "left"]: true,
  });
}

export async function removeMembers(
  conversations: Conversations,
  view: ConversationView,
  { names, ...waiting }: { readonly names: readonly string[] } & Waiting,
): Promise<Reply> {
  await conversations.remove(view.id, names, waiting);
  return said(`removed ${listed(names)} from ${shownHandle(view)}`, {
    ...placeOf(view),
    removed: names,
  });
}

export async function makeAdmin(
  conversations: Conversations,
  view: ConversationView,
  change: { readonly name: string; readonly isAdmin: boolean } & Waiting,
): Promise<Reply> {
  await conversations.setAdmin(view.id, change);
  const { name, isAdmin } = change;
  const what = isAdmin ? "is an admin now" : "is no admin any more";
  return said(`${name} ${what}`, { ...placeOf(view), name, isAdmin });
}

export async function renameGroup(
  conversations: Conversations,
  view: ConversationView,
  name: string,
): Promise<Reply> {
  await conversations.rename(view.id, name);
  return said(`the group is ${shownHandle({ ...view, name })} now`, { ...placeOf(view), name });
}

/** The newest entries, or those in front of `before`, with a line where a day begins. */
export async function showHistory(
  conversations: Conversations,
  view: ConversationView,
  options: {
    readonly countMax: number;
    readonly before?: number;
    readonly hasTime: boolean;
    /** The own account's name. */
    readonly self: string;
  },
): Promise<Reply> {
  const { countMax, before, hasTime, self } = options;
  const pages = await readPages(conversations, view, { countMax, before });
  const rows: Row[] = [];
  let day = "";
  for (const item of pages) {
    const itsDay = dayOf(timeOf(item));
    if (itsDay !== day) rows.push(dayRow(itsDay));
    day = itsDay;
    rows.push(itemRow(item, { self, hasTime, marksQueued: true }));
  }
  return {
    rows: rows.length === 0 ? [[{ text: "nothing was said here yet" }]] : rows,
    objects: pages.map((item) => itemJson(item, view)),
  };
}

async function readPages(
  conversations: Conversations,
  view: ConversationView,
  options: { readonly countMax: number; readonly before: number | undefined },
) {
  let { before } = options;
  let items: Awaited<ReturnType<Conversations["history"]>>["items"] = [];
  for (let more = true; more && items.length < options.countMax;) {
    const page = await conversations.history(view.id, {
      countMax: Math.min(HISTORY_PAGE_MAX, options.countMax - items.length),
      ...before === undefined ? {} : { before },
    });
    items = [...page.items, ...items];
    before = page.items[0]?.position;
    more = page.more && before !== undefined;
  }
  return items;
}

export function dayRow(day: string): Row {
  return [{ text: `── ${day} ──`, style: "faint" }];
}

export async function setBlocked(
  conversations: Conversations,
  name: string,
  isBlocked: boolean,
): Promise<Reply> {
  if (isBlocked) await conversations.block(name);
  else await conversations.unblock(name);
  const what = isBlocked
    ? `blocked ${name}: nothing it writes to you alone is shown; /unblock ${name} ends it`
    : `unblocked ${name}: what comes from now on is shown`;
  return said(what, { name, isBlocked });
}

export async function openDirectMessage(
  conversations: Conversations,
  name: string,
  waiting: Waiting,
): Promise<Reply & { readonly view: ConversationView }> {
  const view = await conversations.openDirectMessage(withoutSign(name, "@"), waiting);
  return {
    view,
    ...said(`${handleOf(view)}: what you write goes to ${view.name}`, viewJson(view)),
  };
}

/**
 * The group that a person means by its name, with `#` or without, or by its id.
 * @throws MessengerError `conversations/unknown`, `conversations/ambiguous`
 */
export async function findGroup(
  conversations: Conversations,
  text: string,
): Promise<ConversationView> {
  return await findFirst(conversations, [`#${withoutSign(text, "#")}`, text]);
}

/** The same for a conversation of any kind; a bare name is an account's before it is a group's. */
export async function findConversation(
  conversations: Conversations,
  text: string,
): Promise<ConversationView> {
  const isPlain = !/^[@#]/.test(text) && text !== "notes";
  return await findFirst(conversations, isPlain ? [`@${text}`, `#${text}`, text] : [text]);
}

async function findFirst(
  conversations: Conversations,
  handles: readonly string[],
): Promise<ConversationView> {
  let unknown: MessengerError | undefined;
  for (const handle of handles) {
    try {
      return await conversations.find(handle);
    } catch (error) {
      const isUnknown = error instanceof MessengerError && error.code === "conversations/unknown";
      if (!isUnknown) throw error;
      unknown ??= error;
    }
  }
  throw unknown;
}

export function withoutSign(text: string, sign: "@" | "#"): string {
  return text.startsWith(sign) ? text.slice(1) : text;
}

function said(text: string, object: object): Reply {
  return { rows: [[{ text }]], objects: [object] };
}

function placeOf(view: ConversationView) {
  return { conversation: handleOf(view), conversationId: view.id };
}
