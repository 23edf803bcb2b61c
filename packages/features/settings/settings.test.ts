import assert from "node:assert/strict";
import { openMemoryStore } from "@qpq/adapters";
import { MessengerError } from "@qpq/ports";
import { SETTING_BYTES_MAX, SETTING_NAME_BYTES_MAX, settingsOf } from "./client.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

Deno.test("settingsOf() gives back what was written last, each name its own", async () => {
  await using store = openMemoryStore();
  const settings = settingsOf(store);
  assert.equal(await settings.read("first"), undefined);
  await settings.write("first", bytes("1"));
  await settings.write("second", bytes("2"));
  await settings.write("first", bytes("3"));
  assert.deepEqual(await settings.read("first"), bytes("3"));
  assert.deepEqual(await settings.read("second"), bytes("2"));
});

Deno.test("settingsOf() refuses values and names out of bounds", async () => {
  await using store = openMemoryStore();
  const settings = settingsOf(store);
  await settings.write("n".repeat(SETTING_NAME_BYTES_MAX), new Uint8Array(SETTING_BYTES_MAX));
  await assert.rejects(
    settings.write("large", new Uint8Array(SETTING_BYTES_MAX + 1)),
    (error) => error instanceof MessengerError && error.code === "too-large",
  );
  assert.equal(await settings.read("large"), undefined);
  for (const name of ["", "n".repeat(SETTING_NAME_BYTES_MAX + 1)]) {
    await assert.rejects(
      settings.write(name, new Uint8Array()),
      (error) => error instanceof MessengerError && error.code === "malformed",
    );
    await assert.rejects(
      settings.read(name),
      (error) => error instanceof MessengerError && error.code === "malformed",
    );
  }
});
