/** What this device thinks of who is in a conversation: never what it processes, only what it sends and shows. */
import { membersOf } from "@qpq/mls";
import { compareKeys } from "@qpq/ports";
import type { LeafDevice } from "../../features/devices/credential.ts";
import { seeCredential } from "../../features/devices/peers.ts";
import { untrustedAccounts } from "../../features/devices/pin-watch.ts";
import type { Ground } from "./ground.ts";
import type { LiveConversation } from "./live-conversation.ts";

/** Devices on no list that are kept of a conversation; the schema says the same. One is alarm enough. */
const STRANGERS_COUNT_MAX = 1_024;
/** Devices of the account that one waits for at most where it has revoked another. */
const RANKS_MAX = 3;

export class Trust {
  readonly #ground: Ground;
  readonly #live: LiveConversation;
  readonly #onBehind: () => void;
  #blockedBy: { readonly epoch: bigint; readonly names: Promise<readonly string[]> } | undefined;
  #knownBlockedBy: readonly string[] = [];
  #rank = 0;

  constructor(
    ground: Ground,
    live: LiveConversation,
    /** Told when this device's own leaf shows an earlier account key. */
    { onBehind }: { readonly onBehind: () => void },
  ) {
    this.#ground = ground;
    this.#live = live;
    this.#onBehind = onBehind;
  }

  /** Devices of the account that go first where it has revoked one. */
  get rank(): number {
    return this.#rank;
  }

  /** Members to whom nothing may be sent; asked again after each change of members or pins. */
  async blockedBy(): Promise<readonly string[]> {
    // Every epoch may have other members: nothing is sent to them before they are looked at.
    const epoch = this.#live.state?.context.epoch ?? 0n;
    if (this.#blockedBy?.epoch !== epoch) this.#blockedBy = { epoch, names: this.#untrusted() };
    const known = this.#blockedBy;
    try {
      const names = await known.names;
      if (this.#blockedBy === known) this.#knownBlockedBy = names;
      return names;
    } catch (error) {
      if (this.#blockedBy === known) this.#blockedBy = undefined;
      throw error;
    }
  }

  /** The same as far as it is known already. */
  get knownBlockedBy(): readonly string[] {
    return this.#knownBlockedBy;
  }

  /** Every leaf of the own account, in this epoch, is a device on its list. */
  get isJudged(): boolean {
    return this.#live.record.judgedList === this.#ground.ownDevices.counter;
  }

  /**
   * Holds the own account's leaves against its list: one that is on none is alarmed, and one of a revoked
   * device is removed by the account's devices.
   */
  async judge(): Promise<void> {
    const live = this.#live;
    const { ownDevices, clock, own: { name } } = this.#ground;
    const { state, record } = live;
    if (state === undefined) return;
    const members = membersOf(await state.tree.load());
    const verdict = ownDevices.judge(members, state.ownLeafIndex);
    const { revoked, counter } = verdict;
    // Who made the group may have put in as many as it takes, and an id twice.
    const strangers = [...new Set(verdict.strangers.map((id) => id.toHex()))]
      .slice(0, STRANGERS_COUNT_MAX).map((id) => Uint8Array.fromHex(id));
    live.noteRevoked(revoked);
    this.#rank = Math.max(0, Math.min(verdict.rank, RANKS_MAX));
    if (!verdict.isFinal) return;
    const judgedList = revoked.length + strangers.length === 0 ? counter : 0;
    const known = new Set(record.strangers.map((id) => id.toHex()));
    const news = strangers.filter((id) => !known.has(id.toHex()));
    const isSame = news.length === 0 && strangers.length === known.size &&
      judgedList === record.judgedList;
    if (isSame) return;
    await live.write({
      record: { strangers, judgedList },
      history: (thread) => {
        if (news.length > 0) thread.addNotice({ kind: "unknown-device", name }, clock.now());
        if (news.length > 0 || strangers.length < known.size) thread.noteConversation();
      },
    });
  }

  /** Pins or members have changed. */
  forget(): void {
    this.#blockedBy = undefined;
  }

  /** Compares devices with what is pinned, and says when an account is not who it was. */
  async see(devices: readonly LeafDevice[]): Promise<void> {
    const { store, clock, primitives, own } = this.#ground;
    const changed = new Set<string>();
    const seen = new Set<string>();
    for (const device of devices) {
      // Its own account's are held against its list.
      if (compareKeys(device.accountId, own.accountId) === 0) continue;
      const key = `${device.accountId.toHex()} ${device.accountKey.toHex()}`;
      if (seen.has(key)) continue;
      seen.add(key);
      const { state } = await seeCredential(device, { store, clock, primitives });
      if (state.kind === "changed") changed.add(device.accountName);
    }
    this.forget();
    if (changed.size === 0) return;
    const live = this.#live;
    await live.exclusive(() =>
      live.write({
        history: (thread) => {
          for (const name of changed) thread.addNotice({ kind: "key-changed", name }, clock.now());
          thread.noteConversation();
        },
      })
    );
  }

  async #untrusted(): Promise<readonly string[]> {
    const { store, clock, primitives, leaves, own, deviceId } = this.#ground;
    const { state } = this.#live;
    if (state === undefined) return [];
    const devices = membersOf(await state.tree.load()).map(({ leafNode }) => leaves.open(leafNode));
    const isOwn = (device: LeafDevice) => compareKeys(device.accountId, own.accountId) === 0;
    // This device's own leaf may be behind: the account has got a new key, which comes before all else.
    const isBehind = devices.some((device) =>
      isOwn(device) && compareKeys(device.deviceId, deviceId) === 0 &&
      compareKeys(device.accountKey, own.accountKey) !== 0
    );
    if (isBehind) this.#onBehind();
    return await untrustedAccounts(devices.filter((device) => !isOwn(device)), {
      store,
      clock,
      primitives,
    });
  }
}
