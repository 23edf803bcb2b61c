import assert from "node:assert/strict";
import { isKeyChangeOpen, keyFilePath, stagedKeyFilePath } from "@qpq/adapters/stores";
import { MessengerError } from "@qpq/ports";
import { openDeviceWorld, refusedWith } from "../features/test/device-world.ts";
import { accountFolder } from "./account-store.ts";
import { logInClient, openClient, registerClient } from "./client.ts";
import { connects, device, withClient } from "./test/device.ts";

Deno.test("changePassword() moves account and store; other devices ask once for the new one", async () => {
  await using world = await openDeviceWorld();
  await using own = await device(world);
  await using second = await device(world);
  await using third = await device(world);
  await withClient(registerClient(own.options()), async (client) => {
    await withClient(logInClient(second.options()), connects);
    await refusedWith("accounts/login-refused", client.changePassword({ from: "no", to: "new" }));
    await client.changePassword({ from: "first password", to: "new password" });
  });
  await refusedWith("store/wrong-password", openClient(own.options()));
  await withClient(openClient(own.options("new password")), connects);
  await refusedWith("accounts/login-refused", logInClient(third.options()));
  // Another device goes on, until it needs the password.
  await withClient(openClient(second.options()), async (other) => {
    await other.connected();
    await refusedWith(
      "accounts/login-refused",
      other.revokeDevices([other.deviceId], "first password"),
    );
  });
  await refusedWith("store/wrong-password", logInClient(second.options("new password")));
  const formerPassword = "first password";
  await withClient(logInClient({ ...second.options("new password"), formerPassword }), connects);
  await refusedWith("store/wrong-password", openClient(second.options()));
  await withClient(openClient(second.options("new password")), connects);
});

/** Where a change of the password is killed, and which password then works everywhere. */
const KILLED = [
  { at: "accounts/password-start", when: "before", good: "first password", bad: "new password" },
  { at: "accounts/password-finish", when: "before", good: "first password", bad: "new password" },
  { at: "accounts/password-finish", when: "after", good: "new password", bad: "first password" },
] as const;

for (const { at, when, good, bad } of KILLED) {
  Deno.test(`changePassword() killed ${when} ${at}: "${good}" works everywhere, then alone`, async () => {
    await using killed = await Deno.makeTempDir({ prefix: "qpq-client-" }).then((path) => ({
      path,
      [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
    }));
    let source = "";
    let isKilled = false;
    await using world = await openDeviceWorld({
      tamper: async (method, call) => {
        if (method !== at || isKilled) return await call();
        isKilled = true;
        const result = when === "after" ? await call() : undefined;
        copyFolder(source, killed.path);
        if (result === undefined) throw new Error("killed");
        return result;
      },
    });
    await using own = await device(world);
    source = own.stateFolder;
    const client = await registerClient(own.options());
    const change = client.changePassword({ from: "first password", to: "new password" });
    await (when === "after" ? change : assert.rejects(change));
    await client[Symbol.asyncDispose]();
    assert.equal(isKilled, true);
    const options = (password: string) => ({
      ...own.options(password),
      stateFolder: killed.path,
    });
    // What the killed process left opens with the password that the server has, and settles: by a
    // login, or by a session.
    const other = `${killed.path}-2`;
    copyFolder(killed.path, other);
    await using _other = { [Symbol.asyncDispose]: () => Deno.remove(other, { recursive: true }) };
    await withClient(openClient(options(good)), connects);
    await refusedWith("store/wrong-password", openClient(options(bad)));
    await withClient(logInClient(options(good)), connects);
    await using elsewhere = await device(world);
    await refusedWith("accounts/login-refused", logInClient(elsewhere.options(bad)));
    await withClient(logInClient(elsewhere.options(good)), connects);
    const there = (password: string) => ({ ...own.options(password), stateFolder: other });
    await withClient(logInClient(there(good)), () => Promise.resolve());
    await refusedWith("store/wrong-password", openClient(there(bad)));
  });
}

Deno.test("key files of a login that was cut short before its store was there are in nobody's way", async () => {
  await using world = await openDeviceWorld();
  await using own = await device(world);
  await using second = await device(world);
  await withClient(registerClient(own.options()), connects);
  // Of another store, and its change of the password to one that opens nothing here.
  copyFolder(own.stateFolder, second.stateFolder);
  const path = `${accountFolder(second.options())}/client.db`;
  Deno.copyFileSync(keyFilePath(path), stagedKeyFilePath(path));
  for (const end of ["", "-wal", "-shm"]) await Deno.remove(`${path}${end}`).catch(() => {});
  await withClient(logInClient(second.options()), () => Promise.resolve());
  assert.ok(!isKeyChangeOpen(path));
  await withClient(openClient(second.options()), connects);
});

Deno.test("an open change that the server refuses keeps what opens the store, and asks once", async () => {
  let isCut = true;
  let logins = 0;
  await using world = await openDeviceWorld({
    tamper: async (method, call) => {
      if (method === "accounts/login-start") logins++;
      const result = await call();
      if (method === "accounts/password-finish" && isCut) throw new Error("the answer is lost");
      // What would tell that the new one holds is lost, too.
      if (method === "accounts/login-finish" && isCut && logins > 2) throw new Error("lost");
      return result;
    },
  });
  await using own = await device(world);
  await using second = await device(world);
  await withClient(registerClient(own.options()), async (client) => {
    await withClient(logInClient(second.options()), connects);
    await assert.rejects(client.changePassword({ from: "first password", to: "new password" }));
  });
  isCut = false;
  const formerPassword = "first password";
  await withClient(
    logInClient({ ...second.options("new password"), formerPassword }),
    (other) => other.changePassword({ from: "new password", to: "third password" }),
  );
  logins = 0;
  for (let again = 0; again < 2; again++) {
    await withClient(openClient(own.options("new password")), connects);
    await withClient(openClient(own.options("first password")), connects);
  }
  assert.equal(logins, 2);
  await withClient(
    logInClient({ ...own.options("third password"), formerPassword: "new password" }),
    connects,
  );
  await withClient(openClient(own.options("third password")), connects);
  for (const former of ["first password", "new password"]) {
    await refusedWith("store/wrong-password", openClient(own.options(former)));
  }
  // The next change asks anew.
  logins = 1;
  isCut = true;
  await withClient(openClient(own.options("third password")), (client) =>
    assert.rejects(
      client.changePassword({ from: "third password", to: "fourth password" }),
    ));
  isCut = false;
  await withClient(openClient(own.options("fourth password")), connects);
  await refusedWith("store/wrong-password", openClient(own.options("third password")));
});

Deno.test("changePassword() whose answer was lost finds out, and settles", async () => {
  let isLost = false;
  await using world = await openDeviceWorld({
    tamper: async (method, call) => {
      const result = await call();
      if (method !== "accounts/password-finish" || isLost) return result;
      isLost = true;
      throw new Error("the answer is lost");
    },
  });
  await using own = await device(world);
  await withClient(registerClient(own.options()), async (client) => {
    await client.changePassword({ from: "first password", to: "new password" });
  });
  assert.equal(isLost, true);
  await refusedWith("store/wrong-password", openClient(own.options()));
  await withClient(openClient(own.options("new password")), connects);
});

Deno.test("changePassword() that the server refuses leaves the old password alone", async () => {
  await using world = await openDeviceWorld({
    tamper: async (method, call) => {
      if (method !== "accounts/password-finish") return await call();
      throw new MessengerError("accounts/not-fresh", "another device was first");
    },
  });
  await using own = await device(world);
  await withClient(registerClient(own.options()), async (client) => {
    const change = client.changePassword({ from: "first password", to: "new password" });
    await refusedWith("accounts/not-fresh", change);
  });
  await refusedWith("store/wrong-password", openClient(own.options("new password")));
  await withClient(openClient(own.options()), connects);
});

function copyFolder(from: string, to: string): void {
  Deno.mkdirSync(to, { recursive: true });
  for (const { name, isDirectory } of [...Deno.readDirSync(from)]) {
    if (isDirectory) copyFolder(`${from}/${name}`, `${to}/${name}`);
    else Deno.copyFileSync(`${from}/${name}`, `${to}/${name}`);
  }
}
