import assert from "node:assert/strict";
import { type CloseReason, type Connection, type HostPort, MessengerError } from "@qpq/ports";
import { ConnectionTable, type TableOptions } from "./quic-table.ts";

/** A connection of which only the address matters. */
class Caller implements Connection {
  readonly remoteAddress: HostPort;
  readonly closed = new Promise<CloseReason>(() => {});

  constructor(hostname: string) {
    this.remoteAddress = { hostname, port: 1 };
  }

  openStream(): Promise<never> {
    return Promise.reject(new MessengerError("transport/closed", "no streams"));
  }

  acceptStream(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  close(): void {}

  async [Symbol.asyncDispose](): Promise<void> {}
}

function tableOf(options: Omit<TableOptions<Caller>, "refuse">) {
  const refused: string[] = [];
  const table = new ConnectionTable<Caller>({
    ...options,
    refuse: (member, refusal) => void refused.push(`${member.remoteAddress.hostname} ${refusal}`),
  });
  return { table, refused };
}

Deno.test("ConnectionTable.add() refuses the newest in a full table, until one leaves", () => {
  const { table, refused } = tableOf({ max: 2, whenFull: "refuse-newest" });
  const first = new Caller("192.0.2.1");
  assert.ok(table.add(first));
  assert.ok(table.add(new Caller("192.0.2.2")));
  assert.equal(table.add(new Caller("192.0.2.3")), false);
  assert.deepEqual(refused, ["192.0.2.3 table"]);
  assert.ok(table.remove(first));
  assert.equal(table.remove(first), false);
  assert.ok(table.add(new Caller("192.0.2.4")));
});

Deno.test("ConnectionTable.add() drops the oldest of a full table where that is the rule", () => {
  const { table, refused } = tableOf({ max: 2, whenFull: "drop-oldest" });
  const [first, second, third] = ["192.0.2.1", "192.0.2.1", "192.0.2.1"]
    .map((hostname) => new Caller(hostname)) as [Caller, Caller, Caller];
  assert.ok(table.add(first) && table.add(second) && table.add(third));
  assert.deepEqual(refused, ["192.0.2.1 table"]);
  assert.deepEqual([first, second, third].map((member) => table.remove(member)), [
    ...[false, true, true],
  ]);
});

Deno.test("ConnectionTable.add() counts each address, and all of an IPv6 subscriber's as one", () => {
  const { table, refused } = tableOf({ max: 9, perAddressMax: 2, whenFull: "drop-oldest" });
  const first = new Caller("2001:db8:1:2::1");
  assert.ok(table.add(first));
  assert.ok(table.add(new Caller("2001:db8:1:2:ffff::1")));
  assert.equal(table.add(new Caller("2001:db8:1:2::2")), false);
  assert.ok(table.add(new Caller("2001:db8:1:3::1")));
  assert.ok(table.add(new Caller("192.0.2.1")) && table.add(new Caller("192.0.2.1")));
  assert.equal(table.add(new Caller("::ffff:192.0.2.1")), false);
  assert.deepEqual(refused, ["2001:db8:1:2::2 address", "::ffff:192.0.2.1 address"]);
  table.remove(first);
  assert.ok(table.add(new Caller("2001:db8:1:2::3")));
});
