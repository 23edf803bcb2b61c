import { assert } from "@qpq/ports";

/**
 * How long a PrivateMessage's content is made (RFC 9420 §15.1). The length that counts is that of
 * the whole PrivateMessageContent, signature included.
 */
export type Padding =
  | { readonly kind: "none" }
  /** Up to the next of these lengths, in bytes, ascending; above the last, to a multiple of it. */
  | { readonly kind: "buckets"; readonly lengths: readonly number[] }
  /** Padmé: at most 12 % longer, and O(log log length) bits known (Nikitin et al., PETS 2019, §4). */
  | { readonly kind: "padme" };

/** Most chat messages fit the first bucket; above the last, multiples of 16 KiB. */
export const PADDING_DEFAULT: Padding = {
  kind: "buckets",
  lengths: [256, 512, 1024, 2048, 4096, 8192, 16384],
};

/** Bytes of padding behind `contentLength` bytes. */
export function paddingLength(padding: Padding, contentLength: number): number {
  if (padding.kind === "none") return 0;
  if (padding.kind === "padme") return padmeLength(contentLength) - contentLength;
  const bucket = padding.lengths.find((each) => each >= contentLength);
  if (bucket !== undefined) return bucket - contentLength;
  const last = padding.lengths.at(-1);
  assert(last !== undefined && last > 0, "padding has at least one bucket");
  return (last - contentLength % last) % last;
}

/** The length with as many trailing zero bits as its exponent leaves, rounded up. */
function padmeLength(length: number): number {
  if (length < 2) return length;
  const exponent = Math.floor(Math.log2(length));
  const mantissaBits = Math.floor(Math.log2(exponent)) + 1;
  const step = 2 ** Math.max(0, exponent - mantissaBits);
  return Math.ceil(length / step) * step;
}
