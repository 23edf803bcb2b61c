@0xd1f4b7c2a9e6530b;
# The smallest slice: does the server answer, how soon, and what time is it there?

using Qpq = import "/qpq.capnp";

interface Ping @0xa8c4e1f27b3d9560 {
  ping @0 (payload :Data $Qpq.max(32768)) -> (
    payload :Data $Qpq.max(32768),
    # What was sent.
    serverTimeMs :UInt64 $Qpq.safeInteger
    # The server's wall clock, milliseconds since 1970.
  );
}
