# What a schema of this project says beyond its types. Import it as "/qpq.capnp":
#   using Qpq = import "/qpq.capnp";
#   name @0 :Text $Qpq.max(64);

@0xfd3a008ecff9b982;

annotation max @0xba7587a442500039 (field, param) :UInt32;
# At most so many items of a List, or bytes of a Text (UTF-8, without its NUL) or Data.
# Without it: TEXT_BYTES_MAX, DATA_BYTES_MAX, LIST_ITEMS_MAX of limits.ts.

annotation itemMax @0xaf586ecf068b2f7a (field, param) :UInt32;
# The same for each item of a List of Text, Data or List.

annotation optional @0xca6843dae232349b (field, param) :Void;
# On Text, Data, List or a struct: a null pointer reads as `undefined`, not as the default.
# A struct that contains itself must do so through an optional field, a list, or a union.

annotation safeInteger @0xe23c8ed24555a0c6 (field, param) :Void;
# On Int64 or UInt64: a `number` within ±(2^53 - 1), refused beyond, instead of a `bigint`.

annotation large @0xbdbe75db62081a3c (method) :Large;
# Parameters or results may exceed CALL_BYTES_MAX (256 KiB): the call has a stream of its own.

annotation subscription @0xa9ac0db5b70a1587 (method) :Void;
# One parameter struct, then any number of result structs, on a stream of its own.

struct Large @0x88036cb2d9279095 {
  paramsBytesMax @0 :UInt32 = 262144;
  # Bytes of a framed parameter message at most, header included.
  resultsBytesMax @1 :UInt32 = 262144;
  # Bytes of a framed result message at most, header included.
}
