#!/usr/bin/env bash
# Faults for a long time: commands, reconnects, crashes and restarts at random, with everything that
# is promised checked after each (tests/agent/lib/storm.mjs).
#
#   scripts/soak.sh [minutes]    default 60: a quarter of it each on a dockerd and on a Podman of its own,
#                                half on the mock engine; then every failpoint on both, half an hour more
#
# SOAK_SEED=N repeats the commands and faults of an earlier run. Needs root, as the engine tests do.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

minutes=${1:-60}
[[ $minutes =~ ^[0-9]+$ ]] && [ "$minutes" -ge 4 ] || fail "use: scripts/soak.sh [minutes], at least 4"
seed=${SOAK_SEED:-$RANDOM}
directory=$(mktemp -d /tmp/soak-XXXXXX)

finish() {
  tests/engines/dockerd.sh stop "$directory/docker" >/dev/null 2>&1 || true
  tests/engines/podman.sh stop "$directory/podman" >/dev/null 2>&1 || true
  rm -rf "$directory"
}
trap finish EXIT

# shellcheck disable=SC2046
need_packages $(test_packages)
mapfile -t launcher < <(launcher_options)
cmake --preset dev "${launcher[@]}" >/dev/null
cmake --build --preset dev --target \
  ctrl-alt-play-agent control_docker_module control_podman_module control_mock_module \
  websocket_faults_test
tests/agent/install.sh >/dev/null

export AGENT_BINARY=$PWD/build/dev/agent/ctrl-alt-play-agent PLUGIN_DIR=$PWD/build/dev/plugins
export STORM_SEED=$seed E2E_SLOWNESS=4

# on_real ENGINE SCRIPT: it is frozen, killed and restarted as well.
on_real() {
  local uri
  uri=$("tests/engines/$2" start "$directory/$1")
  printf 'on a real %s, %s minutes, seed %s\n' "$1" $((minutes / 4)) "$seed"
  E2E_ENGINE=$1 E2E_RUNTIME=$uri STORM_MINUTES=$((minutes / 4)) STORM_KILLS=1 \
    STORM_BREAKS_ENGINE=1 node --test tests/agent/storm.test.mjs
  printf 'on that %s, kill -9 of the agent at every call that matters\n' "$1"
  FAILPOINTS=all E2E_ENGINE=$1 E2E_RUNTIME=$uri node --test tests/agent/failpoints.test.mjs
  "tests/engines/$2" stop "$directory/$1"
}

on_real docker dockerd.sh
on_real podman podman.sh
mock=$((minutes - minutes / 4 * 2))
printf 'on the mock engine, %s minutes, seed %s\n' "$mock" "$seed"
E2E_ENGINE=mock STORM_MINUTES=$mock node --test tests/agent/storm.test.mjs
printf 'ten thousand reconnects of the link\n'
LINK_RECONNECTS=10000 build/dev/tests/websocket/websocket_faults_test --gtest_brief=1
printf 'clean\n'
