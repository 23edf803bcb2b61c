import {
  assert,
  type Clock,
  MessengerError,
  type Random,
  type StoreReader,
  type StoreTransaction,
} from "@qpq/ports";
import { decodeStoredInvite, encodeStoredInvite, type StoredInvite } from "./accounts.gen.ts";
import { INVITE_KEYS, inviteKey } from "./keys.ts";
import type { Primitives } from "./primitives.ts";

/** Random bits: 80. */
const CODE_BYTES = 10;
/** Crockford's base 32: no I, L, O or U. */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
export const INVITE_USES_MAX = 10_000;
export const INVITE_LIFETIME_MS_MAX = 365 * 24 * 60 * 60 * 1_000;

export interface InviteOptions {
  /** Accounts that it lets in, 1 to 10,000; default 1. */
  readonly uses?: number;
  /** Milliseconds until it expires, at most a year; default a week. */
  readonly lifetimeMs?: number;
}

export const INVITE_DEFAULTS: Required<InviteOptions> = {
  uses: 1,
  lifetimeMs: 7 * 24 * 60 * 60 * 1_000,
};

/** `XXXX-XXXX-XXXX-XXXX` */
export function generateInviteCode(random: Random): string {
  let bits = 0n;
  for (const byte of random.bytes(CODE_BYTES)) bits = bits << 8n | BigInt(byte);
  const letters = Array.from(
    { length: CODE_BYTES * 8 / 5 },
    (_, index) => ALPHABET[Number(bits >> BigInt(5 * index) & 31n)],
  ).join("");
  return letters.replace(/.{4}(?=.)/g, "$&-");
}

/** As it is kept: a copy of the database lets nobody in. */
export function hashInviteCode(primitives: Primitives, code: string): Uint8Array {
  const letters = code.toUpperCase().replace(/[\s-]/g, "").replace(/O/g, "0").replace(/[IL]/g, "1");
  return primitives.hash(new TextEncoder().encode(letters));
}

/** @throws MessengerError `too-large` */
export function putInvite(
  transaction: StoreTransaction,
  codeHash: Uint8Array,
  { uses, expiresAtMs }: { readonly uses: number; readonly expiresAtMs: number },
): void {
  transaction.put(inviteKey(codeHash), encodeStoredInvite({ usesLeft: uses, expiresAtMs }));
}

/** @throws MessengerError `accounts/invite-invalid` */
export async function requireInvite(
  reader: StoreReader,
  codeHash: Uint8Array,
  clock: Pick<Clock, "now">,
): Promise<StoredInvite> {
  const stored = await reader.get(inviteKey(codeHash));
  const invite = stored === undefined ? undefined : decodeStoredInvite(stored);
  if (invite === undefined || invite.expiresAtMs <= clock.now()) {
    throw new MessengerError("accounts/invite-invalid", "Cannot register: no valid invite code");
  }
  return invite;
}

/** Counts one use. @throws MessengerError `accounts/invite-invalid` */
export async function useInvite(
  transaction: StoreTransaction,
  codeHash: Uint8Array,
  clock: Pick<Clock, "now">,
): Promise<void> {
  const { usesLeft, expiresAtMs } = await requireInvite(transaction, codeHash, clock);
  assert(usesLeft >= 1, "a used invite is deleted");
  if (usesLeft === 1) transaction.delete(inviteKey(codeHash));
  else putInvite(transaction, codeHash, { uses: usesLeft - 1, expiresAtMs });
}

/** Invites in one sweep's transaction. */
const SWEEP_COUNT_MAX = 500;

/** Deletes expired invites among the first from `start` on. @returns where to go on, or undefined */
export async function sweepInvites(
  transaction: StoreTransaction,
  { nowMs, start }: { readonly nowMs: number; readonly start: Uint8Array | undefined },
): Promise<Uint8Array | undefined> {
  const { entries, more } = await transaction.range({
    prefix: INVITE_KEYS,
    countMax: SWEEP_COUNT_MAX,
    ...start === undefined ? {} : { start },
  });
  for (const { key, value } of entries) {
    if (decodeStoredInvite(value).expiresAtMs <= nowMs) transaction.delete(key);
  }
  const last = entries.at(-1);
  return more && last !== undefined ? last.key : undefined;
}
