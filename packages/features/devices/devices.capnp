@0xef62d387d08886bf;
# Devices: their certificates and lists, which account keys sign; sessions; and what a client knows of
# others (docs/accounts.md).

using Qpq = import "/qpq.capnp";
using Accounts = import "../accounts/accounts.capnp";

struct DeviceCertificate @0x90ee09e0dad2afc9 {
  # Signed by the account key: this device speaks for the account.
  accountId @0 :Data $Qpq.max(16);
  accountName @1 :Text $Qpq.max(32);
  deviceId @2 :Data $Qpq.max(16);
  signatureKey @3 :Data $Qpq.max(32);
  # Ed25519: of the device's MLS leaves and of its sessions.
  generation @4 :UInt32;
  # Raised whenever devices are revoked: certificates of earlier ones are void.
  issuedAtMs @5 :UInt64 $Qpq.safeInteger;
  serverName @6 :Text $Qpq.max(255);
}

struct DeviceList @0x800b6794b4e20fd7 {
  # Signed by the account key: these devices, and no others, speak for the account.
  accountId @0 :Data $Qpq.max(16);
  accountName @1 :Text $Qpq.max(32);
  counter @2 :UInt64 $Qpq.safeInteger;
  # Only grows, from list to list, by 1.
  generation @3 :UInt32;
  issuedAtMs @4 :UInt64 $Qpq.safeInteger;
  devices @5 :List(ListedDevice) $Qpq.max(64);
  serverName @6 :Text $Qpq.max(255);
}

struct ListedDevice @0xd288c3c0cbdac21b {
  deviceId @0 :Data $Qpq.max(16);
  certificateHash @1 :Data $Qpq.max(32);
  # SHA-256 of the certificate's statement.
}

struct Credential @0xbd545d07decce061 {
  # The identity of an MLS leaf's basic credential, in the only encoding that is accepted.
  accountKey @0 :Data $Qpq.max(32);
  certificate @1 :Accounts.Signed;
}

struct SessionProof @0xf801940b482fd8f7 {
  # Signed by a device key: this device opened the session.
  nonce @0 :Data $Qpq.max(32);
  # The server's, of this session.
  serverName @1 :Text $Qpq.max(255);
}

struct AccountView @0x9a3354e5b235abd5 {
  # What the server says of an account; a client verifies all of it.
  accountId @0 :Data $Qpq.max(16);
  name @1 :Text $Qpq.max(32);
  accountKey @2 :Data $Qpq.max(32);
  keyChanges @3 :List(Accounts.Signed) $Qpq.max(16);
  list @4 :Accounts.Signed $Qpq.optional;
  # None before the first device.
  certificates @5 :List(Accounts.Signed) $Qpq.max(64);
}

interface Devices @0xf057f4c5ab31e4b9 {
  update @0 (
    list :Accounts.Signed,
    certificates :List(Accounts.Signed) $Qpq.max(64),
    vault :Data $Qpq.max(1024),
    write :Accounts.Signed,
    keyChange :Accounts.Signed $Qpq.optional
  ) -> ();
  # Replaces the list: adds devices, revokes them, or moves to a new account key; with the vault, at once.
  # Needs a fresh login. Revoked devices' sessions end.

  openSession @1 (
    deviceId :Data $Qpq.max(16),
    proof :Data $Qpq.max(64)
    # The device's signature over this session's SessionProof.
  ) -> (
    token :Data $Qpq.max(32),
    expiresAtMs :UInt64 $Qpq.safeInteger
  );
  # Needs a fresh login. Ends the device's earlier session.

  closeSession @2 () -> ();
  # Logs the calling device out; it stays on the list.

  findByName @3 (name :Text $Qpq.max(64)) -> AccountView;
  # Needs a device or a fresh login.

  findById @4 (accountId :Data $Qpq.max(16)) -> AccountView;
  # The same.

  rotate @5 (
    list :Accounts.Signed,
    certificates :List(Accounts.Signed) $Qpq.max(64),
    vault :Data $Qpq.max(1024),
    write :Accounts.Signed,
    keyChange :Accounts.Signed $Qpq.optional,
    directory :Accounts.DirectoryWrite
    # Under the new directory key that the vault has.
  ) -> () $Qpq.large(paramsBytesMax = 600000);
  # As update, and replaces the directory at once. Needs a device, too.
}

# What the server keeps.

struct StoredDevice @0xb6ef31b8e0c47fad {
  certificate @0 :Accounts.Signed;
  signatureKey @1 :Data $Qpq.max(32);
  addedAtMs @2 :UInt64 $Qpq.safeInteger;
  sessionHash @3 :Data $Qpq.max(32);
  # SHA-256 of its token; empty while it is logged out.
}

struct StoredSession @0xbc8df8e693117508 {
  accountId @0 :Data $Qpq.max(16);
  deviceId @1 :Data $Qpq.max(16);
  expiresAtMs @2 :UInt64 $Qpq.safeInteger;
}

# What a client keeps, in its encrypted store.

struct StoredOwnDevice @0x9f6db10de0644153 {
  deviceId @0 :Data $Qpq.max(16);
  signatureSeed @1 :Data $Qpq.max(32);
  certificate @2 :Accounts.Signed $Qpq.optional;
  # Null until the server has taken it.
  sessionToken @3 :Data $Qpq.max(32);
  # Empty while logged out.
}

struct StoredPin @0xdc4a77012e0cc67a {
  # What this client holds an account to.
  accountId @0 :Data $Qpq.max(16);
  name @1 :Text $Qpq.max(32);
  accountKey @2 :Data $Qpq.max(32);
  generation @3 :UInt32;
  listCounter @4 :UInt64 $Qpq.safeInteger;
  listHash @5 :Data $Qpq.max(32);
  # SHA-256 of the newest list's statement; empty when only key and counter are known.
  isVerified @6 :Bool;
  # Safety numbers were compared.
  firstSeenAtMs @7 :UInt64 $Qpq.safeInteger;
  offered @8 :OfferedKey $Qpq.optional;
  # Another key that was given since. Stays until the user has decided.
  sharedKey @9 :Data $Qpq.max(32);
  # What the directory said last; empty before. Only who knows what it replaces replaces it.
  listResets @10 :UInt32;
  # As in the directory.
}

struct StoredOwnList @0xa41f0d6c27b95e83 {
  # The own account's newest device list, as this device has verified it.
  accountKey @0 :Data $Qpq.max(32);
  list @1 :Accounts.Signed;
  certificates @2 :List(Accounts.Signed) $Qpq.max(64);
  earlierKeys @3 :List(Data) $Qpq.max(16) $Qpq.itemMax(32);
  # The account's before this one; each signed the change to the next.
}

struct OfferedKey @0xbc1dffe281ff9715 {
  accountId @0 :Data $Qpq.max(16);
  # Another one: the name was given to another account.
  accountKey @1 :Data $Qpq.max(32);
  isSigned @2 :Bool;
  # The pinned key signed the change.
}
