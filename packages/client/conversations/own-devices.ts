/** The own account's leaves in groups, held against its list of devices. */
import type { Member } from "@qpq/mls";
import { type Clock, compareKeys, MessengerError, sleep, type Store } from "@qpq/ports";
import type { RpcClient } from "@qpq/rpc";
import type { Primitives } from "../../features/accounts/primitives.ts";
import type { AccountIdentity } from "../../features/accounts/unlocked.ts";
import { listOwnDevices } from "../../features/devices/client.ts";
import { openOwnList, type OwnList, watchOwnList } from "../../features/devices/own-list.ts";
import type { LeafDevice } from "../../features/devices/credential.ts";
import type { LeafDevices } from "../../features/groups/members.ts";
import { isPassing, isRetried } from "./receiving.ts";

/** Milliseconds before the server is asked again that could not answer. */
const ASK_AGAIN_MS = 5_000;

/** What is to be thought of the own account's leaves in a group. */
export interface Verdict {
  /** Of the list that they were held against. */
  readonly counter: number;
  /** Leaves of devices that the account has revoked. */
  readonly revoked: readonly number[];
  /** Ids of devices that are on no list, also not on the one that the server has now. */
  readonly strangers: readonly Uint8Array[];
  /** False: the server is asked first whether it has a newer list. */
  readonly isFinal: boolean;
  /** How many of the account's other devices come before this one in the tree. */
  readonly rank: number;
}

export interface OwnDevicesOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly primitives: Primitives;
  readonly rpc: RpcClient;
  readonly leaves: LeafDevices;
  readonly signal: AbortSignal;
  readonly own: () => AccountIdentity;
  readonly fail: (error: unknown) => void;
}

export class OwnDevices {
  readonly #options: OwnDevicesOptions;
  /** Leaves that are on no list, though the server was asked since they were seen. */
  readonly #asked = new Set<string>();
  /** Of a leaf: the server was asked for the list that goes with it. */
  #askedGeneration = 0;
  #list: OwnList | undefined;
  #isAsking = false;
  #onChange: () => void = () => {};

  constructor(options: OwnDevicesOptions) {
    this.#options = options;
  }

  /** Of the newest list that this device has seen; 0: none. */
  get counter(): number {
    return this.#list?.counter ?? 0;
  }

  /** @param onChange told when leaves are to be judged anew */
  async open(onChange: () => void): Promise<{ close(): void }> {
    const { store, fail } = this.#options;
    this.#onChange = onChange;
    const watch = watchOwnList(store, () => {
      openOwnList(store).then((list) => {
        this.#list = list;
        onChange();
      }).catch(fail);
    });
    this.#list = await openOwnList(store);
    return watch;
  }

  /**
   * Brings the list, and with it this device's certificate, to a generation that another device of the
   * account shows: it has revoked one.
   */
  async refresh(generation: number): Promise<void> {
    if (generation <= (this.#list?.generation ?? 0)) return;
    await listOwnDevices(this.#options.rpc, this.#options.own(), this.#options);
    this.#list = await openOwnList(this.#options.store);
  }

  /** @param ownLeafIndex this device's: known, whatever the list says */
  judge(members: readonly Member[], ownLeafIndex: number): Verdict {
    const { leaves, own } = this.#options;
    const { accountId } = own();
    const list = this.#list;
    const devices = members
      .map(({ leafIndex, leafNode }) => ({ leafIndex, device: leaves.open(leafNode) }))
      .filter(({ device }) => compareKeys(device.accountId, accountId) === 0)
      .map((each) => ({
        ...each,
        verdict: each.leafIndex === ownLeafIndex || list === undefined
          ? "listed" as const
          : list.judge(each.device),
      }));
    const of = (wanted: typeof devices[number]["verdict"]) =>
      devices.filter(({ verdict }) => verdict === wanted);
    const unknown = of("unknown").map(({ device }) => device);
    const unasked = unknown.filter((device) => !this.#asked.has(keyOf(device)));
    const generation = Math.max(0, ...devices.map(({ device }) => device.generation));
    const isBehind = list !== undefined && generation > list.generation &&
      generation > this.#askedGeneration;
    if (unasked.length > 0 || isBehind) this.#ask(unasked, generation);
    return {
      counter: this.counter,
      revoked: of("revoked").map(({ leafIndex }) => leafIndex),
      strangers: unknown.map(({ deviceId }) => deviceId),
      isFinal: unasked.length === 0,
      rank: of("listed").findIndex(({ leafIndex }) => leafIndex === ownLeafIndex),
    };
  }

  #ask(devices: readonly LeafDevice[], generation: number): void {
    if (this.#isAsking) return;
    this.#isAsking = true;
    const { signal, fail } = this.#options;
    this.#askServer(devices, generation).catch(fail).finally(() => {
      this.#isAsking = false;
      if (!signal.aborted) this.#onChange();
    });
  }

  async #askServer(devices: readonly LeafDevice[], generation: number): Promise<void> {
    const { rpc, own, clock, signal } = this.#options;
    try {
      await rpc.connected({ signal });
      await listOwnDevices(rpc, own(), this.#options);
    } catch (error) {
      if (!(error instanceof MessengerError) || error.code.startsWith("store/")) throw error;
      const isLater = isPassing(error) || isRetried(error);
      if (isLater) return await sleep(clock, ASK_AGAIN_MS, signal).catch(() => {});
      // Whatever it says instead of a list that has them: it has none.
    }
    this.#list = await openOwnList(this.#options.store);
    for (const device of devices) this.#asked.add(keyOf(device));
    this.#askedGeneration = Math.max(this.#askedGeneration, generation);
  }
}

/** Of one certificate: the same device under another account key is another matter. */
function keyOf({ accountKey, deviceId, signatureKey }: LeafDevice): string {
  return [accountKey, deviceId, signatureKey].map((part) => part.toHex()).join(" ");
}
