import type { RecordKey } from "../group/record-codec.ts";
import type { RecordChanges, RecordReader } from "../group/records.ts";

/** Records in memory, as a store would keep them. */
export class RecordMap implements RecordReader {
  readonly #values = new Map<string, Uint8Array>();
  /** Single tree nodes that were read. */
  leavesRead = 0;

  get(keys: readonly RecordKey[]): Promise<readonly (Uint8Array | undefined)[]> {
    this.leavesRead += keys.filter(([kind]) => kind === "tree").length;
    return Promise.resolve(keys.map((key) => this.#values.get(JSON.stringify(key))?.slice()));
  }

  list(prefix: RecordKey): Promise<readonly (readonly [RecordKey, Uint8Array])[]> {
    const found = [...this.#values].map(([name, value]): [RecordKey, Uint8Array] => [
      JSON.parse(name),
      value.slice(),
    ]);
    return Promise.resolve(found.filter(([key]) => isUnder(key, prefix)));
  }

  put(key: RecordKey, value: Uint8Array): void {
    this.#values.set(JSON.stringify(key), value.slice());
  }

  delete(key: RecordKey): void {
    this.#values.delete(JSON.stringify(key));
  }

  deleteUnder(prefix: RecordKey): void {
    for (const name of this.#values.keys()) {
      if (isUnder(JSON.parse(name), prefix)) this.#values.delete(name);
    }
  }

  entries(): readonly (readonly [RecordKey, Uint8Array])[] {
    return [...this.#values].map(([name, value]) => [JSON.parse(name), value.slice()] as const);
  }

  copy(): RecordMap {
    const copy = new RecordMap();
    for (const [key, value] of this.entries()) copy.put(key, value);
    return copy;
  }

  damage(key: RecordKey, how: "version" | "truncated" | "missing"): void {
    const value = this.#values.get(JSON.stringify(key)) as Uint8Array;
    if (how === "missing") this.delete(key);
    else if (how === "truncated") this.put(key, value.slice(0, -1));
    else this.put(key, Uint8Array.of(99, ...value.slice(1)));
  }

  /** Everything that is stored, joined: what a thief of the disk has. */
  dump(): Uint8Array {
    return new Uint8Array([...this.#values.values()].flatMap((value) => [...value]));
  }
}

export function applyChanges(records: RecordMap, changes: RecordChanges): void {
  for (const prefix of changes.deleteUnder) records.deleteUnder(prefix);
  for (const key of changes.delete) records.delete(key);
  for (const [key, value] of changes.put) records.put(key, value);
}

/** Keys and values that a store would have to write. */
export function bytesOfChanges(changes: RecordChanges): number {
  return changes.put.reduce((sum, [key, value]) => sum + value.length + keyLength(key), 0);
}

/** Of a compact tuple encoding: text as it is, numbers in four bytes. */
function keyLength(key: RecordKey): number {
  return key.reduce((sum: number, part) => sum + (typeof part === "number" ? 4 : part.length), 0);
}

function isUnder(key: RecordKey, prefix: RecordKey): boolean {
  return key.length > prefix.length && prefix.every((part, index) => part === key[index]);
}
