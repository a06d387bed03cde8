#!/bin/sh
# Runs control-conform on the tests' own engine, as tests/engines/README.md names it:
#
#   on_engine.sh DOCKER|PODMAN PROGRAM ARGUMENT...
set -eu
engine=$1
program=$2
shift 2
eval "uri=\${CONTROL_TEST_$engine:-}"
eval "file=\${CONTROL_TEST_${engine}_FILE:-}"
if [ -z "$uri" ] && [ -n "$file" ]; then uri=$(cat "$file"); fi
[ -n "$uri" ] || {
  echo "on_engine.sh: set CONTROL_TEST_$engine to the URI of an engine" >&2
  exit 2
}
exec "$program" --runtime "$uri" "$@"
