import assert from "node:assert/strict";
import { createSeededRandom } from "@qpq/adapters";
import { MessengerError } from "@qpq/ports";
import type { CommitUpload } from "./channels.gen.ts";
import { fakeCommit, framed } from "./test/messages.ts";
import { Model, type Outcome } from "./test/model.ts";
import {
  createGroup,
  follow,
  type Followed,
  groupContext,
  openWorld,
  type TestDevice,
  type World,
} from "./test/world.ts";

const IS_FULL = Deno.env.get("QPQ_TEST_LEVEL") === "full";
const SEEDS = IS_FULL ? 60 : 4;
const STEPS = IS_FULL ? 1_500 : 300;
const QUOTA_ENTRIES = 25;
const DAY_MS = 24 * 3_600_000;
/** Nothing but the quota stands in the way. */
const FREE = { burst: 1e9, perMinute: 1e9 };

interface Sent {
  readonly device: TestDevice;
  readonly channelId: Uint8Array;
  readonly entryId: Uint8Array;
  readonly epoch: number;
  readonly message: Uint8Array;
  readonly upload?: CommitUpload;
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** Random clients and calls, each compared to the model; the followers at the end, and before sweeps. */
class Run {
  readonly #world: World;
  readonly #model: Model;
  readonly #devices: readonly TestDevice[];
  readonly #pick: (below: number) => number;
  readonly #channels: Uint8Array[] = [];
  readonly #sent: Sent[] = [];
  readonly #followed = new Map<TestDevice, Followed>();

  constructor(world: World, seed: number) {
    const random = createSeededRandom(seed);
    this.#pick = (below) => {
      const bytes = random.bytes(4);
      return new DataView(bytes.buffer).getUint32(0) % below;
    };
    this.#world = world;
    const accounts = Array.from({ length: 4 }, () => world.device());
    this.#devices = [...accounts, ...accounts.slice(0, 2).map((of) => world.device(of))];
    this.#model = new Model(this.#devices.map(modelled), QUOTA_ENTRIES);
    for (const device of this.#devices) this.#followed.set(device, follow(world, device));
  }

  async start(): Promise<void> {
    for (let index = 0; index < 3; index++) {
      const creator = this.#device();
      const others = this.#devices.slice(0, 4).filter((each) =>
        name(each.accountId) !== name(creator.accountId) && this.#pick(2) === 0
      );
      const channelId = await createGroup(this.#world, [creator, ...others], {
        // All are admins: who may is another test's business.
        context: this.#context(),
      });
      this.#channels.push(channelId);
      const accounts = others.map(({ accountId }) => name(accountId));
      this.#model.create(modelled(creator), name(channelId), accounts, this.#world.clock.now());
    }
  }

  async step(): Promise<void> {
    const dice = this.#pick(100);
    if (dice < 45) await this.#send({});
    else if (dice < 60) await this.#commit({});
    else if (dice < 70) await this.#again();
    else if (dice < 80) await this.#read(this.#device(), this.#channel());
    else if (dice < 90) await this.#acknowledge();
    else if (dice < 97) await this.#reuseId();
    else await this.#passTime();
  }

  async finish(): Promise<void> {
    await this.#catchUp();
    for (const device of this.#devices) {
      for (const channelId of this.#channels) await this.#read(device, channelId);
    }
    await Promise.all([...this.#followed.values()].map((each) => each.stop()));
  }

  async #send(change: Partial<Sent>): Promise<void> {
    const channelId = change.channelId ?? this.#channel();
    const epoch = this.#epoch(channelId);
    const { random } = this.#world;
    await this.#try({
      device: this.#device(),
      channelId,
      entryId: random.bytes(16),
      epoch,
      message: framed(random, { channelId, epoch, bytes: 1 + this.#pick(300) }),
      added: [],
      removed: [],
      ...change,
    });
  }

  async #commit(change: Partial<Sent>): Promise<void> {
    const channelId = this.#channel();
    const device = this.#device();
    const epoch = this.#epoch(channelId);
    const others = this.#devices.slice(0, 4).filter(() => this.#pick(4) === 0);
    const members = this.#model.channels.get(name(channelId))?.members;
    const isMember = ({ accountId }: TestDevice) => members?.get(name(accountId))?.at(-1)?.to === 0;
    // Mostly sound, sometimes not.
    const isSound = this.#pick(8) > 0;
    const added = others.filter((each) => isSound ? !isMember(each) : isMember(each));
    const removed = others.filter((each) => isSound ? isMember(each) : !isMember(each));
    const upload = fakeCommit(this.#world.random, {
      channelId,
      epoch,
      context: this.#context(),
      added: added.map(({ accountId }) => accountId),
      removed: removed.map(({ accountId }) => accountId),
    });
    await this.#try({
      device,
      channelId,
      entryId: upload.entryId,
      epoch,
      message: upload.message,
      upload,
      added: added.map(({ accountId }) => name(accountId)),
      removed: removed.map(({ accountId }) => name(accountId)),
      ...change,
    });
  }

  async #try(sent: Sent): Promise<void> {
    this.#sent.push(sent);
    const { device, channelId, entryId, message, upload } = sent;
    const expected = this.#expect(sent);
    const found = await outcomeOf(
      upload === undefined
        ? device.calls.append({ channelId, entryId, message })
        : device.calls.commit({ channelId, upload }),
    );
    assert.equal(found, expected, upload === undefined ? "append" : "commit");
  }

  #expect(sent: Sent): Outcome {
    const { device, epoch, upload, added, removed } = sent;
    const entry = {
      channel: name(sent.channelId),
      entryId: name(sent.entryId),
      bytes: name(sent.message),
      epoch,
      atMs: this.#world.clock.now(),
    };
    return upload === undefined
      ? this.#model.append(modelled(device), entry)
      : this.#model.commit(modelled(device), { ...entry, added, removed });
  }

  /** As a client whose connection was lost. */
  async #again(): Promise<void> {
    const sent = this.#sent[this.#pick(Math.max(1, this.#sent.length))];
    if (sent !== undefined) await this.#try(sent);
  }

  async #reuseId(): Promise<void> {
    const sent = this.#sent[this.#pick(Math.max(1, this.#sent.length))];
    if (sent === undefined) return;
    await this.#send({ entryId: sent.entryId, device: sent.device });
  }

  async #read(device: TestDevice, channelId: Uint8Array): Promise<void> {
    const expected = this.#model.readable(modelled(device), name(channelId));
    const { incarnation } = this.#world;
    const found: string[] = [];
    for (let after = 0;;) {
      const countMax = 1 + this.#pick(20);
      const cursor = { channelId, after };
      let page;
      try {
        page = await device.calls.read({ incarnation, cursor, countMax });
      } catch (error) {
        assert.ok(error instanceof MessengerError && error.code === "channels/not-a-member");
        // Also of one that was a member so long ago that nothing is left.
        assert.ok(expected === undefined || expected.length === 0);
        return;
      }
      // The client checks that nothing is left out between cursor, gap and entries.
      for (const { sequence, kind } of page.entries) found.push(`${sequence} ${kind}`);
      after = page.entries.at(-1)?.sequence ?? page.gap?.to ?? after;
      if (after >= page.head) break;
    }
    assert.deepEqual(found, expected?.map(({ sequence, kind }) => `${sequence} ${kind}`));
  }

  async #acknowledge(): Promise<void> {
    const [device, channelId] = [this.#device(), this.#channel()];
    const head = this.#model.channels.get(name(channelId))?.log.length ?? 0;
    const after = this.#pick(head + 1);
    const { incarnation } = this.#world;
    const cursors = [{ channelId, after }];
    const acknowledged = device.calls.acknowledge({ incarnation, cursors, inboxAfter: 0 });
    const found = await outcomeOf(acknowledged.then(() => ({ sequence: 0 })));
    assert.equal(found, this.#model.acknowledge(modelled(device), name(channelId), after));
  }

  async #passTime(): Promise<void> {
    await this.#catchUp();
    const { clock, channels } = this.#world;
    await clock.advance((this.#pick(4) === 0 ? 29 : 1) * DAY_MS);
    let isDone = false;
    const at = clock.now();
    const sweeping = channels.sweep().then(() => isDone = true);
    while (!isDone) await clock.advance(0);
    await sweeping;
    this.#model.sweep(at);
  }

  /** Waits until every follower has all it may have, and compares. */
  async #catchUp(): Promise<void> {
    for (const [device, followed] of this.#followed) {
      for (const channelId of this.#channels) {
        const expected = this.#model.everReadable(modelled(device), name(channelId))
          .map(({ sequence, kind }) => `${sequence} ${kind}`);
        const entries = () => followed.lines(channelId).filter((line) => /^\d/.test(line));
        const timeout = AbortSignal.timeout(60_000);
        while (entries().length < expected.length && !timeout.aborted) {
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
        assert.deepEqual(entries(), expected, "what was followed");
      }
    }
  }

  #device(): TestDevice {
    return this.#devices[this.#pick(this.#devices.length)] as TestDevice;
  }

  #channel(): Uint8Array {
    return this.#channels[this.#pick(this.#channels.length)] as Uint8Array;
  }

  #context() {
    return groupContext(...this.#devices.slice(0, 4));
  }

  /** Mostly the head's. */
  #epoch(channelId: Uint8Array): number {
    const epoch = this.#model.channels.get(name(channelId))?.epoch ?? 1;
    const dice = this.#pick(12);
    if (dice === 0) return epoch + 1;
    return dice < 3 ? Math.max(0, epoch - 1) : epoch;
  }
}

for (let seed = 1; seed <= SEEDS; seed++) {
  Deno.test(`channels agree with the model in ${STEPS} random calls, seed ${seed}`, async () => {
    await using world = await openWorld({
      seed,
      limits: {
        quotaEntries: QUOTA_ENTRIES,
        appendRate: FREE,
        commitRate: FREE,
        commitTryRate: FREE,
        turnMs: 0,
        sweepPauseMs: 0,
      },
    });
    const run = new Run(world, seed);
    await run.start();
    for (let step = 0; step < STEPS; step++) {
      try {
        await run.step();
      } catch (error) {
        throw new Error(`seed ${seed}, step ${step}`, { cause: error });
      }
    }
    await run.finish();
  });
}

function modelled({ accountId, deviceId }: TestDevice) {
  return { account: name(accountId), name: name(deviceId) };
}

function name(bytes: Uint8Array): string {
  return bytes.toHex();
}

async function outcomeOf(call: Promise<{ readonly sequence: number }>): Promise<Outcome> {
  try {
    return (await call).sequence;
  } catch (error) {
    if (error instanceof MessengerError) return error.code;
    throw error;
  }
}
