#!/usr/bin/env bash
# Installs what is missing, builds and tests everything, and says how it went.
#
#   scripts/test.sh                the plain build, its tests on every engine, the fuzzers for 30 s
#                                  each, the format
#   scripts/test.sh --sanitizers   then the unit and mock tests under the address, undefined-behaviour
#                                  and thread sanitizers; half an hour more on 2 processors
#
# clang-tidy takes as long as a build and has a script of its own: scripts/lint.sh.
# Set LOG_DIR to keep the logs elsewhere than in build/logs.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

sanitizers=false
case "${1:-}" in
  "") ;;
  --sanitizers) sanitizers=true ;;
  *) fail "use: scripts/test.sh [--sanitizers]" ;;
esac

logs=${LOG_DIR:-$PWD/build/logs}
mkdir -p "$logs"
started=$SECONDS
passed=0
failed=0
broken=()
# Twice as many as there are processors: tests of engines and of the agent mostly wait.
jobs=$((2 * $(processors)))

# step NAME COMMAND...: runs it with its output in a log, shows the end of that when it fails.
step() {
  local name=$1 log from=$SECONDS
  shift
  log=$logs/$(printf '%s' "$name" | tr -c 'a-zA-Z0-9' '-').log
  printf '%-44s' "$name"
  if "$@" >"$log" 2>&1 </dev/null; then
    printf 'ok      %4d s\n' $((SECONDS - from))
    return 0
  fi
  printf 'FAILED  %4d s\n' $((SECONDS - from))
  broken+=("$name")
  grep -nE 'error:|FAILED|\*\*\*Failed|\*\*\*Timeout|\*\*\*Exception' "$log" | head -n 40 || true
  printf -- '---- the end of %s\n' "$log"
  tail -n 60 "$log"
  printf -- '----\n'
  return 1
}

# check NAME COMMAND...: a step that counts as one test.
check() {
  if step "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}

# Tests of a build tree, added to the sums. tests PRESET NAME CTEST-OPTIONS...
tests() {
  local preset=$1 name=$2 junit=$logs/$1.xml total bad
  shift 2
  rm -f "$junit"
  step "$name" "${runner[@]}" ctest --preset "$preset" -j "$jobs" --no-tests=error \
    --output-junit "$junit" "$@" || true
  if [ ! -s "$junit" ]; then
    failed=$((failed + 1))
    return
  fi
  total=$(sed -n 's/.*[[:space:]]tests="\([0-9]*\)".*/\1/p' "$junit" | head -n 1)
  bad=$(sed -n 's/.*failures="\([0-9]*\)".*/\1/p' "$junit" | head -n 1)
  passed=$((passed + ${total:-0} - ${bad:-0}))
  failed=$((failed + ${bad:-1}))
}

# build PRESET NAME CMAKE-OPTIONS...
build() {
  local preset=$1 name=$2
  shift 2
  mapfile -t launcher < <(launcher_options)
  step "configure $name" cmake --preset "$preset" -DCONTROL_WERROR=ON "${launcher[@]}" "$@" &&
    step "build $name" cmake --build --preset "$preset" || {
    failed=$((failed + 1))
    return 1
  }
}

# Address randomisation beyond 28 bits leaves clang 14's thread sanitizer no room.
tsan_runner() {
  local bits
  bits=$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 0)
  if [ "$bits" -gt 28 ] && setarch "$(uname -m)" -R true 2>/dev/null; then
    runner=(setarch "$(uname -m)" -R)
  fi
}

runner=()
# shellcheck disable=SC2046
step "packages" need_packages $(test_packages) || exit 1

# Without optimisation a whole build from nothing takes a fifth less time.
build dev "dev (g++)" "-DCMAKE_CXX_FLAGS_DEBUG=-O0 -g1" "${whole_options[@]}" && tests dev "tests"

check "fuzzing, 30 s each" scripts/fuzz.sh 30
check "clang-format" scripts/lint.sh --format

if $sanitizers; then
  build asan "asan (clang++)" "${clang_options[@]}" && tests asan "tests, asan" -LE 'engine|install|bench|lint'
  if build tsan "tsan (clang++)" "${clang_options[@]}"; then
    tsan_runner
    tests tsan "tests, tsan" -LE 'engine|install|bench|lint'
    runner=()
  fi
fi

printf '\n'
for name in "${broken[@]}"; do printf 'FAILED: %s\n' "$name"; done
printf '%d s\n' $((SECONDS - started))
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "${#broken[@]}" -eq 0 ]
