@0xc7e90b5d3f6a1284;
# Calls of every kind, for the tests of this package.

using Qpq = import "/qpq.capnp";

interface Probe @0xe3a51c7f90b2d846 {
  echo @0 (payload :Data $Qpq.max(262000)) -> (payload :Data $Qpq.max(262000));
  # Returns what it gets.
  hold @1 (name :Text $Qpq.max(64), resultBytes :UInt32) -> (payload :Data $Qpq.max(262000));
  # Waits until the test lets it go, or its signal is aborted.
  refuse @2 (code :Text $Qpq.max(64)) -> ();
  # Fails with that code, or, for any other text, with a bug.
  upload @3 (payload :Data $Qpq.max(4000000)) -> (payload :Data $Qpq.max(4000000))
    $Qpq.large((paramsBytesMax = 4001000, resultsBytesMax = 4001000));
  count @4 (upTo :UInt32) -> (value :UInt32, padding :Data $Qpq.max(65536)) $Qpq.subscription;
  # Counts from 1, above 1000 with 32 KiB of padding each; up to 0 says nothing and never ends.
  whoAmI @5 () -> (name :Text $Qpq.max(64));
}
