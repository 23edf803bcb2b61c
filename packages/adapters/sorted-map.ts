/**
 * Keys of the stores as strings of the same bytes (one UTF-16 unit a byte): they compare in the
 * order of the bytes, hash, and cost a byte each.
 */
export function keyText(key: Uint8Array): string {
  return String.fromCharCode.apply(null, key as unknown as number[]);
}

export function keyBytes(text: string): Uint8Array<ArrayBuffer> {
  const key = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) key[index] = text.charCodeAt(index);
  return key;
}

/** Keys from `from`, itself included, and below `to`. */
export interface KeySpan {
  readonly from: string;
  /** `undefined`: no upper end. */
  readonly to: string | undefined;
  readonly reverse: boolean;
}

/** Keys a leaf holds at most; it is split in two above that. */
const LEAF_KEYS_MAX = 256;

interface Leaf<Value> {
  readonly keys: string[];
  readonly values: Value[];
}

/**
 * A map sorted by its keys: a list of sorted leaves. A look-up costs two binary searches. Numbers as
 * values stay unboxed, so that millions of keys fit in memory.
 */
export class SortedMap<Value> {
  readonly #leaves: Leaf<Value>[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: string): Value | undefined {
    const leaf = this.#leaves[this.#leafOf(key)];
    if (leaf === undefined) return undefined;
    const index = lowerBound(leaf.keys, key);
    return leaf.keys[index] === key ? leaf.values[index] : undefined;
  }

  has(key: string): boolean {
    const leaf = this.#leaves[this.#leafOf(key)];
    return leaf !== undefined && leaf.keys[lowerBound(leaf.keys, key)] === key;
  }

  set(key: string, value: Value): void {
    const position = this.#leafOf(key);
    const leaf = this.#leaves[position];
    if (leaf === undefined) {
      this.#leaves.push({ keys: [key], values: [value] });
      this.#size = 1;
      return;
    }
    const index = lowerBound(leaf.keys, key);
    if (leaf.keys[index] === key) {
      leaf.values[index] = value;
      return;
    }
    // Keys often arrive in order: at the end of a leaf they are appended, and the leaf stays full.
    leaf.keys.splice(index, 0, key);
    leaf.values.splice(index, 0, value);
    this.#size++;
    if (leaf.keys.length <= LEAF_KEYS_MAX) return;
    const middle = index === LEAF_KEYS_MAX ? LEAF_KEYS_MAX : LEAF_KEYS_MAX / 2;
    this.#leaves.splice(position + 1, 0, {
      keys: leaf.keys.splice(middle),
      values: leaf.values.splice(middle),
    });
  }

  /** @returns whether it was there */
  delete(key: string): boolean {
    const position = this.#leafOf(key);
    const leaf = this.#leaves[position];
    if (leaf === undefined) return false;
    const index = lowerBound(leaf.keys, key);
    if (leaf.keys[index] !== key) return false;
    leaf.keys.splice(index, 1);
    leaf.values.splice(index, 1);
    this.#size--;
    if (leaf.keys.length === 0) this.#leaves.splice(position, 1);
    return true;
  }

  /** The map must not change while it is iterated. */
  *entries(
    span: KeySpan = { from: "", to: undefined, reverse: false },
  ): Generator<[string, Value]> {
    if (span.reverse) return yield* this.#descending(span);
    for (let position = this.#leafOf(span.from); position < this.#leaves.length; position++) {
      const { keys, values } = this.#leaves[position] as Leaf<Value>;
      for (let index = lowerBound(keys, span.from); index < keys.length; index++) {
        const key = keys[index] as string;
        if (span.to !== undefined && key >= span.to) return;
        yield [key, values[index] as Value];
      }
    }
  }

  *#descending(span: KeySpan): Generator<[string, Value]> {
    const last = this.#leaves.length - 1;
    for (
      let position = span.to === undefined ? last : this.#leafOf(span.to);
      position >= 0;
      position--
    ) {
      const leaf = this.#leaves[position];
      if (leaf === undefined) return;
      const end = span.to === undefined ? leaf.keys.length : lowerBound(leaf.keys, span.to);
      for (let index = end - 1; index >= 0; index--) {
        const key = leaf.keys[index] as string;
        if (key < span.from) return;
        yield [key, leaf.values[index] as Value];
      }
    }
  }

  /** The leaf that holds `key`, if any does: the last one that doesn't begin above it, or the first. */
  #leafOf(key: string): number {
    let low = 0;
    let high = this.#leaves.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const first = (this.#leaves[middle] as Leaf<Value>).keys[0] as string;
      if (first <= key) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? 0 : low - 1;
  }
}

/** The first index whose key is not below `key`. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
