/** Answers each message with the same text, exactly once, however often it is killed. */
import { createHash } from "node:crypto";
import * as qpq from "@qpq/client";

const [address = "", pin = "", stateFolder = ""] = Deno.args;
const server = qpq.parseHostPort(address);
const password = Deno.env.get("ECHO_BOT_PASSWORD");
if (server === undefined || password === undefined) throw new Error("HOST:PORT PIN STATE_FOLDER");
const serverName = qpq.serverNameAt(server.hostname);
const trust = qpq.parsePin(pin);
const options = { stateFolder, server, serverName, trust, name: "echo", password };
const isKnown = qpq.hasAccountStore(options);
await using client = await (isKnown ? qpq.openClient(options) : qpq.registerClient(options));
const { conversations, settings } = client;

const after = Number(new TextDecoder().decode(await settings.read("echo-cursor")));
for await (const event of conversations.events({ after })) {
  const item = event.kind === "item" && event.item.kind === "text" ? event.item : undefined;
  const { state } = await conversations.get(event.conversationId);
  if (item?.state === "received" && state === "active") {
    const asked = `${item.author.accountId} ${item.messageId}`;
    const hash = createHash("sha256").update(asked).digest("hex");
    // Killed before the cursor is written, it comes here again: the same id is sent once.
    const messageId = qpq.parseMessageId(hash.slice(0, 32));
    await conversations.send(event.conversationId, item.text, { messageId });
  }
  await settings.write("echo-cursor", new TextEncoder().encode(`${event.cursor}`));
}
