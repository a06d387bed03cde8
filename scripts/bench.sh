#!/usr/bin/env bash
# Measures what BENCHMARKS.md shows and prints it as a table: the core's own cost on the mock engine,
# libcontrol on a private Docker engine and on a private Podman service, then the agent on the mock
# engine and its consoles on Docker. Takes about nine minutes; nothing else should run meanwhile.
#
#   scripts/bench.sh [containers]     default 100 on Docker; 50 on Podman
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

containers=${1:-100}
# shellcheck disable=SC2046
need_packages $(test_packages)
mapfile -t launcher < <(launcher_options)
echo "building" >&2
cmake --preset release -B build/bench -DCONTROL_BUILD_TESTS=ON "${launcher[@]}" "${whole_options[@]}" >/dev/null
cmake --build build/bench \
  --target core_bench mock_bench docker_bench podman_bench link_bench ws_echo ctrl-alt-play-agent \
  control_mock_module control_docker_module >/dev/null
tests/agent/install.sh >/dev/null

printf '%s, %s\n' "$(date -u +%F)" "$(. /etc/os-release && echo "$PRETTY_NAME")"
build/bench/tests/bench/core_bench "$PWD/build/bench/plugins/libcontrol-mock.so"
printf '\nMock engine, start and stop with a timeout of 30 s, goal 100,000 cycles in 5 s: '
build/bench/tests/bench/mock_bench
printf '\n'
build/bench/tests/bench/docker_bench "$containers"
printf '\n'
build/bench/tests/bench/podman_bench 50
printf '\n| what | ours | against | ratio | goal |\n|---|---|---|---|---|\n'
build/bench/tests/bench/link_bench build/bench/tests/support/ws_echo tests/bench/ws_echo_client.mjs
AGENT_BINARY="$PWD/build/bench/agent/ctrl-alt-play-agent" PLUGIN_DIR="$PWD/build/bench/plugins" \
  WS_ECHO="$PWD/build/bench/tests/support/ws_echo" node tests/bench/agent_bench.mjs
AGENT_BINARY="$PWD/build/bench/agent/ctrl-alt-play-agent" PLUGIN_DIR="$PWD/build/bench/plugins" \
  node tests/bench/files_bench.mjs

# Consoles, on a private Docker engine.
engine=$(mktemp -d /tmp/bench-XXXXXX)
trap 'tests/engines/dockerd.sh stop "$engine"; rmdir "$engine" 2>/dev/null || true' EXIT
CONTROL_TEST_DOCKER=$(tests/engines/dockerd.sh start "$engine" | tail -n 1)
export CONTROL_TEST_DOCKER
printf '\n'
E2E_ENGINE=docker AGENT_BINARY="$PWD/build/bench/agent/ctrl-alt-play-agent" \
  PLUGIN_DIR="$PWD/build/bench/plugins" node tests/bench/console_bench.mjs "$containers"
