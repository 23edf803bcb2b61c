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

# What a client keeps, in its encrypted store.

enum ConversationKind @0xa5b829111e4039c0 {
  group @0;
  directMessage @1;
}

enum ConversationState @0x87a27f57dd061d5b {
  joining @0;
  # This device's own first commit is on its way.
  invited @1;
  active @2;
  leaving @3;
  # A SelfRemove is on its way, or waits for somebody's commit.
  left @4;
  removed @5;
  closed @6;
  broken @7;
}

struct StoredConversation @0xb4ae3431d07fd747 {
  kind @0 :ConversationKind;
  state @1 :ConversationState;
  version @2 :UInt64 $Qpq.safeInteger;
  # Grows with each change: what was made beside it is written only on the version that it was made of.
  name @3 :Text $Qpq.max(256);
  # A group's, as its members call it; a direct message's other account.
  peerId @4 :Data $Qpq.max(16);
  # That account's id; empty for a group.
  cursor @5 :UInt64 $Qpq.safeInteger;
  # The last entry that was processed and stored.
  needsUpdate @6 :Bool;
  # Entered by a last-resort key package: a new path comes before anything is sent.
  isFromStranger @7 :Bool;
  rejoinedAtMs @8 :List(UInt64) $Qpq.max(8);
  # When this device entered anew by itself, within the last day.
  failure @9 :Text $Qpq.max(64);
  # Why it is broken: a code.
  epoch @10 :UInt64 $Qpq.safeInteger;
  # The group's, for showing.
  isUnconfirmed @11 :Bool;
  # Entered by an external commit, and no other member's message was decrypted since: who its members are is
  # what the server said.
  strangers @12 :List(Data) $Qpq.max(1024) $Qpq.itemMax(16);
  # Devices in it with leaves of the own account that its list does not have: nothing is sent.
  judgedList @13 :UInt64 $Qpq.safeInteger;
  # The counter of the own account's list on which all its leaves of this epoch are; 0: none yet.
  threadId @14 :Data $Qpq.max(64);
  # What the conversation goes by, and its history with it: the first of the groups that followed one
  # another. Empty: this one.
  predecessorId @15 :Data $Qpq.max(64);
  # The group in whose place this one comes.
  successorId @16 :Data $Qpq.max(64);
  # The group in which the conversation goes on: of this one nothing is shown.
  succeededAtMs @17 :UInt64 $Qpq.safeInteger;
  # When this device last tried to make a successor of the conversation's group.
  stood @18 :ConversationState;
  # Of a broken or closed one: how it stood before, which it does again when this device is back.
  invitedIds @19 :List(Data) $Qpq.max(1024) $Qpq.itemMax(16);
  # Accounts that were added while this device was there, and have said nothing since: not even that they
  # have accepted.
  incarnation @20 :Data $Qpq.max(16);
  # Of the server's logs: the last that the cursor was brought to after a restore. Empty: none.
}

struct StoredCommit @0xca92f521b8a9c4df {
  # An own commit on its way; beside it stand the upload and the epoch that it leads to.
  call @0 :CommitCall;
  entryId @1 :Data $Qpq.max(16);
  sequence @2 :UInt64 $Qpq.safeInteger;
  # Where the server has put it; 0: not known yet.
}

enum CommitCall @0x91d300541d457d15 {
  create @0;
  commit @1;
  enter @2;
  # By external commit.
  succeed @3;
  # The first of a successor.
  leave @4;
  # What comes before a leave: with it the conversation is left behind.
}

struct StoredAttempt @0xd5f0a1c27be84963 {
  # The entry of a channel, or of the inbox, that was being taken in when the program ended, perhaps by it.
  sequence @0 :UInt64 $Qpq.safeInteger;
  count @1 :UInt32;
}

struct StoredSync @0xa072d433978bf38e {
  # What cursors are worth.
  incarnation @0 :Data $Qpq.max(16);
  inboxAfter @1 :UInt64 $Qpq.safeInteger;
}
