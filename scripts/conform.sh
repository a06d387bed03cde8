#!/usr/bin/env bash
# Runs the contract suite on every engine and writes tests/contract/RESULTS.md.
#
#   scripts/conform.sh [BUILD_DIR]     default build/dev, built already
#
# Docker and Podman are private ones (root, tests/engines/README.md), unless CONTROL_TEST_DOCKER and
# CONTROL_TEST_PODMAN name some.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

build=${1:-build/dev}
suite=$build/tests/contract/control-conform
[ -x "$suite" ] || fail "$suite is not there: build the target control-conform first"
work=$(mktemp -d /tmp/conform-XXXXXX)
chmod 711 "$work"  # an ordinary user has an engine in it
started=()
stop_engines() {
  local engine
  for engine in "${started[@]}"; do
    "tests/engines/$engine" stop "$work/$engine" >/dev/null 2>&1 || true
  done
  rm -rf "$work"
}
trap stop_engines EXIT

# uri_of ENGINE-SCRIPT GIVEN [OPTION]: the engine that was named, else a private one.
uri_of() {
  if [ -n "$2" ]; then
    printf '%s' "$2"
    return
  fi
  "tests/engines/$1" start "$work/$1" --owner $$ "${@:3}" >"$work/$1.log" 2>&1 ||
    { cat "$work/$1.log" >&2; fail "no engine by $1"; }
  cat "$work/$1/uri"
}

# The image in the registry beside an engine that was started here.
pullable_of() {
  [ ! -e "$work/$1/registry" ] || printf -- '--pullable %s/control-test-pull:latest' "$(head -n 1 "$work/$1/registry")"
}

broken=0
columns=()
# conform NAME LIST PROGRAM ARGUMENT...: one column of the table.
conform() {
  local name=$1 list=$2
  shift 2
  columns+=("$name")
  printf '%-16s' "$name"
  if "$@" --expect "$list" --junit "$work/$name.xml" >"$work/$name.log" 2>&1; then
    tail -n 2 "$work/$name.log" | head -n 1
  else
    broken=1
    tail -n 20 "$work/$name.log"
  fi
  head -n 1 "$work/$name.log" | sed 's/^[^:]*: //; s/ at .*//' >"$work/$name.title"
}

lists=tests/contract/expected
plugin() { printf '%s' "$PWD/$build/plugins/libcontrol-$1.so"; }

conform mock "$lists/mock.txt" "$suite" --runtime 'mock:///conform?clock=virtual' --plugin "$(plugin mock)"
uri=$(uri_of dockerd.sh "${CONTROL_TEST_DOCKER:-}")
[ -n "${CONTROL_TEST_DOCKER:-}" ] || started+=(dockerd.sh)
conform docker "$lists/docker.txt" "$suite" --runtime "$uri" --plugin "$(plugin docker)" $(pullable_of dockerd.sh)
uri=$(uri_of podman.sh "${CONTROL_TEST_PODMAN:-}")
[ -n "${CONTROL_TEST_PODMAN:-}" ] || started+=(podman.sh)
conform podman "$lists/podman.txt" "$suite" --runtime "$uri" --plugin "$(plugin podman)" $(pullable_of podman.sh)
# The same of an ordinary user, who has no cgroups where the host has version 1 of them.
if [ -z "${CONTROL_TEST_PODMAN:-}" ]; then
  tests/engines/podman.sh stop "$work/podman.sh" >/dev/null
  uri=$(uri_of podman.sh "" --rootless)
  list=podman-rootless-cgroup-v1
  [ ! -e /sys/fs/cgroup/cgroup.controllers ] || list=podman
  conform podman-rootless "$lists/$list.txt" "$suite" --runtime "$uri" --plugin "$(plugin podman)" $(pullable_of podman.sh)
  sed -i 's/$/, without root/' "$work/podman-rootless.title"
fi
if [ -x "$build/tests/custom_plugin/control-conform-process" ]; then
  conform process examples/custom_plugin/expected-skips.txt \
    "$build/tests/custom_plugin/control-conform-process" --runtime "process://$work/state" --image host
fi

# The cell of one behaviour in one column.
cell() {
  awk -v want="name=\"$1\"" '
    index($0, "<testcase ") && index($0, want " ") { found = 1; result = "yes" }
    found && /<failure/ { result = "**no**" }
    found && /<skipped/ { result = "-" }
    found && (/\/>$/ && /<testcase/ || /<\/testcase>/) { print result; exit }
  ' "$work/$2.xml"
}

{
  cat <<'HEAD'
# What each engine shows

Written by `scripts/conform.sh`; do not edit. `yes`: it passes. `-`: skipped as listed, with the
reason below. The behaviours are explained by their tests in this folder.

HEAD
  printf '| behaviour | |'
  for column in "${columns[@]}"; do printf ' %s |' "$(cat "$work/$column.title")"; done
  printf '\n|---|---|'
  for column in "${columns[@]}"; do printf -- '---|'; done
  printf '\n'
  group=
  while read -r in_group name level _; do
    if [ "$in_group" != "$group" ]; then
      group=$in_group
      printf '| **%s** | |' "$group"
      for column in "${columns[@]}"; do printf ' |'; done
      printf '\n'
    fi
    printf '| %s | %s |' "$name" "$level"
    for column in "${columns[@]}"; do printf ' %s |' "$(cell "$name" "$column")"; done
    printf '\n'
  done < <("$suite" --list | sort --stable --key=1,1)
  for column in "${columns[@]}"; do
    grep -E '^  skip  ' "$work/$column.log" >"$work/skips" || continue
    printf '\n## Skipped on %s\n\n' "$(cat "$work/$column.title")"
    sed -E 's/^  skip  ([a-z0-9_]+): /- `\1`: /' "$work/skips"
  done
} >"$work/RESULTS.md"
cp "$work/RESULTS.md" tests/contract/RESULTS.md
exit "$broken"
