import assert from "node:assert/strict";
import { openMemoryStore } from "@qpq/adapters";
import { MessengerError } from "@qpq/ports";
import type { Ground } from "./ground.ts";
import type { LiveConversation } from "./live-conversation.ts";
import { Trust } from "./trust.ts";

Deno.test("blockedBy() looks at the members once an epoch, and again after it failed", async () => {
  await using store = openMemoryStore();
  const looked: bigint[] = [];
  let epoch = 1n;
  let isFailing = false;
  const live = {
    get state(): unknown {
      const own = epoch;
      const load = (): Promise<unknown> => {
        looked.push(own);
        return isFailing
          ? Promise.reject(new MessengerError("store/closed", "Cannot read (injected)"))
          : Promise.resolve({ leaves: [] });
      };
      return { context: { epoch }, tree: { load } };
    },
  };
  const trust = new Trust(
    { store, own: {}, leaves: {} } as unknown as Ground,
    live as unknown as LiveConversation,
    { onBehind: () => {} },
  );
  await trust.blockedBy();
  await trust.blockedBy();
  assert.deepEqual(looked, [1n]);
  // Nobody has said that there is another epoch: who came in with it is looked at in spite of that.
  epoch = 2n;
  await Promise.all([trust.blockedBy(), trust.blockedBy()]);
  assert.deepEqual(looked, [1n, 2n]);
  epoch = 3n;
  isFailing = true;
  await assert.rejects(trust.blockedBy(), /injected/);
  isFailing = false;
  assert.deepEqual(await trust.blockedBy(), []);
  assert.deepEqual(looked, [1n, 2n, 3n, 3n]);
});
