/** `/status`: the connection, the queue, and the current conversation's protection. */
import type { ClientStatus } from "@qpq/client";
import { MessengerError } from "@qpq/ports";
import type { Reply } from "../conversations/actions.ts";
import { counted, handleOf } from "../conversations/describe.ts";
import { errorText } from "../output.ts";
import type { Repl } from "./repl.ts";
import type { Row } from "./rows.ts";

export async function describeConnection(repl: Repl): Promise<Reply> {
  const { account, current } = repl;
  const views = await repl.views.load();
  const queued = views.reduce((sum, { queuedCount }) => sum + queuedCount, 0);
  const connection = account.connection();
  const rows: Row[] = [
    [{ text: connectionText(connection, account.address) }],
    [{ text: `queued: ${counted(queued, "message")}` }],
  ];
  const status = current === undefined || current.kind === "notes" || current.state !== "active"
    ? undefined
    : await account.conversations.status(current.id);
  if (current !== undefined && status !== undefined) {
    const suite = `0x${status.cipherSuite.toString(16).padStart(4, "0")}`;
    rows.push(
      [{
        text: `${repl.views.shown(current)}: epoch ${status.epoch}, ` +
          `${counted(status.leavesCount, "device")}`,
      }],
      [{ text: `epoch authenticator ${grouped(status.epochAuthenticator)}` }],
      [{
        text: `cipher suite ${suite}: ` +
          (status.isPostQuantum ? "post-quantum hybrid" : "CLASSICAL, not post-quantum"),
      }],
    );
  }
  return {
    rows,
    objects: [{
      connection: connection.kind,
      queued,
      ...current === undefined ? {} : { conversation: handleOf(current), ...status },
    }],
  };
}

function connectionText(status: ClientStatus, address: string): string {
  switch (status.kind) {
    case "connecting":
      return `connecting to ${address}`;
    case "closed":
      return "closed";
    case "lost":
      return `offline: ${errorText(status.error, "repl")}; ` +
        `the next attempt is in ${Math.ceil(status.retryInMs / 1_000)} s at most`;
    case "connected": {
      const { server, refusal } = status;
      const state = refusal instanceof MessengerError ? `: ${errorText(refusal, "repl")}` : "";
      return `connected to ${address} (${server.name})${state}`;
    }
  }
}

/** Hexadecimal in groups of 8, to be read aloud. */
function grouped(text: string): string {
  return text.match(/.{1,8}/g)?.join(" ") ?? "";
}
