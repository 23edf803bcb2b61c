/** The REPL over real clients and a whole server, without programs of their own. */
import assert from "node:assert/strict";
import { systemClock } from "@qpq/adapters";
import { accountOf } from "../../packages/cli/commands/repl.ts";
import { ENTER, startReplOf, type TerminalRepl } from "../../packages/cli/test/repl-driver.ts";
import { PATIENCE } from "./helpers.ts";
import { type ConversationWorld, openConversationWorld } from "./world.ts";

const CTRL_C = "\x03";
const CTRL_D = "\x04";

async function startRepl(
  world: ConversationWorld,
  name: string,
  device?: number,
): Promise<TerminalRepl> {
  let onStatus = (): void => {};
  const client = await world.client(name, {
    onStatus: () => onStatus(),
    ...device === undefined ? {} : { device },
  });
  const choice = {
    address: "127.0.0.1:7000",
    reaching: <Result>(run: () => Promise<Result>) => run(),
    explain: (error: Parameters<Parameters<typeof accountOf>[0]["choice"]["explain"]>[0]) => error,
  };
  let sinceMs = systemClock.monotonic();
  const repl = startReplOf(accountOf({ client, choice }, PATIENCE.timeoutMs), {
    clock: systemClock,
    isNewDevice: device !== undefined,
    listen: (told) => {
      onStatus = told;
      return { [Symbol.dispose]: () => onStatus = () => {} };
    },
    isLate: () => systemClock.monotonic() - sinceMs > PATIENCE.timeoutMs,
  });
  return {
    ...repl,
    shows: (expected) => {
      sinceMs = systemClock.monotonic();
      return repl.shows(expected);
    },
  };
}

Deno.test("REPLs of real clients: the server goes away and comes back, and a second device joins", async () => {
  await using world = await openConversationWorld();
  const [alice, bob] = [await startRepl(world, "alice"), await startRepl(world, "bob")];
  alice.type(`/dm bob${ENTER}Hello from Alice!${ENTER}`);
  await bob.shows(/@alice \[alice\] Hello from Alice!$/);
  alice.type(`/create-group team${ENTER}/invite bob${ENTER}`);
  await alice.shows(/^invited bob$/);
  await bob.shows(/you are invited to #team/);
  bob.type(`/join${ENTER}hi all${ENTER}`);
  await alice.shows(/\[bob\] hi all$/);
  world.setReachable(false);
  await alice.shows(/^alice #team \((offline|connecting)\)>$/);
  alice.type(`/invite carol${ENTER}`);
  await alice.shows(/^\/invite carol waits for the server; Ctrl-C stops it$/);
  alice.type(`written meanwhile${ENTER}/status${ENTER}/members${ENTER}`);
  await alice.shows(/\[alice\] written meanwhile \(queued\)$/);
  await alice.shows(/^queued: 1 message$/);
  await alice.shows(/^#team: epoch 2, 2 devices$/);
  await alice.shows(/^bob$/);
  await alice.shows(/^alice #team \((offline|connecting), 1 queued\)>$/);
  // A first message to somebody waits; one that is given up is not sent.
  alice.type(`/dm dave${ENTER}for dave alone${ENTER}`);
  await alice.shows(/^waits for \/dm dave: for dave alone$/);
  alice.type(CTRL_C);
  await alice.shows(/^not sent: for dave alone$/);
  await alice.shows(/^stopped: \/invite carol \(it may still be done\)$/);
  world.setReachable(true);
  await bob.shows(/\[alice\] written meanwhile$/);
  await alice.shows(/^alice #team>$/);
  alice.type(`/invite carol${ENTER}`);
  await alice.shows(/^carol was not invited: there is no account of that name$/);
  const laptop = await startRepl(world, "bob", 2);
  await laptop.shows(/^joined 2 conversations: \/list shows them; what was said before stays/);
  await alice.shows(/^\d\d:\d\d \* bob added a device$/);
  await bob.shows(/\* you added a device\. If it wasn't you: /);
  // What was sent for it is not counted any more, though nothing is shown of it.
  await alice.shows(/^alice #team>$/);
  alice.type(`to both${ENTER}`);
  await bob.shows(/\[alice\] to both$/);
  await laptop.shows(/#team \[alice\] to both$/);
  laptop.type(`/switch #team${ENTER}`);
  await laptop.shows(/\* this device is in; what was said before isn't on it$/);
  assert.equal(bob.count(/for dave alone/), 0);
  for (const repl of [alice, bob, laptop]) repl.type(CTRL_D);
  assert.deepEqual(await Promise.all([alice, bob, laptop].map(({ ended }) => ended)), [0, 0, 0]);
});
