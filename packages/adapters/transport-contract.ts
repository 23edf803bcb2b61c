import assert from "node:assert/strict";
import {
  type Connection,
  type HostPort,
  isErrorCode,
  type Listener,
  MessengerError,
  type Stream,
  type Transport,
} from "@qpq/ports";

/** A pair of ends to test: something that dials, and something that it reaches. */
export interface TransportUnderTest extends AsyncDisposable {
  readonly transport: Transport;
  /** The same, but soon done with what does not answer. */
  readonly impatient: Transport;
  readonly listener: Listener;
  /** Where nothing answers. */
  readonly nowhere: HostPort;
  /** Streams that one side may have open at a time. */
  readonly streamsMax: number;
}

/**
 * What `packages/ports/transport.ts` promises, checked of any implementation.
 * @param open a fresh pair for each test
 */
export function testTransport(name: string, open: () => Promise<TransportUnderTest>): void {
  const test = (behaviour: string, run: (pair: TransportUnderTest) => Promise<void>): void => {
    Deno.test(`${name}: ${behaviour}`, async () => {
      await using pair = await open();
      await run(pair);
    });
  };

  test("a stream carries bytes both ways, in order and complete", async (pair) => {
    const [client, server] = await connect(pair);
    const near = await client.openStream();
    const sent = pattern(300_000);
    const writing = near.write(sent).then(() => near.end());
    const far = await accept(server);
    const received = await readAll(far);
    await writing;
    assert.ok(Buffer.compare(received, sent) === 0);
    await far.write(pattern(10));
    await far.end();
    assert.deepEqual(await readAll(near), pattern(10));
  });

  test("read() fills the room that it is given, and gives the buffer back as it was", async (pair) => {
    const [near, far] = await openPair(pair);
    await near.write(pattern(10));
    const first = await far.read(new Uint8Array(new ArrayBuffer(16), 2, 4));
    assert.deepEqual([...first], [...pattern(4)]);
    assert.equal(first.byteOffset, 2);
    const second = await far.read(new Uint8Array(first.buffer, 6));
    assert.equal(second.byteOffset, 6);
    assert.equal(second.buffer.byteLength, 16);
    assert.deepEqual([...new Uint8Array(second.buffer, 2, 10)], [...pattern(10)]);
  });

  test("streams do not wait for one another", async (pair) => {
    const [client, server] = await connect(pair);
    const blocked = await client.openStream();
    await blocked.write(pattern(1));
    const unread = await accept(server);
    const filling = blocked.write(new Uint8Array(8 * 1024 * 1024));
    filling.catch(() => {});
    const free = await client.openStream();
    await free.write(pattern(3));
    const far = await accept(server);
    assert.equal((await far.read(new Uint8Array(16))).length, 3);
    unread.abort();
    blocked.abort();
    await assert.rejects(filling);
  });

  test("write() waits for a receiver that does not read", async (pair) => {
    const [near, far] = await openPair(pair);
    let written = 0;
    const writing = (async () => {
      for (let count = 0; count < 64; count++) {
        await near.write(new Uint8Array(256 * 1024));
        written += 256 * 1024;
      }
    })();
    writing.catch(() => {});
    const before = await atRest(() => written);
    assert.ok(before < 4 * 1024 * 1024, `${before} bytes were taken and nobody read`);
    let read = 0;
    let buffer = new ArrayBuffer(64 * 1024);
    while (read < 64 * 256 * 1024) {
      const bytes = await far.read(new Uint8Array(buffer));
      assert.notEqual(bytes.length, 0);
      read += bytes.length;
      buffer = bytes.buffer;
    }
    await writing;
  });

  test("end() ends one half only", async (pair) => {
    const [near, far] = await openPair(pair);
    await near.end();
    await near.end();
    assert.equal((await readAll(far)).length, 0);
    await far.write(pattern(5));
    assert.deepEqual(await near.read(new Uint8Array(8)), pattern(5));
  });

  test("abort() ends both halves, here and there", async (pair) => {
    const [near, far] = await openPair(pair);
    const reading = near.read(new Uint8Array(8));
    near.abort();
    near.abort();
    await refused(reading, "transport/closed");
    await refused(near.write(pattern(1)), "transport/closed");
    assert.equal((await far.read(new Uint8Array(8)).catch(() => new Uint8Array(0))).length, 0);
    // The other side's writing ends as soon as it has been told.
    await assert.rejects(async () => {
      for (let count = 0; count < 500; count++) {
        await far.write(pattern(1000));
        await quiet();
      }
    });
  });

  test("close() tells the other side the code and the reason, once", async (pair) => {
    const [client, server] = await connect(pair);
    client.close(7, "because");
    client.close(8, "too late");
    const there = await server.closed;
    assert.equal(there.code, 7);
    assert.equal(there.reason, "because");
    assert.equal(there.error?.code, "transport/closed");
    const here = await client.closed;
    assert.deepEqual(here, { code: 7, reason: "because", error: undefined });
  });

  test("close() fails what waits: reads, writes, opening and accepting", async (pair) => {
    const [client, server] = await connect(pair);
    const near = await client.openStream();
    await near.write(pattern(1));
    const far = await accept(server);
    const waits = [
      refused(near.read(new Uint8Array(8)), "transport/closed"),
      refused(near.write(new Uint8Array(16 * 1024 * 1024)), "transport/closed"),
    ];
    await far.read(new Uint8Array(8));
    const accepting = client.acceptStream();
    server.close(1, "over");
    await Promise.all(waits);
    assert.equal(await accepting, undefined);
    assert.equal(await server.acceptStream(), undefined);
    await refused(client.openStream(), "transport/closed");
    await refused(near.write(pattern(1)), "transport/closed");
    await assert.rejects(far.write(pattern(1)));
  });

  test("openStream() waits at the limit, and streams that are over make room", async (pair) => {
    const [client, server] = await connect(pair);
    const near: Stream[] = [];
    const far: Stream[] = [];
    for (let count = 0; count < pair.streamsMax; count++) {
      const stream = await client.openStream();
      await stream.write(pattern(1));
      near.push(stream);
      far.push(await accept(server));
    }
    const cancel = new AbortController();
    const cancelled = refused(client.openStream({ signal: cancel.signal }), "cancelled");
    let opened = false;
    const opening = client.openStream().then((stream) => {
      opened = true;
      return stream;
    });
    await quiet();
    assert.equal(opened, false);
    cancel.abort();
    await cancelled;
    for (const stream of [...near.slice(1), ...far.slice(1)]) stream.abort();
    await (await opening).write(pattern(1));
  });

  test("connect() to nowhere says that nothing answers", async ({ impatient, nowhere }) => {
    await refused(impatient.connect(nowhere), "transport/unreachable");
  });

  test("connect() stops when it is aborted", async ({ transport, nowhere }) => {
    const signal = AbortSignal.timeout(50);
    await refused(transport.connect(nowhere, { signal }), "cancelled");
    await refused(transport.connect(nowhere, { signal: AbortSignal.abort() }), "cancelled");
  });

  test("stop() leaves open connections alone; disposing closes them", async (pair) => {
    const [client, server] = await connect(pair);
    pair.listener.stop();
    assert.equal(await pair.listener.accept(), undefined);
    const near = await client.openStream();
    await near.write(pattern(2));
    assert.equal((await (await accept(server)).read(new Uint8Array(4))).length, 2);
    await pair.listener[Symbol.asyncDispose]();
    assert.equal((await client.closed).error?.code, "transport/closed");
  });
}

async function connect(pair: TransportUnderTest): Promise<readonly [Connection, Connection]> {
  const [client, server] = await Promise.all([
    pair.transport.connect(pair.listener.address),
    pair.listener.accept(),
  ]);
  assert.ok(server !== undefined);
  return [client, server];
}

async function openPair(pair: TransportUnderTest): Promise<readonly [Stream, Stream]> {
  const [client, server] = await connect(pair);
  const near = await client.openStream();
  await near.write(pattern(1));
  const far = await accept(server);
  await far.read(new Uint8Array(1));
  return [near, far];
}

async function accept(connection: Connection): Promise<Stream> {
  const stream = await connection.acceptStream();
  assert.ok(stream !== undefined);
  return stream;
}

async function readAll(stream: Stream): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for (;;) {
    const bytes = await stream.read(new Uint8Array(8192));
    if (bytes.length === 0) return Uint8Array.from(Buffer.concat(pieces));
    pieces.push(bytes);
  }
}

async function refused(promise: Promise<unknown>, code: string): Promise<void> {
  assert.ok(isErrorCode(code));
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof MessengerError, String(error));
    assert.equal(error.code, code);
    return true;
  });
}

function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => index % 251);
}

/** What a number comes to when it no longer changes. */
async function atRest(value: () => number): Promise<number> {
  for (;;) {
    const before = value();
    for (let count = 0; count < 4; count++) await quiet();
    if (value() === before) return before;
  }
}

/** Long enough for what was started to come to rest; nothing depends on how long exactly. */
function quiet(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 60));
}
