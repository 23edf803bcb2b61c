/** The own account's devices. */
import { type DeviceId, MessengerError, type OwnDeviceEntry } from "@qpq/client";
import { type AccountOptions, openConnected, withPassword } from "../account-session.ts";
import { type ExitCode, printJson, printLine, UsageError } from "../output.ts";

/** `devices`, or `devices revoke ID`. */
export async function runDevices(
  options: AccountOptions,
  action: string | undefined,
  id: string | undefined,
): Promise<ExitCode> {
  if (action === undefined) return await listDevices(options);
  if (action !== "revoke" || id === undefined) {
    throw new UsageError("expected nothing more, or: devices revoke ID");
  }
  if (!/^[0-9a-f]{4,32}$/i.test(id)) {
    throw new UsageError(
      "devices revoke: expected an ID as qpq devices shows it, or its first 4 digits or more",
    );
  }
  return await withPassword(options, async ({ client, password }): Promise<ExitCode> => {
    const deviceId = findDevice(await client.devices(), id.toLowerCase());
    await client.revokeDevices([deviceId], password);
    if (options.json) printJson({ deviceId: deviceId.toHex(), revoked: true });
    else printLine(`revoked ${deviceId.toHex()}: the server refuses it from now on`);
    return 0;
  });
}

async function listDevices(options: AccountOptions): Promise<ExitCode> {
  await using account = await openConnected(options);
  for (const { deviceId, certifiedAtMs, isThis } of await account.client.devices()) {
    const id = deviceId.toHex();
    const certifiedAt = new Date(certifiedAtMs).toISOString();
    if (options.json) printJson({ deviceId: id, certifiedAt, isThis });
    else printLine(`${id}  certified ${certifiedAt.slice(0, 10)}${isThis ? "  this device" : ""}`);
  }
  return 0;
}

function findDevice(devices: readonly OwnDeviceEntry[], prefix: string): DeviceId {
  const found = devices.filter(({ deviceId }) => deviceId.toHex().startsWith(prefix));
  const [device, another] = found;
  if (device === undefined) {
    throw new MessengerError(
      "devices/unknown",
      `Cannot revoke: no device of the account begins with ${prefix}; qpq devices lists them`,
    );
  }
  if (another !== undefined) throw new UsageError(`several devices begin with ${prefix}`);
  if (device.isThis) {
    throw new UsageError("that is this device: revoke it from another one, or qpq logout");
  }
  return device.deviceId;
}
