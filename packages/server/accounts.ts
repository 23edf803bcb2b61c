/** What an operator does with accounts: asks the running server, over the administrator's socket. */
import { MessengerError } from "@qpq/ports";
import * as v from "valibot";
import type { AccountsAdmin } from "../features/accounts/admin.ts";
import { type AdminCommand, callAdmin } from "./admin.ts";
import { ADMIN_SOCKET } from "./admin-socket.ts";
import type { AccountsTask } from "./command-line.ts";

const COMMAND = "accounts";
const DAY_MS = 24 * 60 * 60 * 1_000;
/** Accounts in one reply. */
const PAGE_COUNT = 500;

const requestSchema = v.variant("action", [
  v.object({ action: v.literal("list"), after: v.optional(v.string()) }),
  v.object({ action: v.picklist(["suspend", "resume", "delete"]), name: v.string() }),
  v.object({ action: v.literal("invite"), uses: v.number(), days: v.number() }),
]);

const listReply = v.object({
  accounts: v.array(v.object({
    name: v.string(),
    createdAtMs: v.number(),
    isSuspended: v.boolean(),
  })),
  more: v.boolean(),
});
const inviteReply = v.object({ code: v.string() });

/** What the running server does for `qpq-server accounts …` and `qpq-server invite`. */
export function accountsCommand(admin: AccountsAdmin): Readonly<Record<string, AdminCommand>> {
  return {
    [COMMAND]: async (input) => {
      const request = v.safeParse(requestSchema, input);
      if (!request.success) {
        throw new MessengerError("malformed", "Cannot read the request: it is of another version");
      }
      const asked = request.output;
      switch (asked.action) {
        case "list": {
          const { after } = asked;
          const page = await admin.list({
            countMax: PAGE_COUNT,
            ...after === undefined ? {} : { after },
          });
          return { accounts: page.accounts, more: page.more };
        }
        case "invite": {
          const { uses, days } = asked;
          return { code: await admin.invite({ uses, lifetimeMs: days * DAY_MS }) };
        }
        default:
          await admin[asked.action](asked.name);
          return {};
      }
    },
  };
}

/**
 * Asks the server of that data folder.
 * @returns lines to print
 * @throws MessengerError `server/not-running`, `accounts/unknown`, `accounts/name-invalid`, `too-large`
 */
export async function manageAccounts(task: AccountsTask, dataFolder: string): Promise<string> {
  const socket = `${dataFolder}/${ADMIN_SOCKET}`;
  switch (task.action) {
    case "list":
      return await listAccounts(socket);
    case "invite": {
      const { code } = v.parse(inviteReply, await callAdmin(socket, { ...task, command: COMMAND }));
      return code;
    }
    default:
      await callAdmin(socket, { ...task, command: COMMAND });
      return `${DONE[task.action]} ${task.name}`;
  }
}

const DONE = { suspend: "suspended", resume: "resumed", delete: "deleted" } as const;

async function listAccounts(socket: string): Promise<string> {
  const lines: string[] = [];
  let after: string | undefined;
  for (let more = true; more;) {
    const request = { command: COMMAND, action: "list", ...after === undefined ? {} : { after } };
    const page = v.parse(listReply, await callAdmin(socket, request));
    for (const { name, createdAtMs, isSuspended } of page.accounts) {
      const since = new Date(createdAtMs).toISOString().slice(0, 10);
      lines.push(`${name.padEnd(32)} ${since}${isSuspended ? "  suspended" : ""}`);
    }
    after = page.accounts.at(-1)?.name;
    more = page.more && after !== undefined;
  }
  return lines.length === 0 ? "no accounts yet" : lines.join("\n");
}
