/** What an account keeps in a channel: in the head for those who sent last, else in its own record. */
import { compareKeys, type StoreTransaction } from "@qpq/ports";
import type { StoredHead, StoredMember, StoredUsage } from "./channels.gen.ts";
import { putMember, readMember } from "./records.ts";

/** Accounts whose usage stands in the head. */
const USAGE_MAX = 8;

export type Usage = Pick<StoredUsage, "entriesCount" | "entriesBytes">;

export function usageOf(head: StoredHead, accountId: Uint8Array, member: StoredMember): Usage {
  return head.usage.find((each) => compareKeys(each.accountId, accountId) === 0) ?? member;
}

/**
 * Notes what an account keeps now.
 * @returns the head with it; the account that has gone longest without sending may have to leave it
 */
export async function noteUsage(
  transaction: StoreTransaction,
  channelId: Uint8Array,
  { head, usage }: { readonly head: StoredHead; readonly usage: StoredUsage },
): Promise<StoredHead> {
  const others = head.usage.filter((each) => compareKeys(each.accountId, usage.accountId) !== 0);
  const [oldest] = others;
  if (others.length < USAGE_MAX || oldest === undefined) {
    return { ...head, usage: [...others, usage] };
  }
  const { accountId, entriesCount, entriesBytes } = oldest;
  const member = await readMember(transaction, channelId, accountId);
  if (member !== undefined) {
    putMember(transaction, { channelId, accountId }, { ...member, entriesCount, entriesBytes });
  }
  return { ...head, usage: [...others.slice(1), usage] };
}

/** Takes off what was swept. @returns the head with it */
export async function giveBackUsage(
  transaction: StoreTransaction,
  channelId: Uint8Array,
  { head, swept }: { readonly head: StoredHead; readonly swept: readonly StoredUsage[] },
): Promise<StoredHead> {
  const usage = [...head.usage];
  for (const { accountId, entriesCount, entriesBytes } of swept) {
    const less = (usage: Usage): Usage => ({
      entriesCount: Math.max(0, usage.entriesCount - entriesCount),
      entriesBytes: Math.max(0, usage.entriesBytes - entriesBytes),
    });
    const at = usage.findIndex((each) => compareKeys(each.accountId, accountId) === 0);
    const inHead = usage[at];
    if (inHead !== undefined) {
      usage[at] = { accountId, ...less(inHead) };
      continue;
    }
    const member = await readMember(transaction, channelId, accountId);
    if (member === undefined) continue;
    putMember(transaction, { channelId, accountId }, { ...member, ...less(member) });
  }
  return { ...head, usage };
}
