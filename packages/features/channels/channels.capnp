@0xe6263ae3870b928d;
# Channels: logs that the server orders (docs/channels.md).

using Qpq = import "/qpq.capnp";

struct Recipient @0x82973f9c99aabe0e {
  accountId @0 :Data $Qpq.max(16);
  deviceId @1 :Data $Qpq.max(16);
}

struct WelcomeUpload @0xcb3944db89fca4ea {
  message @0 :Data $Qpq.max(8388608);
  # An MLSMessage.
  recipients @1 :List(Recipient) $Qpq.max(4096);
}

struct CommitUpload @0x9fd9d81fe669ecd4 {
  # A commit and all that takes effect with it.
  entryId @0 :Data $Qpq.max(16);
  # Of the client's making. The same again, with the same bytes, has the same result.
  message @1 :Data $Qpq.max(8388608);
  # An MLSMessage.
  groupInfo @2 :Data $Qpq.max(8388608);
  # An MLSMessage: of the epoch that the commit begins, with tree and external key.
  welcomes @3 :List(WelcomeUpload) $Qpq.max(64);
  # Together at most as large as one may be.
}

struct Cursor @0xf2d323fb56a0f0be {
  channelId @0 :Data $Qpq.max(64);
  after @1 :UInt64 $Qpq.safeInteger;
  # The last sequence number that is not wanted any more; 0: none.
}

enum EntryKind @0xc188481500c15ad1 {
  application @0;
  proposal @1;
  commit @2;
  closed @3;
  # The server's own, always the last: the message is the id of the successor.
}

struct Entry @0xe289f865b7e430e5 {
  sequence @0 :UInt64 $Qpq.safeInteger;
  # 1, 2, 3 … in its channel.
  kind @1 :EntryKind;
  acceptedAtMs @2 :UInt64 $Qpq.safeInteger;
  # The server's wall clock, milliseconds since 1970.
  entryId @3 :Data $Qpq.max(16);
  message @4 :Data $Qpq.max(8388608);
  # An MLSMessage; empty when it is too large for where this entry stands.
  messageBytes @5 :UInt32;
  # Its length, here or not.
}

struct Gap @0xd3708df236e29a21 {
  # Entries that this reader won't get: sequence numbers, both included.
  from @0 :UInt64 $Qpq.safeInteger;
  to @1 :UInt64 $Qpq.safeInteger;
  reason @2 :GapReason;
}

enum GapReason @0xd4e9a15782562fe1 {
  expired @0;
  # They were swept: retention.
  notMember @1;
  # The account was no member then.
}

struct ChannelEvent @0x9b9704a3b21648bd {
  channelId @0 :Data $Qpq.max(64);
  union {
    entries @1 :List(Entry) $Qpq.max(1024);
    # One behind the other.
    gap @2 :Gap;
    caughtUp @3 :UInt64 $Qpq.safeInteger;
    # All that was there is sent: the channel's last sequence number. Once for each channel.
    notMember @4 :Void;
    # The reader gets nothing of this channel, now or later, unless it is added anew.
  }
}

struct InboxEntry @0xace169c828f68194 {
  sequence @0 :UInt64 $Qpq.safeInteger;
  # 1, 2, 3 … in this inbox.
  acceptedAtMs @1 :UInt64 $Qpq.safeInteger;
  channelId @2 :Data $Qpq.max(64);
  channelSequence @3 :UInt64 $Qpq.safeInteger;
  # Of the commit that this Welcome came with: the channel is read behind it.
  welcome @4 :Data $Qpq.max(8388608);
  # An MLSMessage; empty when it is too large for where this entry stands.
  welcomeBytes @5 :UInt32;
}

struct InboxEvent @0xc3e6a6cbac790cf2 {
  union {
    entries @0 :List(InboxEntry) $Qpq.max(1024);
    gap @1 :Gap;
    caughtUp @2 :UInt64 $Qpq.safeInteger;
  }
}

interface Channels @0x860e0e01fb4df842 {
  # Everything here needs a device.

  create @0 (upload :CommitUpload) -> (
    channelId :Data $Qpq.max(64),
    # The id of the MLS group.
    sequence :UInt64 $Qpq.safeInteger,
    # Of the first commit; 0 when the channel was there.
    isNew :Bool,
    # False: the two accounts have a direct message already, and this is its channel. Nothing was kept.
    undelivered :List(Recipient) $Qpq.max(4096)
    # Devices that are gone, or whose inbox is full. Who asks again with the same bytes is told of none.
  ) $Qpq.large(paramsBytesMax = 25690112);

  append @1 (
    channelId :Data $Qpq.max(64),
    entryId :Data $Qpq.max(16),
    message :Data $Qpq.max(65536)
  ) -> (sequence :UInt64 $Qpq.safeInteger, acceptedAtMs :UInt64 $Qpq.safeInteger);
  # An application message, or a SelfRemove. Durable when it returns.

  commit @2 (channelId :Data $Qpq.max(64), upload :CommitUpload) -> (
    sequence :UInt64 $Qpq.safeInteger,
    undelivered :List(Recipient) $Qpq.max(4096)
  ) $Qpq.large(paramsBytesMax = 25690112);

  read @3 (
    incarnation :Data $Qpq.max(16),
    cursor :Cursor,
    countMax :UInt16 = 128
  ) -> (
    gap :Gap $Qpq.optional,
    # What lies between the cursor and the first entry here.
    entries :List(Entry) $Qpq.max(1024),
    head :UInt64 $Qpq.safeInteger
    # The last sequence number that this reader may have.
  ) $Qpq.large(resultsBytesMax = 8650752);

  subscribe @4 (
    incarnation :Data $Qpq.max(16),
    cursors :List(Cursor) $Qpq.max(4096),
    # Channels of the account that are not here are sent from where it became a member.
    inboxAfter :UInt64 $Qpq.safeInteger
  ) -> (
    channels :List(ChannelEvent) $Qpq.max(1024),
    inbox :List(InboxEvent) $Qpq.max(64),
    allSent :Bool
    # Once: with this frame everything is sent that was there when the subscription began.
  ) $Qpq.subscription;
  # All channels of the account, also those that it comes into later, and the device's inbox.

  acknowledge @5 (
    incarnation :Data $Qpq.max(16),
    cursors :List(Cursor) $Qpq.max(256),
    inboxAfter :UInt64 $Qpq.safeInteger
    # 0: nothing is said about the inbox.
  ) -> ();
  # What this device has stored. Channels it may not read any more are passed over.

  members @6 (channelId :Data $Qpq.max(64)) -> (
    accounts :List(Data) $Qpq.max(1024) $Qpq.itemMax(16),
    epoch :UInt64 $Qpq.safeInteger,
    sequence :UInt64 $Qpq.safeInteger,
    # The last entry's.
    reports :UInt32,
    # Devices that reported the last commit.
    successor :Data $Qpq.max(64)
    # Empty while the channel is open.
  );

  groupInfo @7 (channelId :Data $Qpq.max(64)) -> (
    groupInfo :Data $Qpq.max(8388608),
    # An MLSMessage, of the current epoch.
    epoch :UInt64 $Qpq.safeInteger,
    sequence :UInt64 $Qpq.safeInteger
    # Of the commit that began that epoch.
  ) $Qpq.large(resultsBytesMax = 8650752);

  welcome @8 (incarnation :Data $Qpq.max(16), sequence :UInt64 $Qpq.safeInteger) -> (
    welcome :Data $Qpq.max(8388608)
  ) $Qpq.large(resultsBytesMax = 8650752);
  # Of the device's inbox: one that was too large for the subscription.

  report @9 (channelId :Data $Qpq.max(64), sequence :UInt64 $Qpq.safeInteger) -> ();
  # This device can't process the last commit, which has that sequence number.

  succeed @10 (channelId :Data $Qpq.max(64), upload :CommitUpload) -> (
    successorId :Data $Qpq.max(64),
    sequence :UInt64 $Qpq.safeInteger,
    undelivered :List(Recipient) $Qpq.max(4096)
  ) $Qpq.large(paramsBytesMax = 25690112);
  # Creates the one successor of a channel and closes it, in one.

  readInbox @11 (
    incarnation :Data $Qpq.max(16),
    after :UInt64 $Qpq.safeInteger,
    countMax :UInt16 = 128
  ) -> (
    gap :Gap $Qpq.optional,
    entries :List(InboxEntry) $Qpq.max(1024),
    head :UInt64 $Qpq.safeInteger
  );
}

# What the server keeps.

struct StoredHead @0xa72cda542ae52a4c {
  # Of a channel: what each append reads and writes.
  epoch @0 :UInt64 $Qpq.safeInteger;
  # The one that application entries must have.
  sequence @1 :UInt64 $Qpq.safeInteger;
  # The last entry's.
  firstSequence @2 :UInt64 $Qpq.safeInteger;
  # The first entry that is still there; sequence + 1 when none is.
  commitSequence @3 :UInt64 $Qpq.safeInteger;
  # The last commit's.
  committer @4 :Data $Qpq.max(16);
  # The account that made it.
  membersCount @5 :UInt32;
  successor @6 :Data $Qpq.max(64);
  # Empty while the channel is open.
  usage @7 :List(StoredUsage) $Qpq.max(8);
  # Of those who sent last, latest last: here, not in their own records, so that an append writes less.
}

struct StoredUsage @0xbadeae01c7b222ff {
  accountId @0 :Data $Qpq.max(16);
  entriesCount @1 :UInt32;
  # Application entries that the account sent and that are still there, …
  entriesBytes @2 :UInt64 $Qpq.safeInteger;
  # … and their bytes.
}

struct StoredChannel @0xd7cc60daa0a2b5d2 {
  # What only commits read.
  cipherSuite @0 :UInt16;
  context @1 :Data $Qpq.max(4096);
  # ConversationContext, as the extension had it last.
  createdAtMs @2 :UInt64 $Qpq.safeInteger;
}

struct StoredEntry @0xf780fc6ce6161792 {
  kind @0 :EntryKind;
  acceptedAtMs @1 :UInt64 $Qpq.safeInteger;
  entryId @2 :Data $Qpq.max(16);
  accountId @3 :Data $Qpq.max(16);
  # Who sent it; empty for the server.
  message @4 :Data $Qpq.max(65536);
  messageBytes @5 :UInt32;
  # Above 65536 the message is a body of its own.
}

struct StoredMember @0x80c223e2fcce3c26 {
  # An account that is, or was, a member of a channel.
  spans @0 :List(StoredSpan) $Qpq.max(16);
  # Oldest first.
  entriesCount @1 :UInt32;
  entriesBytes @2 :UInt64 $Qpq.safeInteger;
  # As in StoredUsage, which counts where the head has one for this account.
  addedBy @3 :Data $Qpq.max(16);
  # The account that put this one in; empty when it came by itself, or has sent something since.
}

struct StoredSpan @0xd094bbd66a592907 {
  from @0 :UInt64 $Qpq.safeInteger;
  # The commit that added it.
  to @1 :UInt64 $Qpq.safeInteger;
  # The commit that removed it; 0 for a member.
}

struct StoredEntryId @0xe3754acbd85cb7c1 {
  # What a device's entry id stands for.
  hash @0 :Data $Qpq.max(32);
  # SHA-256 of all that came with it.
  channelId @1 :Data $Qpq.max(64);
  sequence @2 :UInt64 $Qpq.safeInteger;
  acceptedAtMs @3 :UInt64 $Qpq.safeInteger;
}

struct StoredInboxHead @0xfddd05a0a244c8ca {
  sequence @0 :UInt64 $Qpq.safeInteger;
  firstSequence @1 :UInt64 $Qpq.safeInteger;
  acknowledged @2 :UInt64 $Qpq.safeInteger;
  isForgotten @3 :Bool;
  # The device is gone: the sweep deletes all of it.
}

struct StoredInboxEntry @0x9863a36f8dbea0ee {
  acceptedAtMs @0 :UInt64 $Qpq.safeInteger;
  channelId @1 :Data $Qpq.max(64);
  channelSequence @2 :UInt64 $Qpq.safeInteger;
  welcomeIndex @3 :UInt16;
  # Among those of that commit.
  welcomeBytes @4 :UInt32;
}
