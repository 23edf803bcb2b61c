@0xdddf69d3f72a13a4;
# The session: what goes over a connection around the calls (docs/wire-format.md, "Session").
#
# Each stream carries messages: one of these structs in a frame of its own, and right behind it, where
# the struct says so, one frame with parameters or results.

using Qpq = import "/qpq.capnp";

struct ClientMessage @0xc27c85669b3e4365 {
  callId @0 :UInt32;
  # Of a call and its cancellation: chosen by the client, not in use for another call. 0 elsewhere.

  union {
    hello @1 :ClientHello;
    # The first message of the first stream.
    start @2 :Start;
    # The second: proves that the client has read the server's hello. Again whenever the client logs in.
    call :group {
      # The parameters follow, in a frame of their own. On any further stream this comes first and only once.
      interfaceId @3 :UInt64;
      ordinal @4 :UInt16;
      timeoutMs @5 :UInt32;
      # When the client will have given up; 0 leaves it to the server.
    }
    cancel @6 :Void;
    # The client no longer waits for the call.
    ping @7 :Void;
    pong @8 :Void;
  }
}

struct ServerMessage @0xfb81a18da71f60b1 {
  callId @0 :UInt32;

  union {
    hello @1 :ServerHello;
    started @2 :Void;
    # Who the client says it is has been accepted.
    notStarted @3 :Refusal;
    # It has not; the session goes on with nobody.
    result @4 :Void;
    # The results follow, in a frame of their own.
    error @5 :Refusal;
    # The call was refused; on a stream of its own this is the last message.
    end @6 :Void;
    # The last message of a subscription that came to its end.
    ping @7 :Void;
    pong @8 :Void;
    goingAway @9 :Void;
    # The server stops: it finishes what has begun. Connect anew.
  }
}

struct ClientHello @0x9422c247bff2cfed {
  versionMin @0 :UInt16;
  versionMax @1 :UInt16;
  # Protocol versions that the client speaks.
  build @2 :Text $Qpq.max(64);
  # The client's build, for example "qpq/0.1.0".
  authToken @3 :Data $Qpq.max(256);
  # The server's access token, if it wants one.
}

struct ServerHello @0x9f33c5045d0644e8 {
  version @0 :UInt16;
  # The one that both sides speak from here on.
  build @1 :Text $Qpq.max(64);
  serverName @2 :Text $Qpq.max(255);
  incarnation @3 :Data $Qpq.max(16);
  # Of the server's logs (16 bytes): changes when it was restored from a backup.
  nonce @4 :Data $Qpq.max(32);
  # 32 fresh random bytes: the client sends them back, and a device signs them.
  callsMax @5 :UInt16;
  # Calls that may be in flight on the call stream.
  streamsMax @6 :UInt16;
  # Large calls and subscriptions that may be open.
}

struct Start @0xf98385a801858a14 {
  nonce @0 :Data $Qpq.max(32);
  # The server's: so that nothing recorded can be sent again.
  sessionToken @1 :Data $Qpq.max(64);
  # From a login; empty for nobody.
  deviceSignature @2 :Data $Qpq.max(64);
  # The device's Ed25519 signature over the server's nonce and name.
}

struct Refusal @0xa3a729602d75a44b {
  code @0 :Text $Qpq.max(64);
  # One of packages/ports/errors.ts.
  message @1 :Text $Qpq.max(512);
  # For people.
  retryAfterMs @2 :UInt32;
  # 0: not said.
}
