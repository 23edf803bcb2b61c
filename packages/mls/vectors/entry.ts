import assert from "node:assert/strict";
import type { Bytes } from "../crypto/provider.ts";

/** One JSON object of a vector file, read field by field: a missing or mistyped field is a failure. */
export class Entry {
  readonly #fields: Readonly<Record<string, unknown>>;

  constructor(value: unknown) {
    assert.ok(typeof value === "object" && value !== null && !Array.isArray(value), "an object");
    this.#fields = value as Readonly<Record<string, unknown>>;
  }

  has(name: string): boolean {
    return this.#fields[name] !== undefined;
  }

  number(name: string): number {
    const value = this.#fields[name];
    assert.ok(typeof value === "number", `${name} is a number`);
    return value;
  }

  text(name: string): string {
    const value = this.#fields[name];
    assert.ok(typeof value === "string", `${name} is a string`);
    return value;
  }

  hex(name: string): Bytes {
    return Uint8Array.fromHex(this.text(name));
  }

  optionalHex(name: string): Bytes | undefined {
    return this.#fields[name] === null || !this.has(name) ? undefined : this.hex(name);
  }

  object(name: string): Entry {
    return new Entry(this.#fields[name]);
  }

  list(name: string): readonly unknown[] {
    const value = this.#fields[name];
    assert.ok(Array.isArray(value), `${name} is a list`);
    return value;
  }

  objects(name: string): readonly Entry[] {
    return this.list(name).map((value) => new Entry(value));
  }

  /** Of a list of lists of objects, one list. */
  nested(name: string, index: number): readonly Entry[] {
    const value = this.list(name)[index];
    assert.ok(Array.isArray(value), `${name} is a list of lists`);
    return value.map((each) => new Entry(each));
  }

  hexList(name: string): readonly Bytes[] {
    return this.list(name).map((value) => {
      assert.ok(typeof value === "string", `${name} has strings`);
      return Uint8Array.fromHex(value);
    });
  }

  optionalNumbers(name: string): readonly (number | undefined)[] {
    return this.list(name).map((value) => {
      assert.ok(value === null || typeof value === "number", `${name} has numbers`);
      return value ?? undefined;
    });
  }
}

/** Compares bytes by their hex, so that a failure can be read. */
export function assertBytes(actual: Uint8Array | undefined, expected: Uint8Array, what: string) {
  assert.equal(actual?.toHex(), expected.toHex(), what);
}

/** A private key in full length: vectors of P-521 leave out the leading zeros of a scalar. */
export function padded(written: Uint8Array, length: number): Bytes {
  const key = new Uint8Array(Math.max(written.length, length));
  key.set(written, key.length - written.length);
  return key;
}
