/** Who is in a group: accounts and their devices, as the leaves' credentials say. */
import type { LeafNode, Member } from "@qpq/mls";
import { MessengerError } from "@qpq/ports";
import type { Primitives } from "../accounts/primitives.ts";
import { type LeafDevice, openCredential } from "../devices/credential.ts";

/** A device in a group. */
export interface GroupDevice {
  readonly leafIndex: number;
  readonly device: LeafDevice;
}

/** An account in a group, with its devices in the order of their leaves. */
export interface GroupAccount {
  /** Hexadecimal. */
  readonly id: string;
  readonly devices: readonly [GroupDevice, ...GroupDevice[]];
}

/**
 * Reads leaves of accounts on one server, each once: the same leaf is the same object in every epoch
 * that has it.
 */
export class LeafDevices {
  readonly #primitives: Primitives;
  readonly #serverName: string;
  readonly #known = new WeakMap<LeafNode, LeafDevice>();

  constructor(primitives: Primitives, serverName: string) {
    this.#primitives = primitives;
    this.#serverName = serverName;
  }

  /** @throws MessengerError `devices/bad-certificate`: the credential is none of ours, or not good */
  open(leaf: LeafNode): LeafDevice {
    const known = this.#known.get(leaf);
    if (known !== undefined) return known;
    const { credential, signatureKey } = leaf;
    if (credential.kind !== "basic") {
      throw new MessengerError("devices/bad-certificate", "Cannot accept leaf: not our kind");
    }
    const device = openCredential(this.#primitives, credential.identity, signatureKey);
    // Account ids are drawn by clients: on another server the same one may be somebody else.
    if (device.serverName !== this.#serverName) {
      throw new MessengerError("devices/bad-certificate", "Cannot accept leaf: of another server");
    }
    this.#known.set(leaf, device);
    return device;
  }

  /** Accounts in the order of their first leaves. @throws MessengerError as `open` */
  accounts(members: readonly Member[]): ReadonlyMap<string, GroupAccount> {
    const accounts = new Map<string, GroupAccount>();
    for (const { leafIndex, leafNode } of members) {
      const device = this.open(leafNode);
      const id = device.accountId.toHex();
      const own: GroupDevice = { leafIndex, device };
      const before = accounts.get(id);
      accounts.set(id, { id, devices: before ? [...before.devices, own] : [own] });
    }
    return accounts;
  }
}

/** Of which accounts no leaf is left, and which have their first. Hexadecimal ids. */
export function accountChanges(
  before: ReadonlyMap<string, GroupAccount>,
  after: ReadonlyMap<string, GroupAccount>,
): { readonly added: readonly string[]; readonly removed: readonly string[] } {
  return {
    added: [...after.keys()].filter((id) => !before.has(id)),
    removed: [...before.keys()].filter((id) => !after.has(id)),
  };
}
