/**
 * The lowest layer: the interfaces through which everything else meets the world, the one table of
 * error codes, and the one constant-time comparison. No I/O, no dependency.
 *
 * @module
 */
export * from "./address.ts";
export * from "./assert.ts";
export * from "./body.ts";
export * from "./byte-pool.ts";
export * from "./clock.ts";
export * from "./constant-time.ts";
export * from "./errors.ts";
export * from "./keys.ts";
export * from "./log.ts";
export * from "./random.ts";
export * from "./slices.ts";
export * from "./store.ts";
export * from "./transport.ts";
export * from "./version.ts";
