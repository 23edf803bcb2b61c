import assert from "node:assert/strict";
import { openMemoryStore } from "@qpq/adapters";
import { deviceProver, logOut } from "../devices/own-device.ts";
import { revokeDevices } from "../devices/client.ts";
import {
  as,
  type DeviceWorld,
  enrolled,
  type EnrolledDevice,
  openDeviceWorld,
  primitives,
  refusedWith,
  SERVER_NAME,
} from "../test/device-world.ts";
import { countingReads } from "../test/world.ts";
import { accountsClient, type DeviceProof } from "./accounts.gen.ts";
import { logIn } from "./client.ts";
import { type DeviceId, parseDeviceId } from "./names.ts";
import { startLogin } from "./opaque.ts";

const NAME_TRIES = 6;

/** Where strangers are soon held back from a name. */
function world(options: Parameters<typeof openDeviceWorld>[0] = {}): Promise<DeviceWorld> {
  const limits = { loginsOfName: { burst: NAME_TRIES, perMinute: 1 } };
  return openDeviceWorld({ limits, ...options });
}

/** Strangers fail until the name takes no more logins, also from the address of `alice`. */
async function besiege(world: DeviceWorld): Promise<void> {
  for (let guesser = 0; guesser < NAME_TRIES; guesser++) {
    const home = world.connect({ hostname: `198.51.100.${guesser}` });
    await refusedWith("accounts/login-refused", logIn(home, as(world, "alice", "guess")));
  }
  await refusedWith("accounts/rate-limited", logIn(world.connect(), as(world, "alice")));
}

const proverOf = ({ store }: EnrolledDevice) =>
  deviceProver({ store, primitives, serverName: SERVER_NAME });

Deno.test("strangers who fail to log in don't slow a known device, with a session or without", async () => {
  await using siege = await world();
  const alice = await enrolled(siege, "alice");
  await besiege(siege);
  const known = { ...as(siege, "alice"), proveDevice: proverOf(alice) };
  (await logIn(alice.home, known))[Symbol.dispose]();
  // Logged out, and with nothing but its key left.
  await logOut(alice.home, alice.store);
  (await logIn(siege.connect(), known))[Symbol.dispose]();
  await siege.devices.voidSessions();
  (await logIn(siege.connect(), known))[Symbol.dispose]();
  await refusedWith("accounts/rate-limited", logIn(siege.connect(), as(siege, "alice")));
});

Deno.test("a known device that guesses is slowed by itself, and so are no strangers", async () => {
  await using siege = await world();
  const alice = await enrolled(siege, "alice");
  const guess = (password = "guess") =>
    logIn(siege.connect(), { ...as(siege, "alice", password), proveDevice: proverOf(alice) });
  for (let tried = 0; tried < 5; tried++) await refusedWith("accounts/login-refused", guess());
  const refusal = await refusedWith("accounts/rate-limited", guess("correct horse"));
  assert.equal(refusal.retryAfterMs, 1_000);
  using _stranger = await logIn(siege.connect(), as(siege, "alice"));
  await siege.clock.advance(1_000);
  using _right = await guess("correct horse");
  // A success takes the wait back.
  await refusedWith("accounts/login-refused", guess());
});

Deno.test("who shows another's device, another session's proof or a revoked device is a stranger", async () => {
  await using siege = await world();
  const alice = await enrolled(siege, "alice");
  const second = await enrolled(siege, "alice", { kind: "log-in" });
  const bob = await enrolled(siege, "bob");
  const logInWith = (proof: DeviceProof) =>
    logIn(siege.connect(), { ...as(siege, "alice"), proveDevice: () => Promise.resolve(proof) });
  const proofOf = async (device: EnrolledDevice, home = siege.connect()) => {
    const proof = await proverOf(device)(await home.connected());
    assert.ok(proof !== undefined);
    return proof;
  };
  const ids = await Promise.all(
    [alice, second].map(async (device) => parseDeviceId((await proofOf(device)).deviceId)),
  );
  using unlocked = await logIn(alice.home, as(siege, "alice"));
  await revokeDevices(alice.home, unlocked, { ...alice, deviceIds: [ids[1] as DeviceId] });
  await besiege(siege);
  // A proof of an earlier session; one that another key made; no signature at all.
  await refusedWith("accounts/rate-limited", logInWith(await proofOf(alice)));
  const { signature } = await proofOf(bob);
  for (const wrong of [signature, new Uint8Array(64), new Uint8Array()]) {
    const proof = { deviceId: ids[0] as DeviceId, signature: wrong };
    await refusedWith("accounts/rate-limited", logInWith(proof));
  }
  for (const device of [second, bob]) {
    const options = { ...as(siege, "alice"), proveDevice: proverOf(device) };
    await refusedWith("accounts/rate-limited", logIn(siege.connect(), options));
  }
  await refusedWith("malformed", logInWith({ deviceId: new Uint8Array(15), signature }));
  using _right = await logIn(siege.connect(), {
    ...as(siege, "alice"),
    proveDevice: proverOf(alice),
  });
});

Deno.test("loginStart() does the same work for a device, a stranger with its id, and no such name", async () => {
  const work = { reads: 0, verified: 0 };
  await using siege = await world({
    store: countingReads(openMemoryStore(), () => work.reads++),
    primitives: Object.assign(Object.create(primitives), {
      verify: (...given: Parameters<typeof primitives.verify>) => {
        if (primitives.isSignaturePublicKey(given[0])) work.verified++;
        return primitives.verify(...given);
      },
    }),
  });
  const alice = await enrolled(siege, "alice");
  const workOf = async (name: string, change: Partial<DeviceProof>) => {
    const home = siege.connect();
    const proof = await proverOf(alice)(await home.connected());
    assert.ok(proof !== undefined);
    const { request } = await startLogin("guess");
    Object.assign(work, { reads: 0, verified: 0 });
    await accountsClient(home).loginStart({ name, request, device: { ...proof, ...change } });
    return { ...work };
  };
  const known = await workOf("alice", {});
  assert.deepEqual(known, { reads: 4, verified: 1 });
  assert.deepEqual(await workOf("alice", { signature: new Uint8Array(64) }), known);
  assert.deepEqual(await workOf("alice", { deviceId: new Uint8Array(16) }), known);
  assert.deepEqual(await workOf("nobody", {}), known);
});
