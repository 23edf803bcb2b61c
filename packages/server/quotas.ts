/** The operator's quotas as the slices take them. */
import type { AccountLimits } from "../features/accounts/server.ts";
import type { DeviceLimits } from "../features/devices/server.ts";
import type { KeyPackageLimits } from "../features/key-packages/server.ts";
import type { ChannelLimits } from "../features/channels/limits.ts";
import type { CallLimits } from "../features/limits/call-quota.ts";
import type { ServerConfig } from "./config.ts";

export interface Quotas {
  readonly accounts: Pick<AccountLimits, "logins" | "registrations">;
  readonly devices: Pick<DeviceLimits, "devicesMax">;
  readonly keyPackages: Pick<KeyPackageLimits, "packagesMax">;
  readonly channels: Pick<ChannelLimits, "appendRate" | "createRate">;
  readonly calls: CallLimits;
}

/** What comes at once is a share of a minute's: a device that was away catches up, … */
const ACCOUNT_BURST_MINUTES = 1 / 3;
/** … and so do the many who may share an address. */
const ADDRESS_BURST_MINUTES = 2 / 3;
/** Accounts that a new team may make at once, where one a minute may be made. */
const REGISTRATION_BURST_MINUTES = 30;
/** What was written without a connection goes out in one go. */
const MESSAGES_BURST_MINUTES = 5 / 3;
const CONVERSATIONS_BURST_MINUTES = 2;
/** Calls of a registration, each counted. */
const REGISTRATION_STEPS = 2;

export function quotasOf(config: ServerConfig): Quotas {
  return {
    accounts: {
      logins: rate(config.address_logins_per_minute, 1),
      registrations: rate(
        REGISTRATION_STEPS * config.address_registrations_per_minute,
        REGISTRATION_BURST_MINUTES,
      ),
    },
    devices: { devicesMax: config.devices_max },
    keyPackages: { packagesMax: config.key_packages_max },
    channels: {
      appendRate: rate(config.conversation_messages_per_minute, MESSAGES_BURST_MINUTES),
      createRate: rate(config.account_conversations_per_minute, CONVERSATIONS_BURST_MINUTES),
    },
    calls: {
      callsOfAccount: rate(config.account_calls_per_minute, ACCOUNT_BURST_MINUTES),
      callsOfAddress: rate(config.address_calls_per_minute, ADDRESS_BURST_MINUTES),
    },
  };
}

function rate(perMinute: number, burstMinutes: number) {
  return { perMinute, burst: Math.ceil(perMinute * burstMinutes) };
}
