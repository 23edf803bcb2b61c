/** What begins with a slash. */
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
  makeAdmin,
  openDirectMessage,
  removeMembers,
  renameGroup,
  setBlocked,
  showHistory,
  withoutSign,
} from "../conversations/actions.ts";
import { distanceOf } from "@qpq/adapters/variables";
import { UsageError } from "../output.ts";
import { describeConnection } from "./connection.ts";
import { acceptKey, verifyKey, verifyWords } from "./peer-keys.ts";
import type { Repl } from "./repl.ts";
import type { Row } from "./rows.ts";

export interface ReplWords {
  readonly words: readonly string[];
  /** All behind the command's own word. */
  readonly rest: string;
}

export interface ReplInput extends ReplWords {
  readonly waiting: Waiting;
  /** The conversation that was current when the line was typed. @throws UsageError: there is none */
  readonly here: () => ConversationView;
}

export interface ReplCommand {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly usage: string;
  readonly help: string;
  /** What `/help COMMAND` says beyond. */
  readonly more?: string;
  readonly completes?: "names" | "conversations" | "commands";
  /** Whether it may wait for the server: other lines are taken meanwhile. */
  readonly needsServer?: (repl: Repl, words: ReplWords) => boolean;
  /** Whether lines behind it are for the conversation that it gives. */
  readonly leads?: true;
  /** What is known to be wrong before its turn. @throws UsageError */
  readonly check?: (words: ReplWords) => void;
  readonly run: (repl: Repl, input: ReplInput) => Promise<ConversationView | void>;
}

const HISTORY_COUNT_DEFAULT = 20;
const HISTORY_COUNT_MAX = 10_000;

export const COMMANDS: readonly ReplCommand[] = [
  {
    name: "/dm",
    usage: "/dm NAME",
    help: "talk to somebody alone",
    completes: "names",
    // The one that there is is here.
    needsServer: ({ views }, { words: [name = ""] }) =>
      !views.all.some((view) =>
        view.kind === "direct-message" && view.state === "active" &&
        view.name === withoutSign(name, "@").toLowerCase()
      ),
    leads: true,
    check: ({ words }) => void exactly(words, 1, "/dm NAME"),
    run: async (repl, { words: [name = ""], waiting }) => {
      const reply = await openDirectMessage(repl.account.conversations, name, waiting);
      repl.reply(reply);
      return reply.view;
    },
  },
  {
    name: "/create-group",
    usage: "/create-group NAME",
    help: "make a group, with you as its admin",
    needsServer: always,
    leads: true,
    check: ({ rest }) => void some(rest, "/create-group NAME"),
    run: async (repl, { rest, waiting }) => {
      const options = { name: withoutSign(rest, "#"), invite: [], ...waiting };
      const reply = await createGroup(repl.account.conversations, options);
      repl.reply(reply);
      return reply.view;
    },
  },
  {
    name: "/invite",
    usage: "/invite NAME…",
    help: "invite people into the current group",
    more: "Whoever is invited can read what comes from now on, and sees it after /join. " +
      "Nobody else is told of that /join.",
    completes: "names",
    needsServer: always,
    check: ({ words }) => void people(words, "/invite NAME…"),
    run: async (repl, { words, waiting, here }) => {
      const names = people(words, "/invite NAME…");
      repl.reply(await inviteMembers(repl.account.conversations, here(), { names, ...waiting }));
    },
  },
  {
    name: "/join",
    usage: "/join [#GROUP]",
    help: "accept an invitation",
    more: "Without a group: the only invitation there is.",
    completes: "conversations",
    leads: true,
    run: async (repl, { rest, waiting }) => {
      const view = rest === "" ? onlyInvitation(await repl.views.load()) : await group(repl, rest);
      repl.reply(await joinGroup(repl.account.conversations, view, waiting));
      return view;
    },
  },
  {
    name: "/switch",
    usage: "/switch @NAME|#GROUP|notes",
    help: "write to another conversation from now on",
    completes: "conversations",
    leads: true,
    run: async (repl, { rest }) => {
      const handle = some(rest, "/switch @NAME, /switch #GROUP or /switch notes");
      return await findConversation(repl.account.conversations, handle);
    },
  },
  {
    name: "/list",
    aliases: ["/ls"],
    usage: "/list",
    help: "the conversations",
    run: async (repl) => repl.reply(await listConversations(repl.account.conversations)),
  },
  {
    name: "/members",
    usage: "/members [#GROUP]",
    help: "who is in the current conversation",
    completes: "conversations",
    run: async (repl, input) => {
      const reply = await listMembers(repl.account.conversations, await chosen(repl, input));
      repl.views.learnNames(reply.names);
      repl.reply(reply);
    },
  },
  {
    name: "/remove",
    usage: "/remove NAME…",
    help: "take people out of the current group",
    completes: "names",
    needsServer: always,
    check: ({ words }) => void people(words, "/remove NAME…"),
    run: async (repl, { words, waiting, here }) => {
      const names = people(words, "/remove NAME…");
      repl.reply(await removeMembers(repl.account.conversations, here(), { names, ...waiting }));
    },
  },
  {
    name: "/leave",
    usage: "/leave [#GROUP]",
    help: "leave the current group, or decline an invitation",
    completes: "conversations",
    needsServer: always,
    run: async (repl, input) => {
      const view = await chosen(repl, input);
      repl.reply(await leaveGroup(repl.account.conversations, view, input.waiting));
      await repl.left(view.id);
    },
  },
  {
    name: "/rename",
    usage: "/rename NEW NAME",
    help: "give the current group another name",
    run: async (repl, { rest, here }) => {
      const name = withoutSign(some(rest, "/rename NEW NAME"), "#");
      repl.reply(await renameGroup(repl.account.conversations, here(), name));
    },
  },
  {
    name: "/admin",
    usage: "/admin NAME [off]",
    help: "make somebody an admin, or no admin any more",
    completes: "names",
    needsServer: always,
    check: ({ words }) => void adminChange(words),
    run: async (repl, { words, waiting, here }) => {
      const change = { ...adminChange(words), ...waiting };
      repl.reply(await makeAdmin(repl.account.conversations, here(), change));
    },
  },
  {
    name: "/history",
    usage: "/history [COUNT]",
    help: `what was said here, the last ${HISTORY_COUNT_DEFAULT} entries or so many`,
    run: async (repl, { rest, here }) => {
      const countMax = rest === "" ? HISTORY_COUNT_DEFAULT : Number(rest);
      if (!Number.isInteger(countMax) || countMax < 1 || countMax > HISTORY_COUNT_MAX) {
        throw new UsageError(`expected /history and a number from 1 to ${HISTORY_COUNT_MAX}`);
      }
      const { hasTime } = repl.output;
      const options = { countMax, hasTime, self: repl.account.name };
      repl.reply(await showHistory(repl.account.conversations, here(), options));
    },
  },
  {
    name: "/notes",
    usage: "/notes",
    help: "notes to yourself, which never leave this device",
    leads: true,
    run: async (repl) => await repl.account.conversations.notes(),
  },
  {
    name: "/whoami",
    usage: "/whoami",
    help: "your account, device and server",
    run: async (repl) => repl.reply(await repl.account.whoami()),
  },
  {
    name: "/status",
    usage: "/status",
    help: "connection, queue, and how this is protected",
    more: "The epoch authenticator is the same at all members of one epoch: compare it elsewhere.",
    run: async (repl) => repl.reply(await describeConnection(repl)),
  },
  {
    name: "/verify",
    usage: "/verify NAME [yes]",
    help: "somebody's safety number; yes: you compared it",
    more: "Compare the number by voice or in person, never through this server. " +
      "The same on both sides? Then: /verify NAME yes",
    completes: "names",
    needsServer: always,
    check: ({ words }) => void verifyWords(words),
    run: async (repl, { words, waiting }) => repl.reply(await verifyKey(repl, words, waiting)),
  },
  {
    name: "/accept-key",
    usage: "/accept-key NAME",
    help: "accept somebody's new account key, once shown",
    more:
      "The first time it shows the new safety number, which you compare; the second accepts it.",
    completes: "names",
    needsServer: always,
    check: ({ words }) => void exactly(words, 1, "/accept-key NAME"),
    run: async (repl, { words: [name = ""], waiting }) =>
      repl.reply(await acceptKey(repl, name, waiting)),
  },
  {
    name: "/block",
    usage: "/block NAME",
    help: "hide what somebody writes to you alone",
    completes: "names",
    run: async (repl, { words }) => await block(repl, words, true),
  },
  {
    name: "/unblock",
    usage: "/unblock NAME",
    help: "show what comes from now on",
    completes: "names",
    run: async (repl, { words }) => await block(repl, words, false),
  },
  {
    name: "/help",
    usage: "/help [COMMAND]",
    help: "this list, or more of one command",
    completes: "commands",
    run: (repl, { words }) =>
      Promise.resolve(repl.output.print(helpRows(words[0]), [helpObject()])),
  },
  {
    name: "/quit",
    aliases: ["/exit"],
    usage: "/quit",
    help: "leave; so does Ctrl-D",
    run: (repl) => Promise.resolve(void (repl.isOver = true)),
  },
];

export function findCommand(word: string): ReplCommand | undefined {
  return COMMANDS.find(({ name, aliases = [] }) => name === word || aliases.includes(word));
}

/** Letters of a command that may be wrong, missing, too many or swapped. */
const DISTANCE_MAX = 2;

/** What there is no command for; which one may be meant. */
export function noSuchCommand(word: string): UsageError {
  const [best] = COMMANDS.map(({ name }) => ({ name, distance: distanceOf(word, name) }))
    .filter(({ distance }) => distance <= DISTANCE_MAX && distance < word.length / 2)
    .toSorted((one, other) => one.distance - other.distance);
  const meant = best === undefined ? "" : `: is ${best.name} meant?`;
  return new UsageError(
    `there is no ${word}${meant === "" ? ";" : meant} /help lists what there is, ` +
      "// begins a message with /",
  );
}

function always(): boolean {
  return true;
}

function helpRows(word: string | undefined) {
  if (word !== undefined) {
    const command = findCommand(word.startsWith("/") ? word : `/${word}`);
    if (command === undefined) throw noSuchCommand(word.startsWith("/") ? word : `/${word}`);
    const { usage, help, aliases = [], more } = command;
    const also = aliases.length === 0 ? "" : ` (also ${aliases.join(", ")})`;
    return [
      [{ text: `${usage}${also}: ${help}` }],
      ...more === undefined ? [] : [[{ text: more }]],
    ];
  }
  const width = Math.max(...COMMANDS.map(({ usage }) => usage.length));
  return [
    ...COMMANDS.map(({ usage, help }): Row => [
      { text: `${usage.padEnd(width)}  `, hangs: true },
      { text: help },
    ]),
    [{ text: "Anything else is a message; // begins one with a slash." }],
  ];
}

function helpObject(): object {
  return { commands: COMMANDS.map(({ usage, help }) => ({ usage, help })) };
}

async function block(repl: Repl, words: readonly string[], isBlocked: boolean): Promise<void> {
  const usage = isBlocked ? "/block NAME" : "/unblock NAME";
  const name = withoutSign(exactly(words, 1, usage)[0], "@");
  repl.reply(await setBlocked(repl.account.conversations, name, isBlocked));
  await repl.views.load();
}

async function group(repl: Repl, handle: string): Promise<ConversationView> {
  return await findGroup(repl.account.conversations, handle);
}

/** The conversation that was named, or the current one. */
async function chosen(repl: Repl, { rest, here }: ReplInput): Promise<ConversationView> {
  return rest === "" ? here() : await findConversation(repl.account.conversations, rest);
}

function adminChange([word, off, ...more]: readonly string[]) {
  if (word === undefined || more.length > 0 || (off !== undefined && off !== "off")) {
    throw new UsageError("expected /admin NAME, or /admin NAME off");
  }
  return { name: withoutSign(word, "@"), isAdmin: off === undefined };
}

function onlyInvitation(views: readonly ConversationView[]): ConversationView {
  const [first, ...others] = views.filter(({ state }) => state === "invited");
  if (first === undefined) throw new UsageError("no invitation waits");
  if (others.length > 0) throw new UsageError("several invitations wait: say which, /join #GROUP");
  return first;
}

function people(words: readonly string[], usage: string): readonly string[] {
  if (words.length === 0) throw new UsageError(`expected ${usage}`);
  return words.map((word) => withoutSign(word, "@"));
}

function exactly(words: readonly string[], count: 1, usage: string): readonly [string] {
  const [word] = words;
  if (word === undefined || words.length !== count) throw new UsageError(`expected ${usage}`);
  return [word];
}

function some(rest: string, usage: string): string {
  if (rest === "") throw new UsageError(`expected ${usage}`);
  return rest;
}
