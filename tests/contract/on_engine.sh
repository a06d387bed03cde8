#!/bin/sh
# Runs control-conform on the tests' own engine, as tests/engines/README.md names it:
#
#   on_engine.sh DOCKER|PODMAN|PODMAN_ROOTLESS PROGRAM ARGUMENT...
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
# The registry that tests/engines starts beside its engines.
if [ -n "$file" ] && [ -e "$(dirname "$file")/registry" ]; then
  set -- --pullable "$(head -n 1 "$(dirname "$file")/registry")/control-test-pull:latest" "$@"
fi
exec "$program" --runtime "$uri" "$@"
