#!/bin/sh
# Runs the pinned runtime: the native binary itself, so that this process becomes it (node_modules/.bin/deno may be
# a Node script that only spawns it). Usage: scripts/deno.sh ARGUMENT...
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
case "$(uname -s)-$(uname -m)" in
  Linux-x86_64) platform=linux-x64-glibc ;;
  Linux-aarch64) platform=linux-arm64-glibc ;;
  Darwin-x86_64) platform=darwin-x64 ;;
  Darwin-arm64) platform=darwin-arm64 ;;
  *) echo "quicproquo: no runtime for $(uname -s) $(uname -m): Linux (glibc) and macOS, x64 and arm64, are supported" >&2; exit 1 ;;
esac
deno="$root/node_modules/@deno/$platform/deno"
if [ ! -x "$deno" ]; then
  echo "quicproquo: the runtime is not installed: run 'npm ci' in $root" >&2
  exit 1
fi
DENO_NO_UPDATE_CHECK=1 exec "$deno" "$@"
