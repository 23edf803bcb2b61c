/** `/verify` and `/accept-key`. */
import type { PeerView, Waiting } from "@qpq/client";
import type { Reply } from "../conversations/actions.ts";
import { withoutSign } from "../conversations/actions.ts";
import { UsageError } from "../output.ts";
import type { Repl } from "./repl.ts";
import type { Row } from "./rows.ts";

/** Groups of digits of a safety number in one row. */
const GROUPS_A_ROW = 6;

const STATES: Readonly<Record<PeerView["state"]["kind"], string>> = {
  "first-use": "seen for the first time",
  pinned: "its safety number wasn't compared yet",
  verified: "its safety number was compared",
  changed: "THE ACCOUNT KEY HAS CHANGED",
};

/** @throws UsageError */
export function verifyWords([word, yes, ...more]: readonly string[]) {
  if (word === undefined || more.length > 0 || (yes !== undefined && yes !== "yes")) {
    throw new UsageError("expected /verify NAME, or /verify NAME yes");
  }
  return { name: withoutSign(word, "@"), isCompared: yes !== undefined };
}

export async function verifyKey(
  repl: Repl,
  words: readonly string[],
  waiting: Waiting,
): Promise<Reply> {
  const { name, isCompared } = verifyWords(words);
  const { peers } = repl.account;
  const peer = await peers.fetch(name, waiting);
  if (peer.state.kind === "changed") return changedReply(repl, peer);
  const shown = peer.pinnedKey.toHex();
  // Only what was on the screen can have been compared.
  if (!isCompared || repl.shownKeys.get(peer.name) !== shown) {
    repl.shownKeys.set(peer.name, shown);
    return {
      rows: [
        [{ text: `${peer.name}: ${STATES[peer.state.kind]}` }],
        ...numberRows(peer.safetyNumber),
        [{ text: `Does ${peer.name} see the same, by voice or in person? /verify ${name} yes` }],
      ],
      objects: [peerObject(peer)],
    };
  }
  await peers.markVerified(name, peer.pinnedKey, waiting);
  return {
    rows: [[{ text: `noted: the safety number of ${peer.name} was compared` }]],
    objects: [{ ...peerObject(peer), state: "verified" }],
  };
}

export async function acceptKey(repl: Repl, word: string, waiting: Waiting): Promise<Reply> {
  const { peers } = repl.account;
  const name = withoutSign(word, "@");
  const peer = await peers.fetch(name, waiting);
  const { offered } = peer;
  if (offered === undefined) {
    return {
      rows: [[{ text: `${peer.name} has the key that is known: there is nothing to accept` }]],
      objects: [{ ...peerObject(peer), accepted: false }],
    };
  }
  // Only what was on the screen can be accepted.
  if (repl.shownKeys.get(peer.name) !== offered.accountKey.toHex()) return changedReply(repl, peer);
  await peers.acceptKey(name, offered.accountKey, waiting);
  repl.shownKeys.delete(peer.name);
  return {
    rows: [[{ text: `accepted the new key of ${peer.name}; messages go out again` }]],
    objects: [{ ...peerObject(peer), accepted: true }],
  };
}

function changedReply(repl: Repl, peer: PeerView): Reply {
  const { offered, state } = peer;
  if (offered !== undefined) repl.shownKeys.set(peer.name, offered.accountKey.toHex());
  const isSigned = state.kind === "changed" && state.isSigned;
  return {
    rows: [
      [{ text: `${peer.name}: ${STATES.changed}: nothing is sent there`, style: "warning" }],
      [{
        text: isSigned ? "the known key has signed the change: so would a thief of it" : UNSIGNED,
      }],
      ...offered === undefined ? [] : [
        [{ text: "safety number of the new key:" }],
        ...numberRows(offered.safetyNumber),
        [{
          text: `Does ${peer.name} see the same, by voice or in person? ` +
            `/accept-key ${peer.name}`,
        }],
      ],
    ],
    objects: [peerObject(peer)],
  };
}

const UNSIGNED = "the known key has NOT signed the change: it was lost, or the server lies";

function peerObject({ name, state, safetyNumber, offered }: PeerView): object {
  return {
    name,
    state: state.kind,
    safetyNumber,
    ...offered === undefined ? {} : { offeredSafetyNumber: offered.safetyNumber },
  };
}

function numberRows(number: string): readonly Row[] {
  const groups = number.split(" ");
  return [groups.slice(0, GROUPS_A_ROW), groups.slice(GROUPS_A_ROW)]
    .map((row) => [{ text: `  ${row.join(" ")}` }]);
}
