/** The delivery service as simply as it can be said: arrays and maps, nothing durable, no cleverness. */
import type { ErrorCode } from "@qpq/ports";

export interface ModelDevice {
  readonly account: string;
  readonly name: string;
}

export interface ModelEntry {
  readonly sequence: number;
  readonly kind: "application" | "commit";
  readonly account: string;
  readonly atMs: number;
}

interface Span {
  readonly from: number;
  to: number;
}

export interface ModelChannel {
  epoch: number;
  /** Of all entries ever; those below `first` are gone. */
  readonly log: ModelEntry[];
  first: number;
  readonly members: Map<string, Span[]>;
  readonly acknowledged: Map<string, number>;
}

export type Outcome = number | ErrorCode;

const DAY_MS = 24 * 3_600_000;

export class Model {
  readonly channels = new Map<string, ModelChannel>();
  /** By device and entry id. */
  readonly #ids = new Map<string, { bytes: string; sequence: number; atMs: number }>();
  readonly #quotaEntries: number;
  readonly #devices: readonly ModelDevice[];

  constructor(devices: readonly ModelDevice[], quotaEntries: number) {
    this.#devices = devices;
    this.#quotaEntries = quotaEntries;
  }

  create(by: ModelDevice, id: string, accounts: readonly string[], atMs: number): void {
    const spans = () => [{ from: 1, to: 0 }];
    this.channels.set(id, {
      epoch: 1,
      log: [{ sequence: 1, kind: "commit", account: by.account, atMs }],
      first: 1,
      members: new Map([by.account, ...accounts].map((account) => [account, spans()])),
      acknowledged: new Map(),
    });
  }

  append(
    by: ModelDevice,
    entry: { channel: string; entryId: string; bytes: string; epoch: number; atMs: number },
  ): Outcome {
    const earlier = this.#earlier(by, entry);
    if (earlier !== undefined) return earlier;
    const channel = this.#openTo(by, entry.channel);
    if (channel === undefined) return "channels/not-a-member";
    if (entry.epoch > channel.epoch) return "channels/epoch-ahead";
    if (entry.epoch < channel.epoch) return "channels/epoch-too-old";
    const kept = channel.log.filter(({ sequence, kind, account }) =>
      sequence >= channel.first && kind === "application" && account === by.account
    );
    if (kept.length >= this.#quotaEntries) return "channels/quota-exceeded";
    return this.#add(by, channel, { ...entry, kind: "application" });
  }

  commit(
    by: ModelDevice,
    entry: {
      channel: string;
      entryId: string;
      bytes: string;
      epoch: number;
      atMs: number;
      added: readonly string[];
      removed: readonly string[];
    },
  ): Outcome {
    const earlier = this.#earlier(by, entry);
    if (earlier !== undefined) return earlier;
    const channel = this.#openTo(by, entry.channel);
    if (channel === undefined) return "channels/not-a-member";
    if (entry.epoch > channel.epoch) return "channels/epoch-ahead";
    if (entry.epoch < channel.epoch) return "channels/epoch-taken";
    const isOpen = (account: string): boolean => this.#isMember(channel, account);
    if (entry.removed.includes(by.account)) return "channels/bad-claim";
    if (entry.added.some(isOpen) || !entry.removed.every(isOpen)) return "channels/bad-claim";
    const sequence = this.#add(by, channel, { ...entry, kind: "commit" });
    channel.epoch += 1;
    for (const account of entry.removed) {
      const span = channel.members.get(account)?.at(-1);
      if (span !== undefined) span.to = sequence;
    }
    for (const account of entry.added) {
      channel.members.set(account, [
        ...channel.members.get(account) ?? [],
        { from: sequence, to: 0 },
      ]);
    }
    return sequence;
  }

  /** What the device may read, and whether it may ask at all. */
  readable(by: ModelDevice, id: string): readonly ModelEntry[] | undefined {
    const channel = this.channels.get(id);
    const spans = channel?.members.get(by.account);
    if (channel === undefined || spans === undefined) return undefined;
    return this.everReadable(by, id).filter(({ sequence }) => sequence >= channel.first);
  }

  /** Also what is gone by now. */
  everReadable(by: ModelDevice, id: string): readonly ModelEntry[] {
    const channel = this.channels.get(id);
    const spans = channel?.members.get(by.account) ?? [];
    return channel?.log.filter(({ sequence }) =>
      spans.some(({ from, to }) => sequence >= from && (to === 0 || sequence <= to))
    ) ?? [];
  }

  /** @returns 0 when it is noted, or passed over */
  acknowledge(by: ModelDevice, id: string, after: number): Outcome {
    const channel = this.channels.get(id);
    const last = channel?.members.get(by.account)?.at(-1);
    if (channel === undefined || last === undefined) return 0;
    // A former member of whose entries none is left is not known any more.
    if (last.to !== 0 && last.to < channel.first) return 0;
    if (after > (last.to === 0 ? channel.log.length : last.to)) return "channels/bad-cursor";
    channel.acknowledged.set(by.name, Math.max(after, channel.acknowledged.get(by.name) ?? 0));
    return 0;
  }

  sweep(nowMs: number): void {
    for (const channel of this.channels.values()) {
      const devices = this.#devices.filter(({ account }) => this.#isMember(channel, account));
      const seen = Math.min(...devices.map(({ name }) => channel.acknowledged.get(name) ?? 0));
      for (const { sequence, atMs } of channel.log.slice(channel.first - 1)) {
        if (nowMs - atMs < (sequence <= seen ? DAY_MS : 30 * DAY_MS)) break;
        channel.first = sequence + 1;
      }
    }
    for (const [key, { atMs }] of this.#ids) if (nowMs - atMs >= 30 * DAY_MS) this.#ids.delete(key);
  }

  #earlier(
    by: ModelDevice,
    { entryId, bytes }: { readonly entryId: string; readonly bytes: string },
  ): Outcome | undefined {
    const earlier = this.#ids.get(`${by.name} ${entryId}`);
    if (earlier === undefined) return undefined;
    return earlier.bytes === bytes ? earlier.sequence : "channels/entry-id-reused";
  }

  #openTo(by: ModelDevice, id: string): ModelChannel | undefined {
    const channel = this.channels.get(id);
    return channel !== undefined && this.#isMember(channel, by.account) ? channel : undefined;
  }

  #isMember(channel: ModelChannel, account: string): boolean {
    return channel.members.get(account)?.at(-1)?.to === 0;
  }

  #add(
    by: ModelDevice,
    channel: ModelChannel,
    entry: { kind: ModelEntry["kind"]; entryId: string; bytes: string; atMs: number },
  ): number {
    const sequence = channel.log.length + 1;
    const { kind, atMs, bytes } = entry;
    channel.log.push({ sequence, kind, account: by.account, atMs });
    this.#ids.set(`${by.name} ${entry.entryId}`, { bytes, sequence, atMs });
    return sequence;
  }
}
