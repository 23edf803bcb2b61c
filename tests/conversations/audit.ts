/** What devices have made durable, and so may have sent: no key for two plaintexts, no id for two messages. */
import assert from "node:assert/strict";
import { HYBRID_CIPHER_SUITE, runtimeCryptoProvider } from "@qpq/mls";
import { decodeKey } from "@qpq/ports";
import { decodeCommitUpload } from "../../packages/features/channels/channels.gen.ts";
import {
  decodeStoredConversation,
  type StoredConversation,
} from "../../packages/features/groups/groups.gen.ts";
import { decodeStoredQueued } from "../../packages/features/messages/messages.gen.ts";
import { decodeRecord, epochSecretsRecord } from "../../packages/mls/group/record-codec.ts";
import { openSenderData } from "../../packages/mls/messages/protection.ts";
import { decodeMessage } from "../../packages/mls/wire/framing.ts";

/** From when to when a device is in a group, by the sequence numbers of its channel. */
export interface Stay {
  /** Of the first entry that it is to have. */
  readonly from: number;
  /** Of the last; undefined: it is still there. */
  to: number | undefined;
}

interface Outgoing {
  readonly device: string;
  readonly groupId: string;
  readonly message: Uint8Array;
  /** Hexadecimal; empty: it is no text. */
  readonly messageId: string;
}

export class Audit {
  /** By entry id, which is a device's own. */
  readonly outgoing = new Map<string, Outgoing>();
  /** By device and group. */
  readonly stays = new Map<string, Stay[]>();
  readonly problems: string[] = [];
  readonly #secrets = new Map<string, Map<string, Uint8Array>>();

  /** To be told of every value that becomes durable on a device. */
  observer(device: string): (key: Uint8Array, value: Uint8Array) => void {
    return (key, value) => {
      const [slice, kind, group, ...rest] = decodeKey(key);
      if (!(group instanceof Uint8Array)) return;
      const groupId = group.toHex();
      if (slice === "messages" && kind === "queued") {
        const { entryId, message, messageId, position } = decodeStoredQueued(value);
        if (message.length > 0) {
          // What has no position is not shown: a group's name.
          const id = position === 0 ? "" : messageId.toHex();
          this.#leaves(entryId, { device, groupId, message, messageId: id });
        }
      } else if (slice === "groups" && kind === "upload" && rest[0] === 0) {
        const { entryId, message } = decodeCommitUpload(value, { bytesMax: 26 * 2 ** 20 });
        this.#leaves(entryId, { device, groupId, message, messageId: "" });
      } else if (slice === "groups" && kind === "mls" && rest[0] === "epoch") {
        if (rest[2] !== "secrets") return;
        const { senderDataSecret } = decodeRecord(epochSecretsRecord, value);
        const place = `${groupId} ${BigInt(`0x${rest[1]}`)}`;
        const known = this.#secrets.get(place) ?? new Map<string, Uint8Array>();
        this.#secrets.set(
          place,
          known.set(senderDataSecret.toHex(), new Uint8Array(senderDataSecret)),
        );
      } else if (slice === "groups" && kind === "conversation") {
        this.#stands(`${device} ${groupId}`, decodeStoredConversation(value));
      }
    };
  }

  /** @returns messages that were made under keys that no other message was made under */
  checkKeys(): number {
    const byKey = new Map<string, string>();
    for (const [entryId, { device, message }] of this.outgoing) {
      const key = this.#keyOf(message);
      if (key === undefined) continue;
      const other = byKey.get(key);
      assert.equal(other, undefined, `${device} made ${entryId} and ${other} with key ${key}`);
      byKey.set(key, entryId);
    }
    return byKey.size;
  }

  #leaves(entryId: Uint8Array, outgoing: Outgoing): void {
    const id = entryId.toHex();
    const before = this.outgoing.get(id);
    if (before === undefined) {
      const message = new Uint8Array(outgoing.message);
      this.outgoing.set(id, { ...outgoing, message });
    } else if (before.message.toHex() !== outgoing.message.toHex()) {
      this.problems.push(`${outgoing.device} has two messages of entry id ${id}`);
    }
  }

  #keyOf(message: Uint8Array): string | undefined {
    const decoded = decodeMessage(message);
    if (decoded.kind !== "private-message") return undefined;
    const { privateMessage } = decoded;
    const { groupId, epoch, contentType } = privateMessage;
    const suite = runtimeCryptoProvider().cipherSuite(HYBRID_CIPHER_SUITE);
    const place = `${groupId.toHex()} ${epoch}`;
    for (const secret of this.#secrets.get(place)?.values() ?? []) {
      try {
        const { leafIndex, generation } = openSenderData(suite, privateMessage, secret);
        return `${place} ${leafIndex} ${contentType} ${generation}`;
      } catch {
        // Of another branch.
      }
    }
    assert.fail(`no device ever had the secrets of epoch ${place}`);
  }

  #stands(place: string, { state, cursor }: StoredConversation): void {
    const stays = this.stays.get(place) ?? [];
    this.stays.set(place, stays);
    const last = stays.at(-1);
    const isIn = state === "active" || state === "invited" || state === "leaving";
    const isOpen = last !== undefined && last.to === undefined;
    if (isIn && !isOpen) stays.push({ from: cursor + 1, to: undefined });
    else if (!isIn && isOpen) last.to = cursor;
  }
}
