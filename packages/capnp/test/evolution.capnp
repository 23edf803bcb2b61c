@0xd5f0c3a1b2e49687;
# Two versions of one message: what an older and a newer peer make of each other.

using Qpq = import "/qpq.capnp";

struct Older {
  id @0 :UInt32;
  name @1 :Text;
  tags @2 :List(UInt32);
  names @3 :List(Text);
  shorts @4 :List(UInt16);
  bytes @5 :List(UInt8);
  longs @6 :List(UInt64);
  voids @7 :List(Void);
  parts @8 :List(OlderPart);
  part @9 :OlderPart;
  mode @10 :OlderMode;
  state :union {
    idle @11 :Void;
    busy @12 :UInt32;
  }
  grid @13 :List(List(UInt16));
}

struct OlderPart {
  size @0 :UInt16;
  label @1 :Text;
}

enum OlderMode {
  slow @0;
  fast @1;
}

struct Newer {
  id @0 :UInt32;
  name @1 :Text;
  tags @2 :List(NewerTag);
  names @3 :List(NewerName);
  shorts @4 :List(NewerShort);
  bytes @5 :List(NewerByte);
  longs @6 :List(NewerLong);
  voids @7 :List(NewerVoid);
  parts @8 :List(NewerPart);
  part @9 :NewerPart;
  mode @10 :NewerMode;
  state :union {
    idle @11 :Void;
    busy @12 :UInt32;
    gone @14 :Text;
  }
  grid @13 :List(List(UInt16));
  added @15 :UInt64 = 77;
  addedText @16 :Text = "new";
  addedPart @17 :NewerPart;
  addedOptional @18 :NewerPart $Qpq.optional;
}

struct NewerTag {
  value @0 :UInt32;
  weight @1 :Int32 = -1;
  note @2 :Text;
}

struct NewerName {
  text @0 :Text;
  language @1 :Text = "en";
  rank @2 :UInt8 = 9;
}

struct NewerShort {
  value @0 :UInt16;
  more @1 :UInt16 = 5;
  wide @2 :UInt64 = 6;
}

struct NewerByte {
  value @0 :UInt8;
  more @1 :UInt8 = 5;
}

struct NewerLong {
  value @0 :UInt64;
  more @1 :Bool = true;
}

struct NewerVoid {
  more @0 :UInt32 = 3;
}

struct NewerPart {
  size @0 :UInt16;
  label @1 :Text;
  colour @2 :UInt64 = 1;
  title @3 :Text = "untitled";
}

enum NewerMode {
  slow @0;
  fast @1;
  faster @2;
}
