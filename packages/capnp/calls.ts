/**
 * What generated code says about the calls of a Cap'n Proto `interface`, and what it asks of
 * whoever carries them (`packages/rpc`). Types only: this package does no I/O.
 */

/**
 * How a call travels.
 * - `call`: parameters and results are small and share the call stream.
 * - `large`: one stream of its own, because parameters or results may exceed 256 KiB (`$large`).
 * - `subscription`: one stream of its own; one parameter struct, then any number of result structs
 *   until either side ends it (`$subscription`).
 */
export type CallKind = "call" | "large" | "subscription";

/** One method of an interface: its place on the wire and its codecs. Plain data. */
export interface Method<Params, Results> {
  /** The interface's 64-bit id from its schema. */
  readonly interfaceId: bigint;
  /** The method's ordinal in its interface, 0 to 65,535. */
  readonly ordinal: number;
  /** `interface/method` in kebab case, for logs and metrics. */
  readonly name: string;
  readonly kind: CallKind;
  // Methods, not properties: rows of different methods then stand in one list (`BoundMethod`).
  /** @returns one framed message */
  encodeParams(params: Params): Uint8Array;
  decodeParams(frame: Uint8Array): Params;
  encodeResults(results: Results): Uint8Array;
  decodeResults(frame: Uint8Array): Results;
  /** Bytes of a framed parameter or result message at most; larger ones are refused unread. */
  readonly paramsBytesMax: number;
  readonly resultsBytesMax: number;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds until the call fails with `rpc/deadline`; the carrier has a default. */
  readonly timeoutMs?: number;
}

/** What a generated client stub stands on. */
export interface Caller {
  call<Params, Results>(
    method: Method<Params, Results>,
    params: Params,
    options?: CallOptions,
  ): Promise<Results>;
  /** Iterating reads; ending the iteration, or aborting, cancels the handler on the other side. */
  subscribe<Params, Results>(
    method: Method<Params, Results>,
    params: Params,
    options?: CallOptions,
  ): AsyncIterable<Results>;
}

/**
 * One row of what a server serves; generated code makes a list of them from a handlers object. Only the
 * row's own method may decode what its handler is given, and encode what that gives back.
 */
export interface BoundMethod<Context> {
  readonly method: Method<unknown, unknown>;
  /** @param context whatever the server knows about the caller */
  handler(
    params: unknown,
    context: Context,
    signal: AbortSignal,
  ): Promise<unknown> | AsyncIterable<unknown>;
}
