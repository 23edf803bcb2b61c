import assert from "node:assert/strict";
import { contentOf, enrolled, openDeviceWorld } from "../test/device-world.ts";
import { writeDirectory } from "./directory.ts";

Deno.test("of an account that is deleted nothing stays, its directory included", async () => {
  await using world = await openDeviceWorld();
  const empty = await contentOf(world.store);
  const alice = await enrolled(world, "alice");
  const content = { conversations: [], pins: [] };
  await writeDirectory(alice.home, { version: 0, content }, alice);
  await world.accounts.admin.delete("alice");
  assert.equal(await contentOf(world.store), empty);
});
