import { encode, opaque, struct } from "../codec/codec.ts";
import type { CipherSuite } from "../crypto/provider.ts";
import {
  confirmedTranscriptHashInput,
  type FramedContent,
  type MessageWireFormat,
} from "../wire/framing.ts";

/** The running hash over all commits, each with its signature (RFC 9420 §8.2). */
export function confirmedTranscriptHash(
  crypto: CipherSuite,
  interimBefore: Uint8Array,
  commit: {
    readonly wireFormat: MessageWireFormat;
    readonly content: FramedContent;
    readonly signature: Uint8Array;
  },
): Uint8Array {
  return crypto.hash(confirmedTranscriptHashInput(interimBefore, commit));
}

const interimTranscriptHashInput = struct<{ confirmationTag: Uint8Array }>(
  "InterimTranscriptHashInput",
  { confirmationTag: opaque },
);

/** The same, with the confirmation tag of the last commit (RFC 9420 §8.2). */
export function interimTranscriptHash(
  crypto: CipherSuite,
  confirmed: Uint8Array,
  confirmationTag: Uint8Array,
): Uint8Array {
  return crypto.hash(joined(confirmed, encode(interimTranscriptHashInput, { confirmationTag })));
}

function joined(left: Uint8Array, right: Uint8Array): Uint8Array {
  const both = new Uint8Array(left.length + right.length);
  both.set(left);
  both.set(right, left.length);
  return both;
}
