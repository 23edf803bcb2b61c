import type { BoundMethod } from "@qpq/capnp";
import { assert } from "@qpq/ports";

/** Finds what a server serves. */
export interface MethodTable<Context> {
  find(interfaceId: bigint, ordinal: number): BoundMethod<Context> | undefined;
}

/** @throws AssertionFailure when two rows are for one method */
export function createMethodTable<Context>(
  methods: readonly BoundMethod<Context>[],
): MethodTable<Context> {
  const interfaces = new Map<bigint, (BoundMethod<Context> | undefined)[]>();
  for (const bound of methods) {
    const { interfaceId, ordinal, name } = bound.method;
    const rows = interfaces.get(interfaceId) ?? [];
    assert(rows[ordinal] === undefined, `${name} is served once`);
    rows[ordinal] = bound;
    interfaces.set(interfaceId, rows);
  }
  return {
    find: (interfaceId, ordinal) => interfaces.get(interfaceId)?.[ordinal],
  };
}
