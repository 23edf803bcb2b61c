@0xb4a43de0a98aecfa;
# Whether a server is well, for people and scripts that ask over the session itself.

using Qpq = import "/qpq.capnp";

enum ServerState @0xe4b6b6ba8a4b4a51 {
  serving @0;
  draining @1;
  # It finishes what has begun and then stops: reconnect later.
}

interface Health @0xbf535253405bac88 {
  check @0 () -> (
    state :ServerState,
    version :Text $Qpq.max(64),
    # The server's build, for example "0.1.0".
    uptimeMs :UInt64 $Qpq.safeInteger
  );
}
