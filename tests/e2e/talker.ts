/**
 * A program on `@qpq/client` for the test that kills it. Arguments: `send` or `receive`, and the options
 * of the account as JSON. Prints a line for each thing that it was told for certain.
 */
import {
  type ClientOptions,
  openClient,
  parseConversationId,
  parseMessageId,
  parsePin,
} from "@qpq/client";

export interface TalkerOptions {
  readonly account: Omit<ClientOptions, "trust">;
  readonly pin: string;
  readonly conversationId: string;
  /** Those that are still to be sent, with the texts that go with them. */
  readonly messages: readonly { readonly messageId: string; readonly text: string }[];
  /** The cursor behind which it goes on to receive. */
  readonly after: number;
}

/** So that a kill falls between two messages as well as into one. */
const PAUSE_MS = 2;
const PATIENCE = { timeoutMs: 180_000 } as const;

if (import.meta.main) {
  const [task, json = ""] = Deno.args;
  const options: TalkerOptions = JSON.parse(json);
  await using client = await openClient({ ...options.account, trust: parsePin(options.pin) });
  const { conversations } = client;
  const id = parseConversationId(options.conversationId);
  if (task === "send") {
    for (const { messageId, text } of options.messages) {
      await conversations.send(id, text, { messageId: parseMessageId(messageId) });
      print(messageId);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    await conversations.waitUntilAllSent(PATIENCE);
  } else {
    for await (const event of conversations.events({ after: options.after })) {
      if (event.kind !== "item" || event.item.kind !== "text") continue;
      print(`${event.cursor} ${event.item.messageId}`);
    }
  }
}

/** At once and whole: what was printed before a kill was printed. */
function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
