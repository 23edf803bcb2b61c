import { logIn } from "../accounts/client.ts";
import { as, enrolled, openDeviceWorld, refusedWith } from "../test/device-world.ts";
import { refreshCertificate, revokeDevices } from "./client.ts";
import { requireOwnDevice } from "./own-device.ts";
import { bringForward, findSetback } from "./recovery.ts";

Deno.test("a device that knows of its revocation brings nothing forward", async () => {
  await using world = await openDeviceWorld();
  const keeper = await enrolled(world, "alice");
  const gone = await enrolled(world, "alice", { kind: "log-in" });
  const { deviceId } = await requireOwnDevice(gone.store, gone.primitives);
  using unlocked = await logIn(keeper.home, as(world, "alice"));
  await revokeDevices(keeper.home, unlocked, { ...keeper, deviceIds: [deviceId] });
  await refusedWith("devices/revoked", refreshCertificate(keeper.home, gone));
  await refusedWith("devices/revoked", findSetback(keeper.home, unlocked, gone));
  await refusedWith("devices/revoked", bringForward(keeper.home, unlocked, gone));
});
