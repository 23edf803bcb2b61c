@0xd028a0be73f2ff37;
# What a client keeps of messages, in its encrypted store. Nothing here goes over the wire: bodies of
# messages have a format of their own (content.ts).

using Qpq = import "/qpq.capnp";

struct StoredThread @0xf17e96d8587fb5db {
  # One conversation's history, in numbers.
  lastPosition @0 :UInt64 $Qpq.safeInteger;
  unreadCount @1 :UInt32;
  readUpTo @2 :UInt64 $Qpq.safeInteger;
  # The last position that counts as read.
  queuedCount @3 :UInt32;
  lastAtMs @4 :UInt64 $Qpq.safeInteger;
}

enum TextState @0xdf3e291da6c8a1e7 {
  received @0;
  pending @1;
  sent @2;
  failed @3;
}

struct StoredItem @0xc838619cbe4843c6 {
  # An entry of a history.
  union {
    text @0 :StoredText;
    notice @1 :StoredNotice;
  }
}

struct StoredText @0xfd05528617c4e5d6 {
  messageId @0 :Data $Qpq.max(16);
  accountId @1 :Data $Qpq.max(16);
  accountName @2 :Text $Qpq.max(64);
  text @3 :Text $Qpq.max(65536);
  sentAtMs @4 :UInt64 $Qpq.safeInteger;
  acceptedAtMs @5 :UInt64 $Qpq.safeInteger;
  state @6 :TextState;
  failureCode @7 :Text $Qpq.max(64);
  failureMessage @8 :Text $Qpq.max(1024);
}

struct StoredNotice @0xb024118c63aee2c9 {
  # Which of its fields say something depends on the kind.
  kind @0 :Text $Qpq.max(32);
  atMs @1 :UInt64 $Qpq.safeInteger;
  name @2 :Text $Qpq.max(256);
  names @3 :List(Text) $Qpq.max(1024) $Qpq.itemMax(64);
  count @4 :UInt64 $Qpq.safeInteger;
  code @5 :Text $Qpq.max(64);
}

struct StoredQueued @0xb61921e885565a49 {
  # An own message that the server doesn't have, or whose entry hasn't come back yet.
  position @0 :UInt64 $Qpq.safeInteger;
  # In the history; 0: something that is not shown.
  messageId @1 :Data $Qpq.max(16);
  body @2 :Data $Qpq.max(65536);
  # What is encrypted.
  entryId @3 :Data $Qpq.max(16);
  # Empty until it is encrypted.
  message @4 :Data $Qpq.max(65536);
  # The MLSMessage, exactly as it goes out, again and again; empty when the server has it.
  epoch @5 :UInt64 $Qpq.safeInteger;
  # That it was encrypted in.
  sequence @6 :UInt64 $Qpq.safeInteger;
  # Where the server has put it; 0: not known.
}

enum EventKind @0xcbff4f2fcf2905b8 {
  item @0;
  itemChanged @1;
  conversation @2;
}

struct StoredEvent @0xea07f1e608f2b826 {
  conversationId @0 :Data $Qpq.max(64);
  kind @1 :EventKind;
  position @2 :UInt64 $Qpq.safeInteger;
  # Of the item.
}
