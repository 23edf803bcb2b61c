#!/bin/sh
# Runs the pinned runtime: scripts/deno.sh ARGUMENT...
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
. "$root/scripts/runtime.sh"
exec "$deno" "$@"
