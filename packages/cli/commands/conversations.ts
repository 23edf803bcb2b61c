/** The subcommands that act on one conversation, or list them. */
import type { ConversationView, Waiting } from "@qpq/client";
import {
  createGroup,
  findConversation,
  findGroup,
  inviteMembers,
  joinGroup,
  leaveGroup,
  listConversations,
  listMembers,
  openDirectMessage,
  removeMembers,
  type Reply,
  showHistory,
  withoutSign,
} from "../conversations/actions.ts";
import { catchUp, catchUpIfPossible, hearOut, type Talk, tell } from "../conversations/talk.ts";
import { type ExitCode, UsageError } from "../output.ts";

export async function runDm(talk: Talk, name: string): Promise<ExitCode> {
  const { conversations, timeoutMs, reaching } = talk;
  return tell(talk, await reaching(() => openDirectMessage(conversations, name, { timeoutMs })));
}

export async function runCreateGroup(
  talk: Talk,
  name: string,
  members: readonly string[],
): Promise<ExitCode> {
  const { conversations, timeoutMs, reaching } = talk;
  const invite = members.map((member) => withoutSign(member, "@"));
  const options = { name: withoutSign(name, "#"), invite, timeoutMs };
  return tell(talk, await reaching(() => createGroup(conversations, options)));
}

export async function runInvite(
  talk: Talk,
  group: string,
  members: readonly string[],
): Promise<ExitCode> {
  const names = members.map((member) => withoutSign(member, "@"));
  return await inGroup(
    talk,
    group,
    (view, waiting) => inviteMembers(talk.conversations, view, { names, ...waiting }),
  );
}

export async function runJoin(talk: Talk, group: string): Promise<ExitCode> {
  return await inGroup(
    talk,
    group,
    async (view, waiting) => {
      const reply = await joinGroup(talk.conversations, view, waiting);
      await hearOut(talk);
      return reply;
    },
  );
}

export async function runLeave(talk: Talk, group: string): Promise<ExitCode> {
  return await inGroup(
    talk,
    group,
    async (view, waiting) => {
      const reply = await leaveGroup(talk.conversations, view, waiting);
      await hearOut(talk);
      return reply;
    },
  );
}

export async function runRemove(
  talk: Talk,
  group: string,
  members: readonly string[],
): Promise<ExitCode> {
  const names = members.map((member) => withoutSign(member, "@"));
  return await inGroup(
    talk,
    group,
    (view, waiting) => removeMembers(talk.conversations, view, { names, ...waiting }),
  );
}

export async function runMembers(talk: Talk, partner: string): Promise<ExitCode> {
  await catchUpIfPossible(talk);
  const view = await findConversation(talk.conversations, partner);
  return tell(talk, await listMembers(talk.conversations, view));
}

export async function runList(talk: Talk): Promise<ExitCode> {
  await catchUpIfPossible(talk);
  return tell(talk, await listConversations(talk.conversations));
}

export interface HistoryOptions {
  readonly count: number;
  readonly before?: number;
}

export async function runHistory(
  talk: Talk,
  partner: string,
  { count, before }: HistoryOptions,
): Promise<ExitCode> {
  await catchUpIfPossible(talk);
  const view = await findConversation(talk.conversations, partner);
  const reply = await showHistory(talk.conversations, view, {
    countMax: count,
    hasTime: talk.output.hasTime,
    self: talk.name,
    ...before === undefined ? {} : { before },
  });
  return tell(talk, reply);
}

/** What changes a group begins with the newest that the server has of it. */
async function inGroup(
  talk: Talk,
  group: string,
  act: (view: ConversationView, waiting: Waiting) => Promise<Reply>,
): Promise<ExitCode> {
  if (group === "") throw new UsageError("expected the group's name");
  await catchUp(talk);
  const view = await findGroup(talk.conversations, group);
  return tell(talk, await talk.reaching(() => act(view, { timeoutMs: talk.timeoutMs })));
}
