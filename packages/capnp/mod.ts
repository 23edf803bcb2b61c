/**
 * Cap'n Proto, the subset that the product uses: a bounded reader and writer, and what generated
 * code needs from them. No I/O.
 *
 * @module
 */
export * from "./calls.ts";
export * from "./limits.ts";
export { openFrame, type Reader } from "./reader.ts";
export { ELEMENT, openWriter, refuseUnknown, type Writer } from "./writer.ts";
