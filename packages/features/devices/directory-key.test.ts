import assert from "node:assert/strict";
import { logIn, readOwnAccount, rememberOwnAccount } from "../accounts/client.ts";
import { readDirectory } from "../accounts/directory.ts";
import { parseAccountName } from "../accounts/names.ts";
import { as, enrolled, openDeviceWorld, refusedWith } from "../test/device-world.ts";
import { recordingHome } from "../test/world.ts";
import { changeAccountKey, revokeDevices } from "./client.ts";
import { requireOwnDevice } from "./own-device.ts";
import { fetchPeer, markVerified, readPin } from "./peers.ts";
import { sharePins } from "./shared-pins.ts";

const CAROL = parseAccountName("carol");

Deno.test("a revocation and a new account key give the directory a key that only the vault tells", async () => {
  await using world = await openDeviceWorld();
  await enrolled(world, "carol");
  const keeper = await enrolled(world, "alice");
  const second = await enrolled(world, "alice", { kind: "log-in" });
  const gone = await enrolled(world, "alice", { kind: "log-in" });
  await fetchPeer(keeper.home, "carol", keeper);
  await sharePins(keeper.home, keeper);
  await readDirectory(second.home, second);
  using unlocked = await logIn(keeper.home, as(world, "alice"));
  const { deviceId } = await requireOwnDevice(gone.store, gone.primitives);
  const changes = [
    () => revokeDevices(keeper.home, unlocked, { ...keeper, deviceIds: [deviceId] }),
    () => changeAccountKey(keeper.home, unlocked, keeper),
  ];
  for (const change of changes) {
    const before = await readOwnAccount(keeper.store);
    await change();
    const after = await readOwnAccount(keeper.store);
    assert.notDeepEqual(after?.directoryKey, before?.directoryKey);
    assert.equal(after?.directoryVersion, (before?.directoryVersion ?? 0) + 1);
    const { content } = await readDirectory(keeper.home, keeper);
    assert.deepEqual(content.pins.map(({ accountName }) => accountName), ["carol"]);
    // What the revoked device knows opens nothing, with the server's help either.
    const helped = { ...keeper, store: gone.store };
    await refusedWith("accounts/directory-refused", readDirectory(keeper.home, helped));
    // Others have it with the password.
    await refusedWith("accounts/directory-refused", sharePins(second.home, second));
    using theirs = await logIn(second.home, as(world, "alice"));
    await rememberOwnAccount(second.store, theirs);
    await sharePins(second.home, second);
  }
});

Deno.test("what another device writes into the directory during a revocation is not lost", async () => {
  await using world = await openDeviceWorld();
  await enrolled(world, "carol");
  const keeper = await enrolled(world, "alice");
  const second = await enrolled(world, "alice", { kind: "log-in" });
  const gone = await enrolled(world, "alice", { kind: "log-in" });
  const { deviceId } = await requireOwnDevice(gone.store, gone.primitives);
  using unlocked = await logIn(keeper.home, as(world, "alice"));
  let rotations = 0;
  const home = recordingHome(keeper.home, () => {}, async (method) => {
    if (method !== "devices/rotate" || ++rotations > 1) return;
    const { account } = await fetchPeer(second.home, "carol", second);
    await markVerified(second.store, CAROL, account.accountKey);
    await sharePins(second.home, second);
  });
  await revokeDevices(home, unlocked, { ...keeper, deviceIds: [deviceId] });
  assert.equal(rotations, 2);
  await sharePins(keeper.home, keeper);
  assert.equal((await readPin(keeper.store, CAROL))?.isVerified, true);
});
