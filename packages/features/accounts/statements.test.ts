/** What a client signs for the server: of this account, this version and these bytes, or refused. */
import assert from "node:assert/strict";
import { as, contentOf, openWorld, primitives, recordingHome, refusedWith } from "../test/world.ts";
import {
  accountsClient,
  type AccountsRegisterFinishParams,
  encodeAccountDeletion,
  encodeVaultWrite,
} from "./accounts.gen.ts";
import { logIn, register } from "./client.ts";
import { LABELS } from "./signed.ts";

Deno.test("delete() takes a deletion of this account at this version alone", async () => {
  await using world = await openWorld();
  const home = world.connect();
  using unlocked = await register(home, as(world, "alice"));
  const { accountId, serverName } = unlocked.identity;
  const before = await contentOf(world.store);
  const wrong = [
    { accountId: primitives.hash(accountId).slice(0, 16), version: 1, serverName },
    { accountId: accountId.slice(0, 15), version: 1, serverName },
    { accountId, version: 0, serverName },
    { accountId, version: 2, serverName },
    { accountId, version: 1, serverName: "elsewhere.example" },
  ];
  for (const said of wrong) {
    const deletion = unlocked.sign(LABELS.accountDeletion, encodeAccountDeletion(said));
    await refusedWith("accounts/bad-signature", accountsClient(home).delete({ deletion }));
  }
  assert.equal(await contentOf(world.store), before);
  await accountsClient(home).delete({ deletion: unlocked.signDeletion() });
});

Deno.test("passwordFinish() takes a vault and a record that are signed together for this account alone", async () => {
  await using world = await openWorld();
  const home = world.connect();
  using unlocked = await register(home, as(world, "alice"));
  const record = new Uint8Array(192).fill(1);
  const renewed = { exportKey: new Uint8Array(64), record };
  const { vault } = unlocked.prepare({ random: world.random, renewed });
  const right = {
    accountId: unlocked.identity.accountId,
    serverName: unlocked.identity.serverName,
    ...{ replaces: 1, version: 2 },
    vaultHash: primitives.hash(vault),
    recordHash: primitives.hash(record),
  };
  const before = await contentOf(world.store);
  const finish = (said: typeof right) =>
    accountsClient(home).passwordFinish({
      ...{ record, vault },
      write: unlocked.sign(LABELS.vaultWrite, encodeVaultWrite(said)),
    });
  const other = primitives.hash(new Uint8Array());
  const wrong: readonly Partial<typeof right>[] = [
    { accountId: other.slice(0, 16) as typeof right.accountId },
    { serverName: "elsewhere.example" },
    { vaultHash: other },
    { recordHash: other },
    // As where the record stays.
    { recordHash: new Uint8Array() as typeof other },
  ];
  for (const change of wrong) {
    await refusedWith("accounts/bad-signature", finish({ ...right, ...change }));
  }
  // It says which version it replaces: a higher one is for after a restore, never over another's write.
  const late = [
    { replaces: 0 },
    { replaces: 2, version: 3 },
    { version: 1 },
    { version: 2_000_000 },
  ];
  for (const change of late) {
    await refusedWith("accounts/version-conflict", finish({ ...right, ...change }));
  }
  assert.equal(await contentOf(world.store), before);
  await finish(right);
});

Deno.test("registerFinish() takes no account id that somebody has", async () => {
  await using world = await openWorld();
  const sent: unknown[] = [];
  const home = recordingHome(world.connect(), (params) => sent.push(params));
  using _made = await register(home, as(world, "alice"));
  const before = await contentOf(world.store);
  const params = sent.at(-1) as AccountsRegisterFinishParams;
  const calls = accountsClient(world.connect());
  await refusedWith("malformed", calls.registerFinish({ ...params, name: "bob" }));
  assert.equal(await contentOf(world.store), before);
  using _opened = await logIn(world.connect(), as(world, "alice"));
});

Deno.test("a name that is taken and a code that isn't valid are refused before anybody is asked to confirm", async () => {
  await using world = await openWorld({ registration: "invite" });
  const invite = await world.accounts.admin.invite({ uses: 2 });
  let asked = 0;
  const confirm = () => {
    asked++;
    return Promise.resolve();
  };
  const registerAs = (name: string, code: string) =>
    register(world.connect(), { ...as(world, name), invite: code, confirm });
  (await registerAs("alice", invite))[Symbol.dispose]();
  assert.equal(asked, 1);
  await refusedWith("accounts/name-taken", registerAs("alice", invite));
  await refusedWith("accounts/invite-invalid", registerAs("bob", "0000-0000-0000-0000"));
  assert.equal(asked, 1);
});
