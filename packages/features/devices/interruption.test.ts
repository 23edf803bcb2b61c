/** Enrolment cut off at every commit of the server, and of the client: it can always be completed. */
import assert from "node:assert/strict";
import { MemoryDisk, type MemoryFault, openMemoryStore } from "@qpq/adapters";
import { MessengerError } from "@qpq/ports";
import { enrol } from "./enrolment.ts";
import { listOwnDevices } from "./client.ts";
import {
  as,
  enrolled,
  openClientStore,
  openDeviceWorld,
  primitives,
  SERVER_NAME,
} from "../test/device-world.ts";
import { deviceCredentials } from "./own-device.ts";

type Side = "server" | "client";

/** Crashes at that commit, counted from when enrolment begins. */
function crashing(at: number, written: boolean) {
  const disk = new MemoryDisk();
  let onCrash = (): void => {};
  const crashed = new Promise<void>((resolve) => onCrash = resolve);
  let isArmed = false;
  let commits = 0;
  const faultOf = (): MemoryFault | undefined =>
    isArmed && ++commits === at ? { kind: "crash", written } : undefined;
  const store = openMemoryStore({ disk, faultOf, onCrash });
  return {
    disk,
    store,
    crashed,
    arm: () => void (isArmed = true),
    disarm: () => void (isArmed = false),
  };
}

for (const side of ["server", "client"] as const) {
  Deno.test(`enrol() cut off at any commit of the ${side} is completed by a login`, async () => {
    let isReached = true;
    let at = 1;
    for (; isReached; at++) {
      for (const written of [false, true]) isReached = await cutOff(side, at, written) && isReached;
    }
    // As many commits as there are, each before and after: so none was left out.
    assert.ok(at > 4, `${at} commits`);
  });
}

/** @returns whether enrolment came as far as that commit */
async function cutOff(side: Side, at: number, written: boolean): Promise<boolean> {
  const faulty = crashing(at, written);
  const serverStore = side === "server" ? faulty.store : openMemoryStore();
  const clientStore = await openClientStore(side === "client" ? faulty.store : openMemoryStore());
  const world = await openDeviceWorld({ store: serverStore });
  faulty.arm();
  const { clock, random } = world;
  const home = world.connect({
    credentials: deviceCredentials({ store: clientStore, primitives, serverName: SERVER_NAME }),
  });
  const options = { ...as(world, "alice"), clock, random };
  const enrolling = enrol(home, { ...options, kind: "register", store: clientStore })
    .then((unlocked) => unlocked[Symbol.dispose]());
  enrolling.catch(() => {});
  const isCut = await Promise.race([
    faulty.crashed.then(() => true),
    enrolling.then(() => false),
  ]);
  faulty.disarm();
  await home.close();
  const restarted = side === "server" && isCut
    ? await openDeviceWorld({ disk: faulty.disk })
    : world;
  const store = side === "client" && isCut ? openMemoryStore({ disk: faulty.disk }) : clientStore;
  const device = await enrolled(restarted, "alice", { kind: "log-in", store }).catch((error) => {
    // It never came to be: so it is made now.
    const isAbsent = error instanceof MessengerError && error.code === "accounts/login-refused";
    if (!isAbsent) throw error;
    return enrolled(restarted, "alice", { kind: "register", store });
  });
  const list = await listOwnDevices(device.home, device.own, device);
  assert.equal(list?.devices.length, 1, `${side}, commit ${at}`);
  await device.home.close();
  return isCut;
}
