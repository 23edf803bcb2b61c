@0xa9a1b3e0c7d4f215;
# Every construct of the subset, for the tests of this package.

using Qpq = import "/qpq.capnp";

struct Numbers {
  # All plain values, each with and without a default.
  flag @0 :Bool;
  flagOn @1 :Bool = true;
  int8 @2 :Int8;
  int8Default @3 :Int8 = -5;
  int16 @4 :Int16;
  int16Default @5 :Int16 = -300;
  int32 @6 :Int32;
  int32Default @7 :Int32 = -70000;
  int64 @8 :Int64;
  int64Default @9 :Int64 = -5000000000;
  uint8 @10 :UInt8;
  uint8Default @11 :UInt8 = 200;
  uint16 @12 :UInt16;
  uint16Default @13 :UInt16 = 60000;
  uint32 @14 :UInt32;
  uint32Default @15 :UInt32 = 4000000000;
  uint64 @16 :UInt64;
  uint64Default @17 :UInt64 = 18000000000000000000;
  float32 @18 :Float32;
  float32Default @19 :Float32 = 1.5;
  float64 @20 :Float64;
  float64Default @21 :Float64 = -2.25;
  nothing @22 :Void;
  colour @23 :Colour;
  colourDefault @24 :Colour = green;
  sequence @25 :UInt64 $Qpq.safeInteger;
  offset @26 :Int64 $Qpq.safeInteger;
}

enum Colour {
  red @0;
  green @1;
  deepBlue @2;
}

struct Blobs {
  text @0 :Text $Qpq.max(64);
  textDefault @1 :Text = "hello \"you\"";
  textOptional @2 :Text $Qpq.optional;
  data @3 :Data $Qpq.max(32);
  dataDefault @4 :Data = 0x"01 02 ff";
  dataOptional @5 :Data $Qpq.optional;
}

struct Lists {
  voids @0 :List(Void);
  bools @1 :List(Bool);
  int8s @2 :List(Int8);
  int16s @3 :List(Int16);
  int32s @4 :List(Int32);
  int64s @5 :List(Int64);
  uint8s @6 :List(UInt8);
  uint16s @7 :List(UInt16);
  uint32s @8 :List(UInt32) $Qpq.max(8);
  uint64s @9 :List(UInt64);
  float32s @10 :List(Float32);
  float64s @11 :List(Float64);
  texts @12 :List(Text) $Qpq.max(4) $Qpq.itemMax(16);
  datas @13 :List(Data);
  colours @14 :List(Colour);
  points @15 :List(Point);
  grid @16 :List(List(UInt16)) $Qpq.itemMax(5);
  names @17 :List(List(Text));
  optionalPoints @18 :List(Point) $Qpq.optional;
  sequences @19 :List(UInt64) $Qpq.safeInteger;
}

struct Point {
  x @0 :Int32;
  y @1 :Int32;
  label @2 :Text;
}

struct Nothing {}

struct Tree {
  # Holds itself, through an optional field and through a list.
  value @0 :UInt32;
  left @1 :Tree $Qpq.optional;
  children @2 :List(Tree);
}

struct Shape {
  name @0 :Text;
  area @1 :Float64;
  union {
    # A union without a name: its members stand beside the other fields.

    circle @2 :Float64;
    # By its radius.
    square @3 :UInt16;
    polygon @4 :List(Point);
    label @5 :Text;
    box :group {
      width @6 :UInt32;
      height @7 :UInt32 = 7;
    }
    empty @8 :Void;
    inner @9 :Point;
  }
  border :group {
    # A group without a union.
    width @10 :UInt8;
    colour @11 :Colour;
    title @12 :Text;
  }
  fill :union {
    none @13 :Void;
    solid @14 :Colour;
    pattern :group {
      name @15 :Text;
      stroke :union {
        dots @16 :UInt8;
        lines @17 :Text;
      }
    }
  }
}

struct Nested {
  struct Inner {
    value @0 :UInt16 = 3;
    enum Mode { on @0; off @1; }
    mode @1 :Mode = off;
  }
  inner @0 :Inner;
  point @1 :Point;
  pointOptional @2 :Point $Qpq.optional;
  nothing @3 :Nothing;
  nothings @4 :List(Nothing);
}

interface Directory @0xc0f3b0a6d2c1e984 {
  # Calls of every kind.

  lookUp @0 (name :Text $Qpq.max(64), countMax :UInt16 = 10) -> (points :List(Point));
  # Finds points by name.

  store @1 Point -> ();
  upload @2 (bytes :Data $Qpq.max(1048576)) -> (accepted :Bool) $Qpq.large(paramsBytesMax = 2097152);
  watch @3 () -> Point $Qpq.subscription;
}
