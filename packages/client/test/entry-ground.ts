/** What a device stands on that enters a group by itself: for tests. */
import { createManualClock } from "@qpq/adapters";
import { createGroupInfo, type GroupState, runtimeCryptoProvider } from "@qpq/mls";
import {
  device,
  leaves,
  random,
  suite,
  type TestAccount,
} from "../../features/groups/test/groups.ts";
import type { Ground } from "../conversations/ground.ts";

/** A laptop of the account's, before a server that gives the GroupInfo of that state. */
export function entryGround(own: TestAccount, state: GroupState): Ground {
  const laptop = device(own);
  return {
    clock: createManualClock(),
    random,
    leaves,
    crypto: runtimeCryptoProvider(),
    suite,
    ownDevices: { refresh: () => Promise.resolve() },
    own: { accountId: own.accountId, name: own.name, accountKey: own.keys.publicKey },
    deviceId: laptop.deviceId,
    identity: () => Promise.resolve(laptop),
    signal: new AbortController().signal,
    calls: {
      groupInfo: async () => ({
        groupInfo: await createGroupInfo(state),
        epoch: Number(state.context.epoch),
        sequence: 7,
      }),
    },
  } as unknown as Ground;
}
