import assert from "node:assert/strict";
import { createCommit, mergeStaged } from "./create-commit.ts";
import { encryptMessage, epochAuthenticator } from "./application.ts";
import { createProposal } from "./create-proposal.ts";
import { dropPendingProposals } from "./pending-proposals.ts";
import { processMessage } from "./process-message.ts";
import { changedRecords, loadGroup, recordsOf } from "./records.ts";
import { decodeStaged, encodeStaged } from "./staged-record.ts";
import { type GroupState, retire } from "./state.ts";
import { HYBRID_CIPHER_SUITE } from "../crypto/suites.ts";
import { applyChanges, bytesOfChanges, RecordMap } from "../test/record-map.ts";
import {
  acceptAll,
  commitOptions,
  createMembers,
  NOW_MS,
  provider,
  random,
  receive,
} from "../test/members.ts";

/** DESIGN: "encrypting or decrypting one application message changes records of at most 2 KiB". */
const MESSAGE_CHANGES_BYTES_MAX = 2048;

Deno.test("loadGroup() gives a state that goes on as the stored one would", async () => {
  const [alice, bob] = await createMembers(3) as [GroupState, GroupState];
  const records = new RecordMap();
  applyChanges(records, recordsOf(bob));
  const loaded = await loadGroup(provider, records);
  assert(loaded !== undefined);
  const sent = encryptMessage(alice, new Uint8Array([1, 2, 3]), { random });
  const outcome = await processMessage(loaded, sent.message, acceptAll);
  assert(outcome.kind === "application");
  assert.deepEqual(outcome.data, new Uint8Array([1, 2, 3]));
  assert.equal(records.leavesRead, 1);
  applyChanges(records, changedRecords(loaded, outcome.state));
  const again = await loadGroup(provider, records);
  assert(again !== undefined);
  assert.equal((await processMessage(again, sent.message, acceptAll)).kind, "replayed-generation");
  const update = await createCommit(sent.state, { ...acceptAll, random, nowMs: NOW_MS });
  const staged = await processMessage(again, update.commit, acceptAll);
  assert(staged.kind === "commit-staged");
  const next = mergeStaged(staged.state, staged.staged);
  assert.deepEqual(epochAuthenticator(next), epochAuthenticator(update.staged.next));
  applyChanges(records, changedRecords(again, next));
  const later = await loadGroup(provider, records);
  assert(later !== undefined);
  assert.deepEqual(epochAuthenticator(later), epochAuthenticator(next));
  await later.tree.load();
});
Deno.test("changedRecords() of one message stay below 2 KiB at any group size", async () => {
  // The suite with the longest keys and hashes.
  const crypto = provider.cipherSuite(HYBRID_CIPHER_SUITE);
  const [alice, bob] = await createMembers(33, { crypto }) as [GroupState, GroupState];
  let sender = alice;
  const messages: Uint8Array[] = [];
  for (let index = 0; index < 25; index++) {
    const sent = encryptMessage(sender, new Uint8Array(8), { random });
    const size = bytesOfChanges(changedRecords(sender, sent.state));
    assert(size <= MESSAGE_CHANGES_BYTES_MAX, `encrypting changes ${size} bytes`);
    sender = sent.state;
    messages.push(sent.message);
  }
  // The worst that one message can do: the sender's first, with the most skipped keys.
  const outcome = await processMessage(bob, messages[24] as Uint8Array, acceptAll);
  assert(outcome.kind === "application");
  const size = bytesOfChanges(changedRecords(bob, outcome.state));
  // A tree of 65,536 leaves has 10 levels more than this one; each may add a stored secret.
  const levelsMore = 16 - 6;
  const perLevel = 2 + crypto.hashLength + "epoch node".length + 16 + 4;
  assert(size + levelsMore * perLevel <= MESSAGE_CHANGES_BYTES_MAX, `decrypting: ${size} bytes`);
});

Deno.test("changedRecords() of a commit write its path, not the tree", async () => {
  const [alice, bob] = await createMembers(33) as [GroupState, GroupState];
  const commit = await createCommit(alice, { ...acceptAll, random, nowMs: NOW_MS });
  const outcome = await processMessage(bob, commit.commit, acceptAll);
  assert(outcome.kind === "commit-staged");
  const changes = changedRecords(bob, outcome.staged.next);
  const nodes = changes.put.filter(([[kind]]) => kind === "tree");
  assert.equal(nodes.length, 7);
  assert.deepEqual(changes.deleteUnder, [["epoch"]]);
});

Deno.test("decodeStaged() gives the next epoch beside the stored current one", async () => {
  const [alice, bob] = await createMembers(5) as [GroupState, GroupState];
  const created = await createCommit(alice, { ...acceptAll, random, nowMs: NOW_MS });
  const records = new RecordMap();
  applyChanges(records, recordsOf(created.state));
  const bytes = encodeStaged(created.state, created.staged);
  retire(created.staged.next, created.state);
  const loaded = await loadGroup(provider, records);
  for (const current of [loaded, created.state]) {
    const staged = await decodeStaged(provider, bytes, { current });
    assert(current !== undefined);
    const nodes = changedRecords(current, staged.next).put.filter(([[kind]]) => kind === "tree");
    assert.equal(nodes.length, 4, "merging it writes the path: a leaf and three parents");
    const outcome = await processMessage(bob, created.commit, acceptAll);
    assert(outcome.kind === "commit-staged");
    const next = mergeStaged(created.state, staged);
    assert.deepEqual(epochAuthenticator(next), epochAuthenticator(outcome.staged.next));
    const sent = encryptMessage(next, new Uint8Array([7]), { random });
    const read = await processMessage(outcome.staged.next, sent.message, acceptAll);
    assert.equal(read.kind, "application");
    await next.tree.load();
    const own = await processMessage(created.state, created.commit, {
      ...acceptAll,
      staged: [staged],
    });
    assert.equal(own.kind, "own-commit");
  }
});

Deno.test("loadGroup() refuses records of another version, damaged and missing ones", async () => {
  const [alice] = await createMembers(2) as [GroupState];
  const keys = recordsOf(alice).put.map(([key]) => key);
  for (const key of keys) {
    for (const damage of ["version", "truncated", "missing"] as const) {
      const records = new RecordMap();
      applyChanges(records, recordsOf(alice));
      const isWhole = key[0] === "group" && damage === "missing";
      records.damage(key, damage);
      const load = async (): Promise<unknown> => {
        const state = await loadGroup(provider, records);
        await state?.tree.load();
        await state?.readSecretPath?.(state.secretTree, 1);
        return state;
      };
      if (isWhole) assert.equal(await load(), undefined);
      else await assert.rejects(load, { code: "mls/invalid-record" }, `${key} ${damage}`);
    }
  }
});

Deno.test("changedRecords() delete proposals that were dropped, and loadGroup() keeps their order", async () => {
  const [alice, bob] = await createMembers(4) as [GroupState, GroupState];
  let [sender, state] = [alice, bob];
  for (const removed of [3, 2]) {
    const proposal = { kind: "remove", removed } as const;
    const created = await createProposal(sender, proposal, commitOptions);
    sender = created.state;
    state = (await receive(state, created.message, "proposal")).state;
  }
  const records = new RecordMap();
  applyChanges(records, recordsOf(state));
  const loaded = await loadGroup(provider, records);
  assert(loaded !== undefined);
  // Their length, too: what waits stays bounded over restarts.
  const waiting = (each: GroupState): readonly unknown[] =>
    each.pendingProposals.map(({ reference, bytesCount }) => ({ reference, bytesCount }));
  assert.deepEqual(waiting(loaded), waiting(state));
  applyChanges(records, changedRecords(loaded, dropPendingProposals(loaded)));
  assert.equal((await loadGroup(provider, records))?.pendingProposals.length, 0);
});

Deno.test("decodeStaged() refuses a record that is about no stored group", async () => {
  const [alice] = await createMembers(2) as [GroupState];
  const created = await createCommit(alice, { ...acceptAll, random, nowMs: NOW_MS });
  const bytes = encodeStaged(created.state, { ...created.staged, next: created.state });
  await assert.rejects(decodeStaged(provider, bytes, { current: undefined }), {
    code: "mls/invalid-record",
  });
});
