import { MessengerError } from "@qpq/ports";
import {
  type AccountId,
  type AccountName,
  parseAccountId,
  parseAccountName,
} from "../accounts/names.ts";
import type { Primitives } from "../accounts/primitives.ts";
import { sameBytes } from "../accounts/signed.ts";
import { decodeAccountKeyChange } from "../accounts/accounts.gen.ts";
import type { AccountView } from "./devices.gen.ts";
import { type CertifiedList, verifyKeyChange, verifyList } from "./statements.ts";

/** What a server said of an account, after everything in it was found to fit its account key. */
export interface VerifiedAccount {
  readonly accountId: AccountId;
  readonly name: AccountName;
  /** Whether it is the pinned one is another question. */
  readonly accountKey: Uint8Array;
  /** Undefined before the first device. */
  readonly list: CertifiedList | undefined;
  /** The keys that led to this one by signed changes, oldest first. */
  readonly earlierKeys: readonly Uint8Array[];
}

/**
 * @param asked what was asked for: the answer must be of that account
 * @throws MessengerError `accounts/wrong-account`, `devices/bad-list`, `devices/bad-certificate`,
 *   `accounts/bad-signature`, `malformed`
 */
export function verifyView(
  primitives: Primitives,
  view: AccountView,
  asked: {
    readonly serverName: string;
    readonly name?: AccountName;
    readonly accountId?: AccountId;
  },
): VerifiedAccount {
  const accountId = parseAccountId(view.accountId);
  const name = parseAccountName(view.name);
  const isAsked = (asked.name === undefined || asked.name === view.name) &&
    (asked.accountId === undefined || sameBytes(asked.accountId, accountId));
  if (!isAsked) {
    throw new MessengerError(
      "accounts/wrong-account",
      "Cannot accept account: the server answers with another one",
    );
  }
  const { accountKey, list, certificates } = view;
  const { serverName } = asked;
  if (!primitives.isSignaturePublicKey(accountKey)) {
    throw new MessengerError("malformed", "Cannot accept account: its key is not one");
  }
  if (list === undefined && certificates.length > 0) {
    throw new MessengerError("devices/bad-list", "Cannot accept account: devices without a list");
  }
  return {
    accountId,
    name,
    accountKey,
    list: list === undefined
      ? undefined
      : verifyList(primitives, { accountId, name, serverName, accountKey, list, certificates }),
    earlierKeys: verifyKeyChanges(primitives, { accountId, serverName }, view),
  };
}

/** @returns the keys before the present one; each signed the change to the next */
function verifyKeyChanges(
  primitives: Primitives,
  account: { readonly accountId: AccountId; readonly serverName: string },
  { accountKey, keyChanges }: AccountView,
): readonly Uint8Array[] {
  const first = keyChanges[0];
  if (first === undefined) return [];
  // The oldest key is what the change says; only who pinned it believes it.
  const keys = [decodeAccountKeyChange(first.statement).oldKey];
  for (const change of keyChanges) {
    const signer = keys.at(-1) as Uint8Array;
    keys.push(verifyKeyChange(primitives, { ...account, accountKey: signer, change }));
  }
  const last = keys.pop();
  if (last !== undefined && !sameBytes(last, accountKey)) {
    throw new MessengerError(
      "accounts/bad-signature",
      "Cannot accept account: its key changes lead to another key",
    );
  }
  return keys;
}
