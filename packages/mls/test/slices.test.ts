import assert from "node:assert/strict";
import { AssertionFailure } from "@qpq/ports";
import type { CipherSuite } from "../crypto/provider.ts";
import { encryptMessage, epochAuthenticator } from "../group/application.ts";
import { createCommit, type CreatedCommit } from "../group/create-commit.ts";
import { createProposal } from "../group/create-proposal.ts";
import { joinByExternalCommit } from "../group/external-commit.ts";
import { createGroupInfo, ratchetTree } from "../group/group-info.ts";
import type { OwnKeyPackage } from "../group/identity.ts";
import { joinGroup } from "../group/join.ts";
import { processMessage } from "../group/process-message.ts";
import { recordsOf } from "../group/records.ts";
import { type GroupState, retire } from "../group/state.ts";
import { parseGroupInfo, parseRatchetTreePausing, validateGroupInfoPausing } from "../public.ts";
import { sameBytes } from "../tree/validation.ts";
import { CIPHER_SLICE_BYTES, CODEC_SLICE_BYTES, type Pause } from "../slices.ts";
import { copyOf } from "./attack.ts";
import { flipped } from "./forge.ts";
import { acceptAll, addOf, commitOptions, createMembers, CRYPTO } from "./members.ts";
import { identityOf, keyPackageOf, random } from "./members.ts";

/** With credentials of this length, few joiners make a long commit: longer than the longest slice. */
const NAME_LENGTH = 30_000;
const JOINERS_COUNT = 45;
const DATA = Uint8Array.of(1, 2, 3);

interface Large {
  readonly alice: GroupState;
  readonly bob: GroupState;
  readonly carol: GroupState;
  readonly joiner: OwnKeyPackage;
  readonly proposals: readonly ReturnType<typeof addOf>[];
}

async function prepare(): Promise<Large> {
  const [alice, bob, carol] = await createMembers(3) as [GroupState, GroupState, GroupState];
  const joiners: OwnKeyPackage[] = [];
  for (let index = 0; index < JOINERS_COUNT; index++) {
    joiners.push(await keyPackageOf(identityOf(`${index}`.padEnd(NAME_LENGTH, "."))));
  }
  return { alice, bob, carol, joiner: joiners[0] as OwnKeyPackage, proposals: joiners.map(addOf) };
}

const large = await prepare();
const made = await createCommit(copyOf(large.alice), commitOptionsOf("private-message"));
const madePublic = await createCommit(copyOf(large.alice), commitOptionsOf("public-message"));

function commitOptionsOf(wireFormat: "private-message" | "public-message", pause?: Pause) {
  return { ...commitOptions, proposals: large.proposals, wireFormat, ...pause && { pause } };
}

/** All that would be stored of a state. Compared as one string: a diff of megabytes helps nobody. */
function snapshotOf(state: GroupState): string {
  return recordsOf(state).put.map(([key, value]) => `${key.join("/")} ${value.toHex()}`).join();
}

/** Counts pauses, and does something in one of them. */
function pausing(at = -1, intrude: () => unknown = () => {}) {
  const counted = { count: 0 };
  const pause = async (): Promise<void> => {
    if (counted.count++ === at) await intrude();
  };
  return { counted, pause };
}

/** Of so many pauses the last ones, where keys are used, and some before. */
function someOf(count: number): readonly number[] {
  return Array.from({ length: count }, (_, at) => at)
    .filter((at) => at % 8 === 0 || at > count - 5);
}

/** What happens, in order: pauses, signatures, and where something long begins and ends. */
function noting(inner: CipherSuite) {
  const notes: string[] = [];
  const crypto: CipherSuite = {
    ...inner,
    sign(...parameters) {
      notes.push("sign");
      return inner.sign(...parameters);
    },
    verify(...parameters) {
      notes.push("verify");
      return inner.verify(...parameters);
    },
    *aeadSealing(input) {
      notes.push("sealing");
      const sealed = yield* inner.aeadSealing(input);
      notes.push("sealed");
      return sealed;
    },
    *aeadOpening(input) {
      notes.push("opening");
      const opened = yield* inner.aeadOpening(input);
      notes.push("opened");
      return opened;
    },
  };
  const pause = (): Promise<void> => {
    notes.push("pause");
    return Promise.resolve();
  };
  /** Pauses between two notes; from the beginning, or to the end, where one is not given. */
  const pausesBetween = (from: string | undefined, to: string | undefined): number => {
    const start = from === undefined ? 0 : notes.indexOf(from) + 1;
    const end = to === undefined ? notes.length : notes.indexOf(to, start);
    assert(start >= 0 && end >= start, notes.join(" "));
    return notes.slice(start, end).filter((each) => each === "pause").length;
  };
  return { crypto, pause, pausesBetween };
}

const slicesOf = (bytes: Uint8Array, sliceBytes: number): number =>
  Math.floor(bytes.length / (sliceBytes + NAME_LENGTH * 2));

Deno.test("a long commit is decoded, decrypted, encoded and encrypted in slices", async () => {
  assert(made.commit.length > CIPHER_SLICE_BYTES);
  const codecSlices = slicesOf(made.commit, CODEC_SLICE_BYTES);
  assert(codecSlices >= 3);

  const whole = noting(CRYPTO);
  await processMessage({ ...large.bob, crypto: whole.crypto }, madePublic.commit, {
    ...acceptAll,
    pause: whole.pause,
  });
  assert(whole.pausesBetween(undefined, "verify") >= codecSlices);

  const encrypted = noting(CRYPTO);
  await processMessage({ ...large.bob, crypto: encrypted.crypto }, made.commit, {
    ...acceptAll,
    pause: encrypted.pause,
  });
  assert(encrypted.pausesBetween("opening", "opened") >= 1);
  assert(encrypted.pausesBetween("opened", "verify") >= codecSlices);
  // The signature took long, too: others have their turn before the Adds are looked at.
  assert(encrypted.pausesBetween("verify", "verify") >= 1);

  const creating = noting(CRYPTO);
  await createCommit(
    copyOf({ ...large.alice, crypto: creating.crypto }),
    commitOptionsOf("private-message", creating.pause),
  );
  // Of the leaf and of the commit, which was encoded, and decoded to see that it can be.
  assert(creating.pausesBetween("sign", "sign") >= 2 * codecSlices);
  // The Welcome's first.
  assert(creating.pausesBetween("sealing", "sealed") >= 1);
  assert(creating.pausesBetween("sealed", undefined) >= 2);
});

Deno.test("a long Welcome, GroupInfo and tree are decoded and encoded in slices", async () => {
  const welcome = made.welcome as Uint8Array;
  const codecSlices = slicesOf(welcome, CODEC_SLICE_BYTES);
  const joining = noting(CRYPTO);
  const { state } = await joinGroup(joining.crypto, welcome, {
    ...acceptAll,
    keyPackages: [large.joiner],
    pause: joining.pause,
  });
  assert(joining.pausesBetween("opening", "opened") >= 1);
  assert(joining.pausesBetween("opened", "verify") >= codecSlices);

  const describing = noting(CRYPTO);
  const info = await createGroupInfo({ ...state, crypto: describing.crypto }, describing);
  assert(describing.pausesBetween(undefined, "sign") >= codecSlices);

  const entering = noting(CRYPTO);
  await joinByExternalCommit(entering.crypto, info, {
    ...commitOptions,
    identity: identityOf("dave"),
    pause: entering.pause,
  });
  assert(entering.pausesBetween(undefined, "verify") >= codecSlices);

  const writing = noting(CRYPTO);
  const tree = await ratchetTree(state, writing);
  assert(writing.pausesBetween(undefined, undefined) >= codecSlices);
  const reading = noting(CRYPTO);
  await parseRatchetTreePausing(tree, reading);
  assert(reading.pausesBetween(undefined, undefined) >= codecSlices);
  const validating = noting(CRYPTO);
  const described = parseGroupInfo(await createGroupInfo(state, { ratchetTree: false }));
  await validateGroupInfoPausing(validating.crypto, described, {
    ratchetTree: tree,
    pause: validating.pause,
  });
  assert(validating.pausesBetween(undefined, "verify") >= codecSlices);
});

Deno.test("a short message has no pause: only the caller's answers are waited for", async () => {
  const [alice, bob] = await createMembers(3) as [GroupState, GroupState];
  const { counted, pause } = pausing();
  const commit = await createCommit(alice, { ...commitOptions, pause });
  await processMessage(bob, commit.commit, { ...acceptAll, pause });
  await createGroupInfo(bob, { pause });
  assert.equal(counted.count, 0);
});

Deno.test("what comes in while a long commit is processed changes neither it nor the state", async () => {
  const { carol } = large;
  const tampered = flipped(made.commit, made.commit.length - 1);
  const later = encryptMessage(copyOf(carol), DATA, { random }).message;
  const proposed = await createProposal(
    copyOf(carol),
    { kind: "remove", removed: 0 },
    commitOptions,
  );
  for (const commit of [made, madePublic]) {
    const { counted, pause } = pausing();
    await processMessage(copyOf(large.bob), commit.commit, { ...acceptAll, pause });
    assert(counted.count >= 5);
    for (const at of someOf(counted.count)) {
      const bob = copyOf(large.bob);
      const before = snapshotOf(bob);
      const received = commit.commit.slice();
      let intruded = 0;
      const intruding = pausing(at, async () => {
        intruded++;
        // The buffer is somebody else's again, and holds a hostile message.
        received.fill(0xff);
        await assert.rejects(processMessage(bob, tampered, acceptAll));
        await assert.rejects(processMessage(bob, received, acceptAll), { code: "malformed" });
        const read = await processMessage(bob, later, acceptAll);
        assert.equal(read.kind, "application");
        const waiting = await processMessage(bob, proposed.message, acceptAll);
        assert.equal(waiting.kind, "proposal");
      });
      const outcome = await processMessage(bob, received, { ...acceptAll, pause: intruding.pause });
      assert.equal(intruded, 1);
      assert.equal(outcome.kind, "commit-staged");
      if (outcome.kind !== "commit-staged") return;
      assert.deepEqual(
        epochAuthenticator(outcome.staged.next),
        epochAuthenticator(commit.staged.next),
      );
      assert(sameBytes(outcome.staged.message, commit.commit));
      assert(snapshotOf(bob) === before);
    }
  }
});

Deno.test("a long commit that is refused, or stopped in any pause, changes nothing", async () => {
  const bob = copyOf(large.bob);
  const before = snapshotOf(bob);
  const { counted, pause } = pausing();
  const refused = { ...acceptAll, pause, policy: () => Promise.resolve("not that many") };
  await assert.rejects(processMessage(bob, made.commit, refused), { code: "mls/commit-refused" });
  assert(snapshotOf(bob) === before);
  const stop = new Error("enough");
  for (const at of someOf(counted.count)) {
    const stopping = pausing(at, () => Promise.reject(stop));
    const options = { ...acceptAll, pause: stopping.pause };
    await assert.rejects(processMessage(bob, made.commit, options), stop);
    assert(snapshotOf(bob) === before);
  }
  const outcome = await processMessage(bob, made.commit, acceptAll);
  assert.equal(outcome.kind, "commit-staged");
});

Deno.test("a state that is retired in any pause is noticed: no other reason is given", async () => {
  const { counted, pause } = pausing();
  await processMessage(copyOf(large.bob), made.commit, { ...acceptAll, pause });
  for (const at of someOf(counted.count)) {
    const bob = copyOf(large.bob);
    const retiring = pausing(at, () => retire(bob, undefined));
    const options = { ...acceptAll, pause: retiring.pause };
    await assert.rejects(processMessage(bob, made.commit, options), AssertionFailure);
  }
  const carol = copyOf(large.carol);
  const { message } = encryptMessage(copyOf(large.bob), DATA, { random });
  const reading: GroupState = {
    ...carol,
    readSecretPath: (tree) => {
      retire(carol, undefined);
      return Promise.resolve(tree);
    },
  };
  await assert.rejects(processMessage(reading, message, acceptAll), AssertionFailure);
});

Deno.test("in any pause of a long commit that is made: no key is used twice, none is lost", async () => {
  const options = (pause: Pause) => commitOptionsOf("private-message", pause);
  const { counted, pause } = pausing();
  await createCommit(copyOf(large.alice), options(pause));
  let refusedCount = 0;
  const places = someOf(counted.count);
  for (const at of places) {
    // Stopped: the key is still there.
    const stopped = copyOf(large.alice);
    const stop = new Error("enough");
    const stopping = pausing(at, () => Promise.reject(stop));
    await assert.rejects(createCommit(stopped, options(stopping.pause)), stop);
    await createProposal(stopped, { kind: "remove", removed: 2 }, commitOptions);
    // Retired: nothing leaves.
    const retired = copyOf(large.alice);
    const retiring = pausing(at, () => retire(retired, undefined));
    await assert.rejects(createCommit(retired, options(retiring.pause)), AssertionFailure);
    // Another message that needs the same key: one of the two is refused.
    const shared = copyOf(large.alice);
    const remove = { kind: "remove", removed: 2 } as const;
    let isRefused = false;
    const racing = pausing(at, async () => {
      try {
        await createProposal(shared, remove, commitOptions);
      } catch (error) {
        assert(error instanceof AssertionFailure);
        isRefused = true;
      }
    });
    let created: CreatedCommit | undefined;
    try {
      created = await createCommit(shared, options(racing.pause));
    } catch (error) {
      assert(error instanceof AssertionFailure);
    }
    assert.equal(created !== undefined, isRefused);
    if (isRefused) refusedCount++;
  }
  assert(refusedCount >= 1 && refusedCount < places.length);
});
