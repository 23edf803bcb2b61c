# Sourced with $root set: sets $deno to the pinned runtime's native binary. node_modules/.bin/deno may be a Node
# script that only spawns it, and a kill would then miss the program.
case "$(uname -sm)" in
  "Linux x86_64") platform=linux-x64-glibc ;;
  "Linux aarch64") platform=linux-arm64-glibc ;;
  "Darwin x86_64") platform=darwin-x64 ;;
  "Darwin arm64") platform=darwin-arm64 ;;
  *)
    echo "quicproquo runs on Linux (glibc) and macOS, x64 and arm64; this is $(uname -s) $(uname -m)." >&2
    exit 1
    ;;
esac
deno="$root/node_modules/@deno/$platform/deno"
if [ ! -x "$deno" ]; then
  echo "The runtime is not installed yet: run 'npm ci' in $root first." >&2
  exit 1
fi
export DENO_NO_UPDATE_CHECK=1
