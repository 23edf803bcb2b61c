/**
 * The two messages that make up nearly all traffic, a call and a result, read and written without the
 * objects that the generated code makes of them: a tenth of the time of a small call. Only the form in
 * which that code itself writes them is known here; whatever differs is left to it. A test compares.
 */
import type { Method } from "@qpq/capnp";
import { type ClientMessage, encodeClientMessage, encodeServerMessage } from "./session.gen.ts";

export type CallMessage = ClientMessage & { readonly kind: "call" };

/** Where fields stand in a frame: behind its header and the root pointer, as `session.capnp` orders. */
const CALL_ID_AT = 16;
const ORDINAL_AT = 22;
const INTERFACE_ID_AT = 24;
const TIMEOUT_MS_AT = 32;

const CALL = encodeClientMessage({
  callId: 0,
  kind: "call",
  call: { interfaceId: 0n, ordinal: 0, timeoutMs: 0 },
});
const RESULT = encodeServerMessage({ callId: 0, kind: "result" });

const callView = viewOf(CALL);

/**
 * @param callId 0 on a stream of its own
 * @returns the frame of a call's message, until the next call of this function: to be copied at once
 */
export function hotCall<Params, Results>(
  method: Method<Params, Results>,
  callId: number,
  timeoutMs: number,
): Uint8Array {
  callView.setUint32(CALL_ID_AT, callId, true);
  callView.setUint16(ORDINAL_AT, method.ordinal, true);
  callView.setBigUint64(INTERFACE_ID_AT, method.interfaceId, true);
  callView.setUint32(TIMEOUT_MS_AT, Math.min(Math.ceil(timeoutMs), 2 ** 32 - 1), true);
  return CALL;
}

/** @returns undefined for what the generated code has to look at */
export function readHotCall(frame: Uint8Array): CallMessage | undefined {
  if (!isLike(frame, CALL, ORDINAL_AT)) return undefined;
  const view = viewOf(frame);
  // Padding that is not zero may be a newer client's field.
  if (view.getUint32(TIMEOUT_MS_AT + 4, true) !== 0) return undefined;
  if (view.getUint32(TIMEOUT_MS_AT + 8, true) !== 0) return undefined;
  if (view.getUint32(TIMEOUT_MS_AT + 12, true) !== 0) return undefined;
  return {
    callId: view.getUint32(CALL_ID_AT, true),
    kind: "call",
    call: {
      interfaceId: view.getBigUint64(INTERFACE_ID_AT, true),
      ordinal: view.getUint16(ORDINAL_AT, true),
      timeoutMs: view.getUint32(TIMEOUT_MS_AT, true),
    },
  };
}

/** As `hotCall`, for a result's message. */
export function hotResult(callId: number): Uint8Array {
  RESULT[CALL_ID_AT] = callId;
  RESULT[CALL_ID_AT + 1] = callId >>> 8;
  RESULT[CALL_ID_AT + 2] = callId >>> 16;
  RESULT[CALL_ID_AT + 3] = callId >>> 24;
  return RESULT;
}

/** @returns the call's id; undefined for what the generated code has to look at */
export function readHotResult(frame: Uint8Array): number | undefined {
  if (!isLike(frame, RESULT, RESULT.length)) return undefined;
  return ((frame[CALL_ID_AT] as number) | ((frame[CALL_ID_AT + 1] as number) << 8) |
    ((frame[CALL_ID_AT + 2] as number) << 16) | ((frame[CALL_ID_AT + 3] as number) << 24)) >>> 0;
}

/** Whether all but the call's id is the same, up to `end`. */
function isLike(frame: Uint8Array, model: Uint8Array, end: number): boolean {
  if (frame.length !== model.length) return false;
  for (let at = 0; at < CALL_ID_AT; at++) if (frame[at] !== model[at]) return false;
  for (let at = CALL_ID_AT + 4; at < end; at++) if (frame[at] !== model[at]) return false;
  return true;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
