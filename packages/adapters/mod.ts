/**
 * Every I/O, a file each: the only code that touches files, sockets, time and randomness.
 *
 * - Time: `systemClock`; `createManualClock` for tests and simulations.
 * - Randomness: `systemRandom`; `createSeededRandom` for tests and simulations.
 * - Transports: `createQuicTransport` dials and `listenQuic` listens; `createMemoryNetwork` does both
 *   inside one process.
 * - Certificates: `openServerCertificate` for a server; `Trust`, `parsePin` and `readCertificates` for
 *   a client.
 * - Stores: `openMemoryStore` for tests and simulations, `runningTwice` over any. Those on disk
 *   stand in `@qpq/adapters/stores`: they load native code, which not every program may.
 *
 * @module
 */
export * from "./clock.ts";
export * from "./clock-manual.ts";
export * from "./log-json.ts";
export * from "./quic-dial.ts";
export * from "./random.ts";
export {
  type CertificateFiles,
  certificatePem,
  openServerCertificate,
  readCertificates,
  readServerCertificate,
  type ServerCertificate,
} from "./tls-certificate.ts";
export { certificateSha256, formatPin, parsePin, type Trust } from "./tls-trust.ts";
export * from "./transport-memory.ts";
export { ALPN, QUIC_LIMITS, type QuicLimits, type QuicRefusal } from "./quic-limits.ts";
export { listenQuic, type QuicListenOptions } from "./quic-listen.ts";
export * from "./store-memory.ts";
export * from "./store-twice.ts";
