import assert from "node:assert/strict";
import type { Notice } from "@qpq/client";
import { noticeText } from "./describe.ts";

Deno.test("noticeText() calls the reader you, and says in words what is missing", () => {
  const lines: readonly (readonly [Notice, string])[] = [
    [{ kind: "members-added", by: "ann", names: ["ben", "cem"] }, "you added ben, cem"],
    [{ kind: "members-added", by: "ben", names: ["ann"] }, "ben added you"],
    [{ kind: "members-removed", by: "ben", names: ["cem"] }, "ben removed cem"],
    [{ kind: "members-left", names: [] }, "nobody left"],
    [{ kind: "member-joined", name: "ben" }, "ben joined"],
    [{ kind: "device-added", name: "ben" }, "ben added a device"],
    [{ kind: "renamed", by: "ann", name: 'a "b"' }, String.raw`you named the group "a \"b\""`],
    [
      { kind: "admins-changed", by: "ben", names: ["ann", "ben"] },
      "ben changed the admins: you, ben",
    ],
    [{ kind: "joined", isEntry: false }, "you are in"],
    [{ kind: "joined", isEntry: true }, "this device is in; what was said before isn't on it"],
    [
      { kind: "gap", count: 1, reason: "expired" },
      "1 entry is missing here: the server keeps it no longer",
    ],
    [
      { kind: "gap", count: 2, reason: "missed" },
      "2 entries are missing here: this device was out",
    ],
    [{ kind: "gap", count: 0, reason: "new" }, "0 entries are missing here: new"],
    [{ kind: "undecryptable", name: "ben", code: "x" }, "a message of ben can't be read (x)"],
    [{ kind: "undecryptable", name: "", code: "x" }, "an entry can't be read (x)"],
  ];
  for (const [notice, text] of lines) assert.equal(noticeText(notice, "ann"), text);
  assert.match(
    noticeText({ kind: "device-added", name: "ann" }, "ann"),
    /^you added a device\. If/,
  );
});
