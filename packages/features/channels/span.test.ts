import assert from "node:assert/strict";
import type { StoredHead, StoredMember } from "./channels.gen.ts";
import { lastReadable, readableAfter } from "./span.ts";

const EMPTY = new Uint8Array();

function head(sequence: number, firstSequence: number): StoredHead {
  const rest = { epoch: 1, commitSequence: 1, committer: EMPTY, membersCount: 1, successor: EMPTY };
  return { ...rest, sequence, firstSequence, usage: [] };
}

function member(...spans: readonly (readonly [from: number, to: number])[]): StoredMember {
  return {
    spans: spans.map(([from, to]) => ({ from, to })),
    entriesCount: 0,
    entriesBytes: 0,
    addedBy: EMPTY,
  };
}

/** All that a reader gets behind `after`, page by page. */
function story(at: StoredHead, of: StoredMember, after = 0): readonly string[] {
  const lines: string[] = [];
  for (let cursor = after;;) {
    const { from, to, gap, isLast } = readableAfter(at, of, cursor);
    if (gap !== undefined) lines.push(`gap ${gap.from}-${gap.to} ${gap.reason}`);
    if (to >= from) lines.push(`${from}-${to}`);
    const reached = Math.max(to, gap?.to ?? 0);
    if (reached <= cursor || reached >= lastReadable(at, of)) {
      return isLast ? [...lines, "over"] : lines;
    }
    cursor = reached;
  }
}

Deno.test("readableAfter() gives each stay of an account, and says of the rest why it is not there", () => {
  const twice = member([3, 5], [9, 0]);
  assert.deepEqual(story(head(12, 1), twice), [
    "gap 1-2 notMember",
    "3-5",
    "gap 6-8 notMember",
    "9-12",
  ]);
  assert.deepEqual(story(head(12, 1), twice, 4), ["5-5", "gap 6-8 notMember", "9-12"]);
  assert.deepEqual(story(head(12, 5), twice, 2), [
    "gap 3-4 expired",
    "5-5",
    "gap 6-8 notMember",
    "9-12",
  ]);
  // A stay that is swept whole: the gap ends with it.
  const swept = ["gap 1-5 expired", "gap 6-8 notMember", "9-12"];
  assert.deepEqual(story(head(12, 8), twice), swept);
  assert.deepEqual(story(head(12, 13), twice, 9), ["gap 10-12 expired"]);
  assert.deepEqual(story(head(12, 1), twice, 12), []);
});

Deno.test("readableAfter() is over for a former member with its last stay, and says no more", () => {
  const gone = member([1, 2], [5, 6]);
  assert.deepEqual(story(head(20, 1), gone), ["1-2", "gap 3-4 notMember", "5-6", "over"]);
  assert.deepEqual(story(head(20, 1), gone, 6), ["over"]);
  assert.deepEqual(story(head(20, 15), gone, 4), ["gap 5-6 expired", "over"]);
  assert.equal(lastReadable(head(20, 1), gone), 6);
  assert.equal(lastReadable(head(20, 1), member([1, 2], [5, 0])), 20);
  assert.equal(readableAfter(head(20, 1), gone, 0).isLast, false);
});
