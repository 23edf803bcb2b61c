/** What an account's devices tell each other of their conversations, through its directory. */
import { compareKeys, MessengerError } from "@qpq/ports";
import type { Random } from "@qpq/ports";
import type { DirectoryConversation } from "../accounts/accounts.gen.ts";
import { type DirectoryOptions, readDirectory, writeDirectory } from "../accounts/directory.ts";
import type { Home } from "../accounts/home.ts";

export type { DirectoryConversation } from "../accounts/accounts.gen.ts";

/** Conversations that the directory holds: those that are told of last stay. */
export const DIRECTORY_CONVERSATIONS_MAX = 768;
/** Times that it is tried again when another device was first. */
const ATTEMPTS_MAX = 4;

/** What all devices of the account have told, by group id in hexadecimal. */
export async function readSharedConversations(
  home: Home,
  options: DirectoryOptions,
): Promise<ReadonlyMap<string, DirectoryConversation>> {
  const { content } = await readDirectory(home, options);
  return new Map(content.conversations.map((each) => [each.groupId.toHex(), each]));
}

/**
 * Tells the account's other devices how far this one has seen its conversations, and which it has left.
 * What another device saw later stays.
 * @throws MessengerError as `readDirectory` and `writeDirectory`
 */
export async function shareConversations(
  home: Home,
  news: {
    readonly seen: readonly DirectoryConversation[];
    /** Group ids. */
    readonly left: readonly Uint8Array[];
  },
  options: DirectoryOptions & { readonly random: Random },
): Promise<void> {
  for (let attempt = 1;; attempt++) {
    const { version, content } = await readDirectory(home, options);
    const conversations = merge(content.conversations, news);
    if (conversations === undefined) return;
    try {
      await writeDirectory(home, { version, content: { ...content, conversations } }, options);
      return;
    } catch (error) {
      const isLate = error instanceof MessengerError && error.code === "accounts/version-conflict";
      if (!isLate || attempt >= ATTEMPTS_MAX) throw error;
    }
  }
}

/** @returns undefined when nothing changes */
function merge(
  before: readonly DirectoryConversation[],
  { seen, left }: Parameters<typeof shareConversations>[1],
): readonly DirectoryConversation[] | undefined {
  const after = new Map(before.map((each) => [each.groupId.toHex(), each]));
  let isChanged = false;
  for (const each of seen) {
    const id = each.groupId.toHex();
    const known = after.get(id);
    if (known !== undefined && (known.epoch > each.epoch || isSame(known, each))) continue;
    // Behind all others: what is told of last is what is kept.
    after.delete(id);
    after.set(id, each);
    isChanged = true;
  }
  for (const groupId of left) isChanged = after.delete(groupId.toHex()) || isChanged;
  return isChanged ? [...after.values()].slice(-DIRECTORY_CONVERSATIONS_MAX) : undefined;
}

function isSame(one: DirectoryConversation, other: DirectoryConversation): boolean {
  return one.epoch === other.epoch && one.name === other.name &&
    compareKeys(one.confirmedTranscriptHash, other.confirmedTranscriptHash) === 0;
}
