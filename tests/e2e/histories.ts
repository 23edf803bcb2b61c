/** What clients have, read whole. */
import type { Client, ConversationId, TextItem } from "@qpq/client";

/** All that was written in a conversation, oldest first. */
export async function textsOf({ conversations }: Client, id: ConversationId): Promise<TextItem[]> {
  const texts: TextItem[] = [];
  for (let before: number | undefined, more = true; more;) {
    const page = await conversations.history(id, before === undefined ? {} : { before });
    texts.unshift(...page.items.flatMap((item) => item.kind === "text" ? [item] : []));
    before = page.items[0]?.position;
    more = page.more;
  }
  return texts;
}
