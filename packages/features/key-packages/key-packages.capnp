@0xf9291774688b27ba;
# Key packages: what lets others add a device to a group while it is away (RFC 9420, section 10).

using Qpq = import "/qpq.capnp";

interface KeyPackages @0x8a6fa4789143ab8a {
  # All calls need a device. Packages are MLSMessages.

  publish @0 (
    packages :List(Data) $Qpq.max(200) $Qpq.itemMax(8192),
    # For one use each. What was published before is passed over.
    lastResort :Data $Qpq.optional $Qpq.max(8192)
    # Replaces the one of its suite.
  ) -> () $Qpq.large(paramsBytesMax = 1700000);

  count @1 (cipherSuite :UInt16) -> (
    singleUse :UInt32,
    # That are not expired.
    lastResort :LastResortState $Qpq.optional
  );
  # The calling device's.

  claim @2 (accountId :Data $Qpq.max(16), cipherSuite :UInt16) -> (
    packages :List(ClaimedPackage) $Qpq.max(64)
    # At most one for each device, not for the calling one; devices that have none are left out.
  ) $Qpq.large(resultsBytesMax = 540000);
}

struct LastResortState @0xcad8391f110baaca {
  publishedAtMs @0 :UInt64 $Qpq.safeInteger;
  firstUsedAtMs @1 :UInt64 $Qpq.safeInteger;
  # 0: not used yet.
}

struct ClaimedPackage @0xefcbb70793cf642f {
  deviceId @0 :Data $Qpq.max(16);
  package @1 :Data $Qpq.max(8192);
}

# What the server keeps.

struct StoredPackage @0xd26b962c00474376 {
  package @0 :Data $Qpq.max(8192);
  hash @1 :Data $Qpq.max(32);
  expiresAtMs @2 :UInt64 $Qpq.safeInteger;
}

struct StoredLastResort @0xe34fe75cc8accd5b {
  package @0 :Data $Qpq.max(8192);
  expiresAtMs @1 :UInt64 $Qpq.safeInteger;
  state @2 :LastResortState;
}

struct StoredSupply @0x96344ed63791d28a {
  # Of one device and suite.
  next @0 :UInt64 $Qpq.safeInteger;
  # Number of the next package.
  count @1 :UInt32;
  # Single-use packages that are stored.
}

# What a client keeps, in its encrypted store.

struct StoredOwnPackage @0xd5f461b542f97f19 {
  message @0 :Data $Qpq.max(8192);
  initPrivateKey @1 :Data $Qpq.max(256);
  encryptionPrivateKey @2 :Data $Qpq.max(256);
  isLastResort @3 :Bool;
  keepUntilMs @4 :UInt64 $Qpq.safeInteger;
  # A Welcome that comes later can't be opened.
  madeAtMs @5 :UInt64 $Qpq.safeInteger;
  isPublished @6 :Bool;
  # The server has said that it took it. Until then it is sent again.
  firstUsedAtMs @7 :UInt64 $Qpq.safeInteger;
  # Of a last resort, when a Welcome for it came; 0: none has.
}
