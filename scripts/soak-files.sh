#!/usr/bin/env bash
# Ten million exchanges of a directory for a symbolic link that leads out, while every action on files
# goes through it: nothing outside may be read or changed. Minutes; not part of scripts/test.sh.
#
#   scripts/soak-files.sh [exchanges]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
# shellcheck disable=SC2046
need_packages $(test_packages)
mapfile -t launcher < <(launcher_options)
cmake --preset dev "${launcher[@]}" >/dev/null
cmake --build --preset dev --target agent_confinement_test >/dev/null
FILES_RACE_EXCHANGES=${1:-10000000} TMPDIR=${TMPDIR:-/dev/shm} \
  build/dev/tests/unit/agent/files/agent_confinement_test --gtest_filter='*AnExchange*'
