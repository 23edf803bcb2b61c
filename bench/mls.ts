/**
 * How fast is our MLS against npm ts-mls as it is shipped? Suite 1 on both sides, in one run,
 * alternating, in groups of 2, 100 and 1000; our hybrid suite beside it without a ratio, because ts-mls
 * has another one. Prints medians in milliseconds and how many times faster we are; exits 1 when
 * anything of ours is slower. Then, of a large group: how long
 * our work holds the thread at most where it is told to let others have their turn.
 */
import { runtimeCryptoProvider } from "@qpq/mls";
import type { Contender, Prepared } from "./mls/contender.ts";
import { measureHolds } from "./mls/holds.ts";
import { ourContender } from "./mls/ours.ts";
import { tsMlsContender } from "./mls/ts-mls.ts";

const SUITE_NAME = "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519";
const HYBRID_SUITE = 0x004e;
/** Whole runs for each size: ts-mls needs seconds for the largest. */
const ROUNDS: readonly (readonly [memberCount: number, rounds: number])[] = [
  [2, 15],
  [100, 5],
  [1000, 3],
];
/** Who is added at once, to see for how long nobody else has a turn. */
const JOINERS_COUNT = 4096;
const MESSAGES_COUNT = 200;
const KEY_PACKAGES_COUNT = 20;

const provider = runtimeCryptoProvider();
const contenders: readonly Contender[] = [
  ourContender(provider, 0x0001),
  await tsMlsContender(SUITE_NAME),
  ourContender(provider, HYBRID_SUITE),
];

let isSlower = false;
for (const [memberCount, rounds] of ROUNDS) {
  const times = contenders.map(() => new Map<string, number[]>());
  // The first round is for the compiler.
  for (let round = -1; round < rounds; round++) {
    for (const [index, contender] of contenders.entries()) {
      const measured = await measure(contender, memberCount);
      if (round < 0) continue;
      for (const [name, milliseconds] of measured) {
        const list = times[index]?.get(name) ?? [];
        times[index]?.set(name, [...list, milliseconds]);
      }
    }
  }
  report(memberCount, times);
}
for (const suite of [0x0001, HYBRID_SUITE]) {
  // The first round is for the compiler.
  await measureHolds(provider, suite, KEY_PACKAGES_COUNT);
  const { name } = provider.cipherSuite(suite);
  print(`${JOINERS_COUNT} join, ${name}`.padEnd(64) + "     total  longest hold (ms)");
  for (const { name, totalMs, longestMs } of await measureHolds(provider, suite, JOINERS_COUNT)) {
    print(name.padEnd(64) + totalMs.toFixed(1).padStart(10) + longestMs.toFixed(1).padStart(14));
  }
}
Deno.exit(isSlower ? 1 : 0);

async function measure(
  contender: Contender,
  memberCount: number,
): Promise<ReadonlyMap<string, number>> {
  const results = new Map<string, number>();
  const time = async (name: string, work: () => Promise<unknown>, count = 1): Promise<void> => {
    const start = performance.now();
    for (let index = 0; index < count; index++) await work();
    results.set(name, (performance.now() - start) / count);
  };
  await time("key package", () => contender.keyPackage(), KEY_PACKAGES_COUNT);
  const group: Prepared = await contender.prepare(memberCount);
  await time("add all in one commit", group.addAll);
  await time("join from Welcome", group.join);
  await time("save state", group.save);
  await time("load state", group.load);
  await time("encrypt", group.encrypt, MESSAGES_COUNT);
  await time("decrypt", group.decrypt, MESSAGES_COUNT);
  await time("update: create", group.updateCreate);
  await time("update: process", group.updateProcess);
  if (memberCount > 2) {
    await time("remove: create", group.removeCreate);
    await time("remove: process", group.removeProcess);
  }
  return results;
}

function report(memberCount: number, times: readonly ReadonlyMap<string, readonly number[]>[]) {
  const [ours, theirs, hybrid] = times;
  if (ours === undefined || theirs === undefined || hybrid === undefined) return;
  print(`N = ${memberCount}`.padEnd(24) + "     ours   ts-mls    ratio   hybrid (ms)");
  for (const [name, values] of ours) {
    const [own, other] = [median(values), median(theirs.get(name) ?? [])];
    const ratio = other / own;
    if (ratio < 1) isSlower = true;
    print(
      name.padEnd(24) + own.toFixed(3).padStart(9) + other.toFixed(3).padStart(9) +
        `${ratio.toFixed(1)} x`.padStart(9) +
        median(hybrid.get(name) ?? []).toFixed(3).padStart(9),
    );
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[values.length >> 1] ?? NaN;
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
