/** Other accounts' keys, and the key packages of this device. */
import type { Peers, PeerView } from "@qpq/client";
import { type AccountOptions, openConnected } from "../account-session.ts";
import { type ExitCode, printDiagnostic, printJson, printLine, UsageError } from "../output.ts";
import { askLine, canAsk } from "../prompt.ts";

/** Says what is pinned of an account, and whether the server still gives the same. */
export async function runCheckKey(
  options: AccountOptions & { readonly markVerified?: boolean },
  name: string,
): Promise<ExitCode> {
  await using account = await openConnected(options);
  const { peers } = account.client;
  const peer = await peers.fetch(name);
  const { kind } = peer.state;
  // Nobody has compared what is seen for the first time here.
  const canMark = options.markVerified === true && (kind === "pinned" || kind === "verified");
  if (canMark) await peers.markVerified(name, peer.pinnedKey);
  const shown: PeerView = canMark ? { ...peer, state: { kind: "verified" } } : peer;
  if (options.json) printJson(describePeer(shown));
  else showPeer(shown);
  if (options.markVerified === true && kind === "first-use") {
    printDiagnostic(`qpq: not marked: compare this number with ${peer.name} first`);
  }
  return kind === "changed" || (options.markVerified === true && !canMark) ? 1 : 0;
}

export interface AcceptKeyOptions extends AccountOptions {
  readonly yes?: boolean;
  /** Keeps the pinned key instead. */
  readonly reject?: boolean;
  readonly olderList?: boolean;
}

/** Takes over the key that the account has now, or keeps the pinned one. */
export async function runAcceptKey(options: AcceptKeyOptions, name: string): Promise<ExitCode> {
  await using account = await openConnected(options);
  const { peers } = account.client;
  if (options.olderList === true) return await acceptOlderList(peers, options, name);
  const peer = await peers.fetch(name);
  const { offered } = peer;
  if (offered === undefined) {
    if (options.json) printJson({ ...describePeer(peer), accepted: false });
    else printLine(`${peer.name} has the key that is pinned: there is nothing to accept`);
    return 0;
  }
  if (options.yes !== true) {
    if (!canAsk()) throw new UsageError("expected --yes: nobody can be asked");
    showPeer(peer);
    const answer = await askLine(
      options.reject === true
        ? "Keep the pinned key, and forget the new one? (yes/no) "
        : "Accept the new key? Compare its number first. (yes/no) ",
    );
    if (answer.toLowerCase() !== "yes") return 1;
  }
  if (options.reject === true) {
    await peers.rejectKey(name, offered.accountKey);
    if (options.json) printJson({ ...describePeer(await peers.fetch(name)), accepted: false });
    else printLine(`kept the pinned key of ${peer.name}; the server may offer the other one again`);
    return 0;
  }
  await peers.acceptKey(name, offered.accountKey);
  const accepted = await peers.fetch(name);
  if (options.json) printJson({ ...describePeer(accepted), accepted: true });
  else {
    printLine(`accepted the new key of ${peer.name}`);
    showPeer(accepted);
  }
  return 0;
}

async function acceptOlderList(
  peers: Peers,
  options: AcceptKeyOptions,
  name: string,
): Promise<ExitCode> {
  if (options.yes !== true) {
    if (!canAsk()) throw new UsageError("expected --yes: nobody can be asked");
    printLine(
      `An older list of ${name}'s devices may have one on it that was revoked since. Accept it only`,
    );
    printLine("when the server was restored from a backup, and its operator says so.");
    if (await askLine("Accept it? (yes/no) ") !== "yes") return 1;
  }
  const peer = await peers.acceptOlderList(name);
  if (options.json) printJson({ ...describePeer(peer), accepted: true });
  else showPeer(peer);
  return 0;
}

/** Shows what the server gives of an account, all of it verified. */
export async function runFetchKey(options: AccountOptions, name: string): Promise<ExitCode> {
  await using account = await openConnected(options);
  const peer = await account.client.peers.fetch(name);
  if (options.json) printJson(describePeer(peer));
  else {
    printLine(`${peer.name}: ${WORDS[peer.state.kind]}`);
    printLine(`  account ${peer.accountId.toHex()}`);
    printLine(`  key     ${(peer.offered?.accountKey ?? peer.pinnedKey).toHex()}`);
    for (const id of peer.deviceIds) printLine(`  device  ${id.toHex()}`);
  }
  return 0;
}

/** Stocks the server with what others add this device to groups with. */
export async function runRefreshKeyPackages(options: AccountOptions): Promise<ExitCode> {
  await using account = await openConnected(options);
  const published = await account.client.refreshKeyPackages();
  if (options.json) printJson(published);
  else {
    const last = published.lastResort ? " and a last resort" : "";
    printLine(
      published.singleUse === 0 && !published.lastResort
        ? "the server has enough key packages"
        : `published ${published.singleUse} key packages${last}`,
    );
  }
  return 0;
}

const WORDS: Readonly<Record<PeerView["state"]["kind"], string>> = {
  "first-use": "seen for the first time, and pinned",
  "pinned": "pinned; its safety number wasn't compared yet",
  "verified": "pinned, and its safety number was compared",
  "changed": "THE KEY HAS CHANGED: nothing is sent until the new one is accepted",
};

function showPeer(peer: PeerView): void {
  const { name, state, offered } = peer;
  printLine(`${name}: ${WORDS[state.kind]}`);
  printLine(`  pinned since ${new Date(peer.firstSeenAtMs).toISOString().slice(0, 10)}`);
  printNumber("safety number", peer.safetyNumber);
  if (offered !== undefined) {
    printLine(
      state.kind === "changed" && state.isSigned
        ? "  the pinned key has signed the change: so would a thief of it"
        : "  the pinned key has NOT signed the change",
    );
    printNumber("safety number of the new key", offered.safetyNumber);
    printLine(`Compare the new number with ${name}, not through this server. The same? Then:`);
    printLine(`  qpq accept-key ${name}`);
    printLine(`Not the same? qpq accept-key ${name} --reject keeps the pinned one.`);
  } else if (state.kind !== "verified") {
    printLine(`Compare it with ${name}, not through this server. The same? Then:`);
    printLine(`  qpq check-key ${name} --mark-verified`);
  }
}

/** Twelve groups, three lines. */
function printNumber(title: string, number: string): void {
  printLine(`  ${title}`);
  const groups = number.split(" ");
  for (let start = 0; start < groups.length; start += 4) {
    printLine(`    ${groups.slice(start, start + 4).join(" ")}`);
  }
}

function describePeer(peer: PeerView) {
  const { name, state, safetyNumber, safetyQrText, generation, offered } = peer;
  return {
    name,
    state: state.kind,
    ...state.kind === "changed" ? { isSigned: state.isSigned } : {},
    accountId: peer.accountId.toHex(),
    pinnedKey: peer.pinnedKey.toHex(),
    pinnedAt: new Date(peer.firstSeenAtMs).toISOString(),
    safetyNumber,
    safetyQrText,
    ...offered === undefined ? {} : {
      offeredKey: offered.accountKey.toHex(),
      offeredSafetyNumber: offered.safetyNumber,
    },
    generation,
    deviceIds: peer.deviceIds.map((id) => id.toHex()),
  };
}
