@0xb0c9d8e7f6a51423;
# Uses what another file declares.

using Constructs = import "constructs.capnp";

struct Drawing {
  colour @0 :Constructs.Colour;
  point @1 :Constructs.Point;
  points @2 :List(Constructs.Point);
  colours @3 :List(List(Constructs.Colour));
}

interface Drawings @0xf1b2a3948576e0d9 {
  draw @0 Drawing -> Constructs.Point;
}
