/** A device crashes between any two of the writes of everything that it does. */
import assert from "node:assert/strict";
import type { Client } from "@qpq/client";
import { MessengerError } from "@qpq/ports";
import type { ChannelCalls, Entry } from "../../packages/features/channels/client.ts";
import { conversation, historyOf, textsOf, until } from "./helpers.ts";
import { Crashed } from "./machine.ts";
import { openSimulatedClock } from "./simulated-clock.ts";
import { openConversationWorld } from "./world.ts";
import {
  agree,
  crashEverywhere,
  eventually,
  healthy,
  idsOf,
  isShared,
  onMachine,
  PATIENCE,
  type Scene,
} from "./crashes.ts";

Deno.test("send(): what was taken arrives once, whichever write the device crashes with", async () => {
  await onMachine("alice", async (scene) => {
    const bob = await healthy(scene.world, "bob");
    const { id } = await scene.own().conversations.openDirectMessage("bob", PATIENCE);
    await conversation(bob, "@alice");
    await crashEverywhere(scene, async ({ conversations }, round) => {
      const sent = await Promise.all(
        [1, 2, 3].map((number) => conversations.send(id, `${number} of ${round}`)),
      );
      for (const { messageId } of sent) await conversations.waitUntilSent(id, messageId, PATIENCE);
    }, (alice, round) => agree([alice, bob], id, round));
  });
});

Deno.test("receiving: each message is shown once, whichever write the device crashes with", async () => {
  await onMachine("bob", async (scene) => {
    const alice = await healthy(scene.world, "alice");
    const { id } = await alice.conversations.openDirectMessage("bob", PATIENCE);
    await conversation(scene.own(), "@alice");
    await crashEverywhere(scene, async (bob, round) => {
      for (const number of [1, 2, 3]) {
        const { messageId } = await alice.conversations.send(id, `${number} of ${round}`);
        await until(bob, async () => (await idsOf(bob, id)).includes(messageId));
      }
    }, (bob, round) => agree([alice, bob], id, round));
  });
});

Deno.test("createGroup(): the group is there for all or for nobody, whichever write fails", async () => {
  await onMachine("alice", async (scene) => {
    const bob = await healthy(scene.world, "bob");
    await crashEverywhere(scene, async ({ conversations }, round) => {
      await conversations.createGroup({ name: `group ${round}`, invite: ["bob"], ...PATIENCE });
    }, async (alice, round) => {
      // What was stored goes out by itself.
      await eventually(async () => {
        const ours = await alice.conversations.list();
        return ours.every(({ state }) => state === "active") && await isShared(alice, bob);
      });
      for (const { id, name } of await alice.conversations.list()) {
        if (!name.includes(round)) continue;
        if ((await alice.conversations.members(id)).length === 1) continue;
        await conversation(bob, `#${name}`, "invited");
        await bob.conversations.join(id);
        await agree([alice, bob], id, round);
      }
    });
    assert.ok(await isShared(scene.own(), bob));
    assert.ok((await bob.conversations.list()).length >= 2);
  });
});

Deno.test("invite() and remove(): all agree who is in, whichever write the committer crashes with", async () => {
  await onMachine("alice", async (scene) => {
    const bob = await healthy(scene.world, "bob");
    const carol = await healthy(scene.world, "carol");
    const handle = "#climbing";
    const { conversation: { id } } = await scene.own().conversations.createGroup({
      name: "climbing",
      invite: ["bob"],
      ...PATIENCE,
    });
    await conversation(bob, handle, "invited");
    await bob.conversations.join(id);
    const isIn = async (client: Client) =>
      (await client.conversations.members(id)).some(({ name }) => name === "carol");
    await crashEverywhere(scene, async (alice) => {
      if (await isIn(alice)) await alice.conversations.remove(id, ["carol"], PATIENCE);
      else await alice.conversations.invite(id, ["carol"], PATIENCE);
    }, async (alice, round) => {
      await agree([alice, bob], id, round);
      const isMember = await isIn(alice);
      assert.equal(await isIn(bob), isMember);
      await until(carol, async () => {
        const [found] = await carol.conversations.list();
        return (found !== undefined && found.state !== "removed") === isMember;
      });
      const statuses = await Promise.all(
        [alice, bob, ...isMember ? [carol] : []].map((each) => each.conversations.status(id)),
      );
      for (const status of statuses) assert.deepEqual(status, statuses[0], round);
    });
  });
});

Deno.test("join() and leave(): in or out, and all agree, whichever write fails", async () => {
  await onMachine("bob", async (scene) => {
    const alice = await healthy(scene.world, "alice");
    const { conversation: { id } } = await alice.conversations.createGroup({
      name: "climbing",
      invite: ["bob"],
      ...PATIENCE,
    });
    await crashEverywhere(scene, async (bob) => {
      await conversation(bob, "#climbing", "invited");
      await bob.conversations.join(id);
      await bob.conversations.leave(id, PATIENCE);
      await conversation(bob, "#climbing", "left");
    }, async (bob, round) => {
      const stateOf = async () => (await bob.conversations.list())[0]?.state;
      const isMember = async () => (await alice.conversations.members(id)).length === 2;
      // The one that is asked to leave may be at it still.
      await eventually(async () => {
        const state = await stateOf();
        return await isMember() ? state === "invited" || state === "active" : state === "left";
      });
      if (await stateOf() === "invited") await bob.conversations.join(id);
      if (await stateOf() === "active") {
        await agree([alice, bob], id, round);
        await bob.conversations.leave(id, PATIENCE);
        await conversation(bob, "#climbing", "left");
        await eventually(async () => !await isMember());
      }
      // A device's key packages are given out at a rate of their own.
      await eventually(async () => {
        const [result] = await alice.conversations.invite(id, ["bob"], PATIENCE);
        return result?.kind === "added";
      });
    });
  });
});

Deno.test("leave() of an admin: one still, or out, whichever write it crashes with", async () => {
  await onMachine("alice", async (scene) => {
    const bob = await healthy(scene.world, "bob");
    const { conversation: { id } } = await scene.own().conversations.createGroup({
      name: "climbing",
      invite: ["bob"],
      ...PATIENCE,
    });
    await conversation(bob, "#climbing", "invited");
    await bob.conversations.join(id);
    await scene.own().conversations.setAdmin(id, { name: "bob", isAdmin: true, ...PATIENCE });
    const isAdmin = async (client: Client): Promise<boolean> =>
      (await client.conversations.members(id)).some((each) =>
        each.name === "alice" && each.isAdmin
      );
    await crashEverywhere(scene, async (alice) => {
      await alice.conversations.leave(id, PATIENCE);
      await conversation(alice, "#climbing", "left");
    }, async (alice) => {
      const stateOf = async () => (await alice.conversations.get(id)).state;
      // Nobody asks again.
      await eventually(async () =>
        await stateOf() === "left"
          ? (await bob.conversations.members(id)).length === 1
          : await isAdmin(alice) && await isAdmin(bob)
      );
      if (await stateOf() !== "left") return;
      await eventually(async () => {
        const [result] = await bob.conversations.invite(id, ["alice"], PATIENCE);
        return result?.kind === "added";
      });
      await conversation(alice, "#climbing", "invited");
      await alice.conversations.join(id);
      await bob.conversations.setAdmin(id, { name: "alice", isAdmin: true, ...PATIENCE });
      await until(alice, () => isAdmin(alice));
    });
  });
});

Deno.test("leave() of an admin goes on after a crash, also when somebody else's commit was first", async () => {
  await onMachine("alice", async (scene) => {
    const { world, machine } = scene;
    const bob = await healthy(world, "bob");
    await healthy(world, "carol");
    const { conversation: { id } } = await scene.own().conversations.createGroup({
      name: "climbing",
      invite: ["bob"],
      ...PATIENCE,
    });
    await conversation(bob, "#climbing", "invited");
    await bob.conversations.join(id);
    await scene.own().conversations.setAdmin(id, { name: "bob", isAdmin: true, ...PATIENCE });
    await machine.shutDown();
    const stored = Promise.withResolvers<void>();
    const alice = await world.clientOn(machine, {
      tamper: (calls) => ({
        ...calls,
        commit: () => {
          stored.resolve();
          return new Promise(() => {});
        },
      }),
    });
    const leaving = machine.run(alice.conversations.leave(id, PATIENCE));
    leaving.catch(() => {});
    await stored.promise;
    await machine.crash({ written: false });
    await bob.conversations.invite(id, ["carol"], PATIENCE);
    await world.clientOn(machine);
    await conversation(scene.own(), "#climbing", "left");
    await eventually(async () => (await bob.conversations.members(id)).length === 2);
  });
});

Deno.test("a commit that others send across: encrypted again, once, whichever write fails", async () => {
  await onMachine("bob", async (scene) => {
    const alice = await healthy(scene.world, "alice");
    await healthy(scene.world, "carol");
    const { conversation: { id } } = await alice.conversations.createGroup({
      name: "climbing",
      invite: ["bob"],
      ...PATIENCE,
    });
    await conversation(scene.own(), "#climbing", "invited");
    await scene.own().conversations.join(id);
    await crashEverywhere(scene, async ({ conversations }, round) => {
      const members = await alice.conversations.members(id);
      const isIn = members.some(({ name }) => name === "carol");
      const [...sent] = await Promise.all([
        ...[1, 2, 3, 4].map((number) => conversations.send(id, `${number} of ${round}`)),
        isIn
          ? alice.conversations.remove(id, ["carol"], PATIENCE)
          : alice.conversations.invite(id, ["carol"], PATIENCE),
      ]);
      for (const item of sent) {
        if (item === undefined || !("messageId" in item)) continue;
        await conversations.waitUntilSent(id, item.messageId, PATIENCE);
      }
    }, async (bob, round) => {
      await agree([bob, alice], id, round);
    });
  });
});

Deno.test("a new device's own way in: it comes in once, whichever write fails", async () => {
  using clock = openSimulatedClock();
  await using world = await openConversationWorld({
    clock,
    isGenerous: true,
  });
  const alice = await healthy(world, "alice");
  await healthy(world, "bob");
  const { id } = await alice.conversations.openDirectMessage("bob", PATIENCE);
  let devices = 1;
  for (const written of [false, true]) {
    for (let before = 0, isThrough = false; !isThrough; before++) {
      const machine = world.machine({ name: "bob", number: ++devices });
      await world.clientOn(machine);
      machine.faults.push(...new Array(before).fill(undefined), { kind: "crash", written });
      const isIn = async (client: Client): Promise<boolean> =>
        (await client.conversations.list()).some((each) => each.id === id);
      const entered = machine.client as Client;
      await machine.run(until(entered, () => isIn(entered))).catch((error: unknown) => {
        if (!(error instanceof Crashed)) throw error;
      });
      isThrough = !machine.isCrashed && machine.faults.length > 0;
      machine.faults.length = 0;
      if (machine.isCrashed) await world.clientOn(machine);
      const bob = machine.client as Client;
      await until(bob, () => isIn(bob));
      await until(alice, async () => {
        const status = await alice.conversations.status(id);
        return status.leavesCount === devices + 1;
      });
      const { messageId } = await alice.conversations.send(id, `to device ${devices}`);
      await until(bob, async () => (await idsOf(bob, id)).includes(messageId));
      await machine.shutDown();
    }
  }
  assert.ok(devices > 4, "it writes more than once");
});

Deno.test("a full disk refuses what it can't keep, and the next message goes out under a key of its own", async () => {
  await onMachine("alice", async (scene) => {
    const bob = await healthy(scene.world, "bob");
    const { id } = await scene.own().conversations.openDirectMessage("bob", PATIENCE);
    await conversation(bob, "@alice");
    await scene.own().conversations.waitUntilCaughtUp(PATIENCE);
    const alice = scene.own();
    let refused: unknown;
    for (let attempt = 0; refused === undefined && attempt < 10; attempt++) {
      scene.machine.faults.push({ kind: "disk-full" });
      const sending = alice.conversations.send(id, "too much");
      await sending.catch((error: unknown) => refused = error);
      scene.machine.faults.length = 0;
    }
    assert.ok(refused instanceof MessengerError && refused.code === "store/disk-full");
    await agree([alice, bob], id, "after a full disk");
  });
});

/** Runs of a device that dies of what it is given, until `isSo`. @returns how many it died in */
async function dieUntil(
  { world, machine }: Pick<Scene, "world" | "machine">,
  tamper: (calls: ChannelCalls) => ChannelCalls,
  isSo: (client: Client) => Promise<boolean>,
): Promise<number> {
  for (let deaths = 0;; deaths++) {
    assert.ok(deaths < 10, "it ends");
    try {
      const client = await world.clientOn(machine, { tamper });
      await machine.run(until(client, () => isSo(client)));
      return deaths;
    } catch (error) {
      if (!(error instanceof Crashed)) throw error;
      machine.faults.length = 0;
    }
  }
}

Deno.test("an entry that the program dies of is given up after some tries, and the next is read", async () => {
  await onMachine("bob", async (scene) => {
    const { world, machine } = scene;
    const alice = await healthy(world, "alice");
    const { id } = await alice.conversations.openDirectMessage("bob", PATIENCE);
    await conversation(scene.own(), "@alice");
    await scene.own().conversations.waitUntilCaughtUp(PATIENCE);
    await machine.shutDown();
    // More in front of it than it has tries: they are taken in for good before it is tried.
    const harmless = Array.from({ length: 12 }, (_, index) => `harmless ${index}`);
    for (const text of [...harmless, "deadly", "after"]) {
      const { messageId } = await alice.conversations.send(id, text);
      await alice.conversations.waitUntilSent(id, messageId, PATIENCE);
    }
    /** The disk never sees what comes of reading it. */
    const deadly = (entry: Entry): Entry =>
      new Proxy(entry, {
        get: (target, property) => {
          const isRead = property === "message" && machine.faults.length === 0;
          if (isRead) machine.faults.push({ kind: "crash", written: false });
          return Reflect.get(target, property);
        },
      });
    const deaths = await dieUntil(scene, (calls) => ({
      ...calls,
      follow: async function* (options) {
        for await (const delivery of calls.follow(options)) {
          const isText = delivery.kind === "entry" && delivery.entry.kind === "application";
          const after = options.cursors[0]?.after ?? 0;
          yield isText && delivery.entry.sequence === 14 && after < 14
            ? { ...delivery, entry: deadly(delivery.entry) }
            : delivery;
        }
      },
    }), async (bob) => (await textsOf(bob, id)).includes("alice: after"));
    // Once before it is careful, then as often as it is tried.
    assert.equal(deaths, 5);
    const bob = scene.own();
    assert.deepEqual(
      await textsOf(bob, id),
      [...harmless, "after"].map((text) => `alice: ${text}`),
    );
    const lines = (await historyOf(bob, id)).filter((line) => line.startsWith("* undecryptable"));
    assert.equal(lines.length, 1);
    // A run that ended in order is followed by one that counts nothing.
    await machine.shutDown();
    const again = await world.clientOn(machine);
    await again.conversations.waitUntilCaughtUp(PATIENCE);
  });
});

Deno.test("a Welcome that the program dies of is given up after some tries, and the next is taken", async () => {
  await onMachine("bob", async (scene) => {
    const { world, machine } = scene;
    const alice = await healthy(world, "alice");
    await scene.own().conversations.waitUntilCaughtUp(PATIENCE);
    await machine.shutDown();
    for (const name of ["deadly", "after"]) {
      await alice.conversations.createGroup({ name, invite: ["bob"], ...PATIENCE });
    }
    const [deadly] = await alice.conversations.list().then((all) =>
      all.filter(({ name }) => name === "deadly")
    );
    /** The disk never sees what comes of opening it. */
    const deaths = await dieUntil(scene, (calls) => ({
      ...calls,
      follow: async function* (options) {
        for await (const delivery of calls.follow(options)) {
          const isDeadly = delivery.kind === "welcome" &&
            delivery.inboxEntry.channelId.toHex() === deadly?.id;
          if (!isDeadly) {
            yield delivery;
            continue;
          }
          const inboxEntry = new Proxy(delivery.inboxEntry, {
            get: (target, property) => {
              const isOpened = property === "welcome" && machine.faults.length === 0;
              if (isOpened) machine.faults.push({ kind: "crash", written: false });
              return Reflect.get(target, property);
            },
          });
          yield { ...delivery, inboxEntry };
        }
      },
    }), async (bob) => (await bob.conversations.list()).some(({ name }) => name === "after"));
    // Once before it is careful, then as often as it is tried.
    assert.equal(deaths, 5);
    // It is in the group nevertheless: it enters by itself.
    const bob = scene.own();
    await until(bob, async () => (await bob.conversations.list()).length === 2);
    await machine.shutDown();
    const again = await world.clientOn(machine);
    await again.conversations.waitUntilCaughtUp(PATIENCE);
    assert.equal((await again.conversations.list()).length, 2);
  });
});

Deno.test("a store that fails while it receives makes the client say so, whoever asks", async () => {
  await onMachine("bob", async (scene) => {
    const alice = await healthy(scene.world, "alice");
    const { id } = await alice.conversations.openDirectMessage("bob", PATIENCE);
    const bob = scene.own();
    await conversation(bob, "@alice");
    await bob.conversations.waitUntilCaughtUp(PATIENCE);
    const code = "store/unknown-outcome";
    const listening = (async () => {
      for await (const _ of bob.conversations.events()) { /* until it ends */ }
    })();
    const ended = assert.rejects(listening, { code });
    const failureOf = (client: Client): unknown => client.failure;
    assert.equal(failureOf(bob), undefined);
    scene.machine.faults.push({ kind: "unknown-outcome", written: false });
    const { messageId } = await alice.conversations.send(id, "one");
    await ended;
    await assert.rejects(bob.conversations.waitUntilCaughtUp(PATIENCE), { code });
    await assert.rejects(bob.conversations.send(id, "to whom?"), { code });
    const failure = failureOf(bob);
    assert.ok(failure instanceof MessengerError && failure.code === code);
    await bob[Symbol.asyncDispose]();
    const again = await scene.world.clientOn(scene.machine);
    await until(again, async () => (await idsOf(again, id)).includes(messageId));
  });
});

Deno.test("a disk that fails ends everything that waits, and no key is used again after a restart", async () => {
  await onMachine("alice", async (scene) => {
    const bob = await healthy(scene.world, "bob");
    const { id } = await scene.own().conversations.openDirectMessage("bob", PATIENCE);
    await conversation(bob, "@alice");
    for (const written of [false, true]) {
      const alice = scene.own();
      await alice.conversations.waitUntilCaughtUp(PATIENCE);
      const listening = (async () => {
        for await (const _ of alice.conversations.events()) { /* until it ends */ }
      })();
      const listened = listening.then(() => "ended", (error: unknown) => error);
      scene.world.setReachable(false);
      const waiting = [
        alice.conversations.openDirectMessage("carol"),
        alice.conversations.createGroup({ name: "of nobody" }),
      ].map((each) => each.then(() => "done", (error: unknown) => error));
      scene.machine.faults.push({ kind: "unknown-outcome", written });
      const sending = alice.conversations.send(id, `perhaps ${written}`);
      const failure = await sending.then(() => undefined, (error: unknown) => error);
      assert.ok(failure instanceof MessengerError && failure.code === "store/unknown-outcome");
      await assert.rejects(alice.conversations.send(id, "after it"), MessengerError);
      await alice[Symbol.asyncDispose]();
      for (const outcome of [...await Promise.all(waiting), await listened]) {
        assert.ok(outcome instanceof MessengerError || outcome === "ended", String(outcome));
      }
      scene.world.setReachable(true);
      const again = await scene.world.clientOn(scene.machine);
      await agree([again, bob], id, `unknown outcome, ${written}`);
    }
    const texts = (await historyOf(bob, id)).filter((line) => line.includes("perhaps"));
    assert.deepEqual(texts, ["alice: perhaps true"]);
  });
});
