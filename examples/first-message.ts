/** Makes two accounts, lets one write to the other, and prints what arrives. */
import { openClient, parseHostPort, parsePin, registerClient, serverNameAt } from "@qpq/client";

const [address = "", pin = "", stateFolder = ""] = Deno.args;
const server = parseHostPort(address);
if (server === undefined) throw new Error("HOST:PORT PIN STATE_FOLDER");
const serverName = serverNameAt(server.hostname);
const optionsOf = (name: string) => ({
  ...{ stateFolder, server, serverName, trust: parsePin(pin), name },
  password: `correct horse battery ${name}`,
});

// Once for each account and device. From then on, `openClient` with the same options.
await (await registerClient(optionsOf("bob")))[Symbol.asyncDispose]();
await using alice = await registerClient(optionsOf("alice"));
const { id } = await alice.conversations.openDirectMessage("bob", { timeoutMs: 10_000 });
const { messageId } = await alice.conversations.send(id, "Hello Bob!");
await alice.conversations.waitUntilSent(id, messageId, { timeoutMs: 10_000 });

// Bob was away. What came in the meantime is in his store before he is told of it.
await using bob = await openClient(optionsOf("bob"));
for await (const { kind, ...event } of bob.conversations.events({ after: 0 })) {
  if (kind !== "item" || !("item" in event) || event.item.kind !== "text") continue;
  Deno.stdout.writeSync(
    new TextEncoder().encode(`${event.item.author.name}: ${event.item.text}\n`),
  );
  await bob.conversations.markRead(event.conversationId, event.item.position);
  break;
}
