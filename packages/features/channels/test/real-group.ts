/** Groups as clients make them, on the server: for rules that stand on what is signed. */
import assert from "node:assert/strict";
import {
  createCommit,
  createGroup,
  createGroupInfo,
  createKeyPackage,
  type GroupState,
  type Identity,
  joinByExternalCommit,
  joinGroup,
  mergeStaged,
  type Proposal,
} from "@qpq/mls";
import { encodeClaim } from "../../groups/claim.ts";
import { type CheckedContext, conversationExtension } from "../../groups/context.ts";
import type { CommitUpload } from "../channels.gen.ts";
import { crypto, groupContext, type TestDevice, type World } from "./world.ts";

export const NOW_MS = 1e12;
const LIFETIME = { notBefore: 999_996_400n, notAfter: 1_006_000_000n };
export const authenticate = async (entering: readonly unknown[]) => entering.map(() => true);

/** A real group on the server: the first device has created it, the others were welcomed. */
export async function openGroup(
  world: World,
  devices: readonly [TestDevice, ...TestDevice[]],
  context: CheckedContext = groupContext(devices[0]),
): Promise<{ readonly channelId: Uint8Array; readonly states: Map<TestDevice, GroupState> }> {
  const [creator, ...others] = devices;
  const { random } = world;
  const founded = await createGroup(crypto, {
    identity: creator.identity,
    lifetime: LIFETIME,
    random,
    groupId: random.bytes(32),
    extensions: [conversationExtension(context)],
  });
  const channelId = founded.context.groupId;
  const packages = await Promise.all(
    others.map(({ identity }) =>
      createKeyPackage(crypto, { identity, lifetime: LIFETIME, random })
    ),
  );
  const accounts = new Map(others.map((device) => [device.accountId.toHex(), device.accountId]));
  accounts.delete(creator.accountId.toHex());
  const entryId = random.bytes(16);
  const created = await createCommit(founded, {
    random,
    nowMs: NOW_MS,
    authenticate,
    proposals: packages.map(({ keyPackage }): Proposal => ({ kind: "add", keyPackage })),
    authenticatedData: encodeClaim({ entryId, added: [...accounts.values()], removed: [] }),
  });
  const next = mergeStaged(created.state, created.staged);
  const upload: CommitUpload = {
    entryId,
    message: created.commit,
    groupInfo: await createGroupInfo(next),
    welcomes: created.welcome === undefined ? [] : [{
      message: created.welcome,
      recipients: others.map(({ accountId, deviceId }) => ({ accountId, deviceId })),
    }],
  };
  assert.deepEqual((await creator.calls.create(upload)).undelivered, []);
  const states = new Map([[creator, next]]);
  for (const [index, device] of others.entries()) {
    const own = packages[index];
    assert.ok(own !== undefined && created.welcome !== undefined);
    const joined = await joinGroup(crypto, created.welcome, { keyPackages: [own], authenticate });
    states.set(device, joined.state);
  }
  return { channelId, states };
}

/** Enters with what the server gives, and offers the result to it. */
export async function enter(
  world: World,
  device: TestDevice,
  options: {
    readonly channelId: Uint8Array;
    readonly identity?: Identity;
    readonly removes?: number;
    readonly change?: (upload: CommitUpload) => CommitUpload;
    readonly groupInfo?: Uint8Array;
  },
) {
  const { channelId, removes, change = (upload) => upload } = options;
  const { random } = world;
  const groupInfo = options.groupInfo ?? (await device.calls.groupInfo(channelId)).groupInfo;
  const entryId = random.bytes(16);
  const entered = await joinByExternalCommit(crypto, groupInfo, {
    identity: options.identity ?? device.identity,
    random,
    authenticate,
    authenticatedData: encodeClaim({ entryId, added: [], removed: [] }),
    ...(removes === undefined ? {} : { removes }),
  });
  const upload = change({
    entryId,
    message: entered.commit,
    groupInfo: await createGroupInfo(entered.staged.next),
    welcomes: [],
  });
  return {
    upload,
    state: entered.staged.next,
    run: () => device.calls.commit({ channelId, upload }),
  };
}
