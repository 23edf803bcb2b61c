import {
  assert,
  type Entry,
  KEY_BYTES_MAX,
  keyAfterPrefix,
  MessengerError,
  RANGE_BYTES_MAX,
  RANGE_ENTRIES_MAX,
  type RangeOptions,
  type RangePage,
  type StoreReader,
  type StoreTransaction,
  TRANSACTION_BYTES_MAX,
  TRANSACTION_WRITES_MAX,
  VALUE_BYTES_MAX,
} from "@qpq/ports";
import { keyBytes, type KeySpan, keyText, SortedMap } from "./sorted-map.ts";
import type { StoreEngine } from "./store-engine.ts";

/**
 * Writes by key. Sorted only once a range asks for it: most transactions touch a few keys by name.
 */
export class WriteLayer {
  readonly values = new Map<string, Uint8Array | undefined>();
  #sorted: SortedMap<Uint8Array | undefined> | undefined;

  set(key: string, value: Uint8Array | undefined): void {
    this.values.set(key, value);
    this.#sorted?.set(key, value);
  }

  entries(span: KeySpan): Iterable<readonly [string, Uint8Array | undefined]> {
    if (this.#sorted === undefined) {
      this.#sorted = new SortedMap();
      for (const [key, value] of this.values) this.#sorted.set(key, value);
    }
    return this.#sorted.entries(span);
  }
}

/** Reads over the durable state and any layers of writes above it, the topmost first. */
export class Reads implements StoreReader {
  readonly #engine: StoreEngine;
  readonly #layers: readonly WriteLayer[];
  ended = false;

  constructor(engine: StoreEngine, layers: readonly WriteLayer[]) {
    this.#engine = engine;
    this.#layers = layers;
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    this.assertOpen();
    const text = checkedKey(key);
    for (const layer of this.#layers) {
      const value = layer.values.get(text);
      if (value !== undefined) return new Uint8Array(value);
      if (layer.values.has(text)) return undefined;
    }
    return this.#engine.get(text);
  }

  async range(options: RangeOptions): Promise<RangePage> {
    this.assertOpen();
    const { countMax = RANGE_ENTRIES_MAX, reverse = false } = options;
    assert(
      Number.isInteger(countMax) && countMax >= 1 && countMax <= RANGE_ENTRIES_MAX,
      "countMax is from 1 to RANGE_ENTRIES_MAX",
    );
    const span = spanOf(options, reverse);
    if (span.to !== undefined && span.to <= span.from) return { entries: [], more: false };
    let source: Iterable<readonly [string, Uint8Array | undefined]> = this.#engine.scan(span);
    for (const layer of this.#layers.toReversed()) {
      if (layer.values.size > 0) source = merged(copies(layer.entries(span)), source, reverse);
    }
    const entries: Entry[] = [];
    let bytes = 0;
    for (const [text, value] of source) {
      if (value === undefined) continue;
      const size = text.length + value.length;
      if (entries.length === countMax || (entries.length > 0 && bytes + size > RANGE_BYTES_MAX)) {
        return { entries, more: true };
      }
      bytes += size;
      entries.push({ key: keyBytes(text), value });
    }
    return { entries, more: false };
  }

  assertOpen(): void {
    assert(!this.ended, "a transaction or snapshot is not used after its end");
  }
}

export class LaneTransaction extends Reads implements StoreTransaction {
  readonly writes: WriteLayer;
  bytes = 0;

  /** @param below layers of writes that it sees, the topmost first */
  constructor(engine: StoreEngine, below: readonly WriteLayer[]) {
    const writes = new WriteLayer();
    super(engine, [writes, ...below]);
    this.writes = writes;
  }

  put(key: Uint8Array, value: Uint8Array): void {
    if (value.length > VALUE_BYTES_MAX) throw tooLarge(`the value has ${value.length} bytes`);
    this.#write(checkedKey(key), value);
  }

  delete(key: Uint8Array): void {
    this.#write(checkedKey(key), undefined);
  }

  #write(key: string, value: Uint8Array | undefined): void {
    this.assertOpen();
    const before = this.writes.values.get(key);
    const isNew = before === undefined && !this.writes.values.has(key);
    this.bytes += (isNew ? key.length : 0) + (value?.length ?? 0) - (before?.length ?? 0);
    if (this.bytes > TRANSACTION_BYTES_MAX) {
      throw tooLarge(`it writes more than ${TRANSACTION_BYTES_MAX} bytes`);
    }
    this.writes.set(key, value === undefined ? undefined : new Uint8Array(value));
    if (this.writes.values.size > TRANSACTION_WRITES_MAX) {
      throw tooLarge(`it writes more than ${TRANSACTION_WRITES_MAX} keys`);
    }
  }
}

function* copies(
  entries: Iterable<readonly [string, Uint8Array | undefined]>,
): Generator<readonly [string, Uint8Array | undefined]> {
  for (const [key, value] of entries) {
    yield [key, value === undefined ? undefined : new Uint8Array(value)];
  }
}

/** `upper` over `lower`: where both have a key, the upper one's value counts. */
function* merged(
  upper: Iterable<readonly [string, Uint8Array | undefined]>,
  lower: Iterable<readonly [string, Uint8Array | undefined]>,
  reverse: boolean,
): Generator<readonly [string, Uint8Array | undefined]> {
  const above = upper[Symbol.iterator]();
  const below = lower[Symbol.iterator]();
  try {
    let high = above.next();
    let low = below.next();
    while (!high.done || !low.done) {
      if (low.done || (!high.done && high.value[0] === low.value[0])) {
        if (!low.done) low = below.next();
        yield (high as IteratorYieldResult<readonly [string, Uint8Array | undefined]>).value;
        high = above.next();
      } else if (high.done || (low.value[0] < high.value[0]) !== reverse) {
        yield low.value;
        low = below.next();
      } else {
        yield high.value;
        high = above.next();
      }
    }
  } finally {
    // A statement that is left half read would keep its database busy.
    below.return?.();
  }
}

function spanOf(options: RangeOptions, reverse: boolean): KeySpan {
  const prefix = keyText(options.prefix);
  const above = keyAfterPrefix(options.prefix);
  const start = options.start === undefined ? "" : keyText(options.start);
  const ends = [above, options.end].filter((end) => end !== undefined).map(keyText).sort();
  return { from: start > prefix ? start : prefix, to: ends[0], reverse };
}

function checkedKey(key: Uint8Array): string {
  assert(key.length > 0, "a key has at least one byte");
  if (key.length > KEY_BYTES_MAX) throw tooLarge(`the key has ${key.length} bytes`);
  return keyText(key);
}

function tooLarge(state: string): MessengerError {
  return new MessengerError("too-large", `Cannot write in transaction: ${state}`);
}
