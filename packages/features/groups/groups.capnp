@0xc1690ed99ffc26c9;
# What a conversation's MLS group says to those who carry it: in clear for the server, and signed by the
# members (docs/channels.md).

using Qpq = import "/qpq.capnp";

struct ConversationContext @0xed57747753b09f81 {
  # The data of the group context extension 0xF071.
  union {
    group @0 :Void;
    directMessage :group {
      lowerAccountId @1 :Data $Qpq.max(16);
      higherAccountId @2 :Data $Qpq.max(16);
      # The two accounts, in the order of their bytes.
    }
  }
  admins @3 :List(Data) $Qpq.max(64) $Qpq.itemMax(16);
  # Account ids. Empty in a direct message: either side is one.
  predecessor @4 :Predecessor $Qpq.optional;
  # Of a successor: the group that it replaces.
}

struct Predecessor @0xe9a30b779c87e55d {
  groupId @0 :Data $Qpq.max(64);
  epoch @1 :UInt64 $Qpq.safeInteger;
  # The last that its members agreed on.
  confirmedTranscriptHash @2 :Data $Qpq.max(64);
}

struct CommitClaim @0xb42ec991b6fa1ff5 {
  # The authenticated data of a commit.
  entryId @0 :Data $Qpq.max(16);
  added @1 :List(Data) $Qpq.max(1024) $Qpq.itemMax(16);
  # Accounts without a leaf before the commit, and with one after it.
  removed @2 :List(Data) $Qpq.max(1024) $Qpq.itemMax(16);
  # Accounts with a leaf before the commit, and without one after it.
}
