/** The values that stand in a struct's data section, and how each travels. */
import type { PlainValueKind } from "./schema.ts";

/** The method of reader and writer, the size in bits, the element of a list (`ELEMENT`). */
export interface PlainCodec {
  readonly method: string;
  readonly bits: number;
  readonly element: string;
  /** Only of `safeInteger`, which is told so. */
  readonly signed?: boolean;
}

export const PLAIN: Readonly<
  Record<Exclude<PlainValueKind, "void" | "text" | "data">, PlainCodec>
> = {
  bool: { method: "bool", bits: 1, element: "bit" },
  int8: { method: "int8", bits: 8, element: "byte" },
  uint8: { method: "uint8", bits: 8, element: "byte" },
  int16: { method: "int16", bits: 16, element: "twoBytes" },
  uint16: { method: "uint16", bits: 16, element: "twoBytes" },
  int32: { method: "int32", bits: 32, element: "fourBytes" },
  uint32: { method: "uint32", bits: 32, element: "fourBytes" },
  float32: { method: "float32", bits: 32, element: "fourBytes" },
  int64: { method: "int64", bits: 64, element: "eightBytes" },
  uint64: { method: "uint64", bits: 64, element: "eightBytes" },
  float64: { method: "float64", bits: 64, element: "eightBytes" },
  safeInt64: { method: "safeInteger", bits: 64, element: "eightBytes", signed: true },
  safeUint64: { method: "safeInteger", bits: 64, element: "eightBytes", signed: false },
};
