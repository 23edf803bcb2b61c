@0xe1a7c5d39b204f68;
# What bench/capnp.ts measures: a frame of 256 bytes with what a message has.

using Qpq = import "/qpq.capnp";

struct Message {
  sequence @0 :UInt64;
  sentAtMs @1 :UInt64;
  epoch @2 :UInt64;
  generation @3 :UInt32;
  kind @4 :UInt16;
  urgent @5 :Bool;
  channelId @6 :Data $Qpq.max(16);
  entryId @7 :Data $Qpq.max(16);
  sender @8 :Text $Qpq.max(64);
  subject @9 :Text $Qpq.max(128);
  body @10 :Data $Qpq.max(65536);
}
