@0xe75fcfe5eb98f84a;
# Accounts: names, passwords that the server never sees, the vault, and the directory
# (docs/accounts.md).

using Qpq = import "/qpq.capnp";

struct Signed @0xf2997f4fe66ee240 {
  # The exact bytes that were signed travel; nobody encodes them again.
  statement @0 :Data $Qpq.max(8192);
  # One frame; its struct follows from where it stands.
  signature @1 :Data $Qpq.max(64);
  # Ed25519 over the statement's label, a zero byte, and the statement.
}

struct VaultContent @0xf100039fb1f72834 {
  # In clear only while an operation that asked for the password runs.
  accountKeySeed @0 :Data $Qpq.max(32);
  # Ed25519 (RFC 8032).
  directoryKey @1 :Data $Qpq.max(32);
  generation @2 :UInt32;
  # Of the device certificates that are in force.
  listCounter @3 :UInt64 $Qpq.safeInteger;
  # Of the newest device list.
}

struct VaultContext @0xfc295fa7a7e87439 {
  # What a vault is bound to: the associated data of its encryption.
  accountId @0 :Data $Qpq.max(16);
  serverName @1 :Text $Qpq.max(255);
  version @2 :UInt64 $Qpq.safeInteger;
}

struct VaultWrite @0x9cfa5a1d5174f1c6 {
  # Signed by the account key: lets the server replace the vault.
  accountId @0 :Data $Qpq.max(16);
  version @1 :UInt64 $Qpq.safeInteger;
  # The new one: one above the old one; more after a restore, above all that was seen.
  vaultHash @2 :Data $Qpq.max(32);
  recordHash @3 :Data $Qpq.max(32);
  # Of the new OPAQUE record; empty when it stays.
  replaces @4 :UInt64 $Qpq.safeInteger;
  # The version that the server has: 0 for a new account.
  serverName @5 :Text $Qpq.max(255);
}

struct AccountDeletion @0x935f14173f55af8d {
  # Signed by the account key.
  accountId @0 :Data $Qpq.max(16);
  version @1 :UInt64 $Qpq.safeInteger;
  serverName @2 :Text $Qpq.max(255);
}

struct AccountKeyChange @0x9b0a34c9fa6f097d {
  # Signed by the old key.
  accountId @0 :Data $Qpq.max(16);
  oldKey @1 :Data $Qpq.max(32);
  newKey @2 :Data $Qpq.max(32);
  changedAtMs @3 :UInt64 $Qpq.safeInteger;
  serverName @4 :Text $Qpq.max(255);
}

struct DirectoryWrite @0xb3c1d96f20e7a845 {
  replaces @0 :UInt64 $Qpq.safeInteger;
  # The version that the server has; 0: none.
  version @1 :UInt64 $Qpq.safeInteger;
  sealed @2 :Data $Qpq.max(524288);
}

struct DirectoryContent @0xe7f5cf1f848ecf52 {
  # Both full, with every field full, still fit.
  conversations @0 :List(DirectoryConversation) $Qpq.max(768);
  pins @1 :List(DirectoryPin) $Qpq.max(2048);
}

struct DirectoryConversation @0x9ed834c8216c420a {
  groupId @0 :Data $Qpq.max(64);
  epoch @1 :UInt64 $Qpq.safeInteger;
  confirmedTranscriptHash @2 :Data $Qpq.max(64);
  # Both as last seen: no device may be led behind them.
  kind @3 :DirectoryConversationKind;
  name @4 :Text $Qpq.max(128);
  # Of a group; of a direct message the peer's account name.
}

enum DirectoryConversationKind @0xf1b4c17b55c66b9a {
  group @0;
  directMessage @1;
  notes @2;
}

struct DirectoryPin @0xddf39414c9c9407c {
  accountId @0 :Data $Qpq.max(16);
  accountName @1 :Text $Qpq.max(32);
  accountKey @2 :Data $Qpq.max(32);
  generation @3 :UInt32;
  listCounter @4 :UInt64 $Qpq.safeInteger;
  isVerified @5 :Bool;
  # The user has compared safety numbers.
  listResets @6 :UInt32;
  # Times that the user has accepted an older list: numbers of before no longer count.
}

struct DeviceProof @0xb6d2f0c3a4e81957 {
  deviceId @0 :Data $Qpq.max(16);
  signature @1 :Data $Qpq.max(64);
  # By the device key, over the session's `SessionProof`.
}

interface Accounts @0xaf725c645bbb7a8f {
  # Lengths of OPAQUE's messages: RFC 9807 with ristretto255-SHA512.

  registerStart @0 (
    name :Text $Qpq.max(64),
    request :Data $Qpq.max(32),
    invite :Text $Qpq.max(64)
    # Empty where anybody may register.
  ) -> (response :Data $Qpq.max(64));

  registerFinish @1 (
    name :Text $Qpq.max(64),
    invite :Text $Qpq.max(64),
    accountId :Data $Qpq.max(16),
    # 16 random bytes of the client's.
    accountKey :Data $Qpq.max(32),
    record :Data $Qpq.max(192),
    vault :Data $Qpq.max(1024),
    write :Signed
    # Version 1.
  ) -> ();
  # Leaves the session with a fresh login. The same again has the same result.

  loginStart @2 (
    name :Text $Qpq.max(64),
    request :Data $Qpq.max(96),
    device :DeviceProof $Qpq.optional
    # Of a device that was on the account before: what strangers do doesn't slow it.
  ) -> (response :Data $Qpq.max(320));

  loginFinish @3 (finish :Data $Qpq.max(64)) -> (
    accountId :Data $Qpq.max(16),
    accountKey :Data $Qpq.max(32),
    vault :Data $Qpq.max(1024),
    version :UInt64 $Qpq.safeInteger
  );
  # Leaves the session with a fresh login.

  vault @4 () -> (
    accountKey :Data $Qpq.max(32),
    vault :Data $Qpq.max(1024),
    version :UInt64 $Qpq.safeInteger
  );
  # As it is now. Needs a fresh login.

  passwordStart @5 (request :Data $Qpq.max(32)) -> (response :Data $Qpq.max(64));
  # Needs a fresh login.

  passwordFinish @6 (
    record :Data $Qpq.max(192),
    vault :Data $Qpq.max(1024),
    write :Signed
  ) -> ();
  # Replaces record and vault at once, and voids every fresh login of the account.

  delete @7 (deletion :Signed) -> ();
  # Needs a fresh login. The name is free again afterwards.

  readDirectory @8 () -> (
    version :UInt64 $Qpq.safeInteger,
    # 0: none was written yet.
    sealed :Data $Qpq.max(524288)
  ) $Qpq.large(resultsBytesMax = 524800);
  # Needs a device.

  writeDirectory @9 (
    version :UInt64 $Qpq.safeInteger,
    # The new one: one above the old one; more after a restore, above all that was seen.
    sealed :Data $Qpq.max(524288),
    replaces :UInt64 $Qpq.safeInteger
  ) -> () $Qpq.large(paramsBytesMax = 524800);
  # Needs a device.
}

# What the server keeps.

struct StoredSetup @0xb9b8421906921038 {
  setup @0 :Data $Qpq.max(128);
  # OPAQUE's: its loss voids every password.
  serverName @1 :Text $Qpq.max(255);
}

struct StoredAccount @0x8a8eba5167a1b304 {
  name @0 :Text $Qpq.max(32);
  accountKey @1 :Data $Qpq.max(32);
  createdAtMs @2 :UInt64 $Qpq.safeInteger;
  isSuspended @3 :Bool;
  version @4 :UInt64 $Qpq.safeInteger;
  passwordVersion @5 :UInt32;
  # Counts the changes of the password.
  record @6 :Data $Qpq.max(192);
  vault @7 :Data $Qpq.max(1024);
  keyChanges @8 :List(Signed) $Qpq.max(16);
  # Newest last.
}

struct StoredInvite @0x9d56c1cc481ee03f {
  usesLeft @0 :UInt32;
  expiresAtMs @1 :UInt64 $Qpq.safeInteger;
}

struct StoredDirectory @0x9c584e8499fa733e {
  version @0 :UInt64 $Qpq.safeInteger;
  sealed @1 :Data $Qpq.max(524288);
}

# What a client keeps, in its encrypted store.

struct StoredOwnAccount @0xbbc6e945b7c855f0 {
  accountId @0 :Data $Qpq.max(16);
  name @1 :Text $Qpq.max(32);
  serverName @2 :Text $Qpq.max(255);
  accountKey @3 :Data $Qpq.max(32);
  directoryKey @4 :Data $Qpq.max(32);
  vaultVersion @5 :UInt64 $Qpq.safeInteger;
  # The highest seen: the server may not serve an older one.
  directoryVersion @6 :UInt64 $Qpq.safeInteger;
  # The same.
}
