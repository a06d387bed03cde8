#!/usr/bin/env bash
# Builds the fuzzers (clang, address and undefined-behaviour sanitizers) and lets each search for a
# while, from the seeds in tests/fuzz/seeds and the recorded replies of engines. A line for each; fails
# when one finds something, and then names the input and how to run it again.
#
#   scripts/fuzz.sh [SECONDS [NAME...]]     default: 30 s each, all of them
#
# FUZZ_JOBS at once, by default four for each processor.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

seconds=${1:-30}
case $seconds in "" | *[!0-9]*) fail "use: scripts/fuzz.sh [SECONDS [NAME...]]" ;; esac
[ $# -eq 0 ] || shift
jobs=${FUZZ_JOBS:-$((4 * $(processors)))}
build=$PWD/build/asan
found=$build/fuzz
# shellcheck disable=SC2046
need_packages $(test_packages)

build() {
  mapfile -t launcher < <(launcher_options)
  cmake --preset asan -DCONTROL_WERROR=ON "${launcher[@]}" "${clang_options[@]}" &&
    cmake --build "$build" --target fuzzers
}

# fuzz NAME PROGRAM [-dict=FILE] SEED-FOLDER...
fuzz() {
  local name=$1 program=$2 log=$found/$1.log result=0
  shift 2
  mkdir -p "$found/$name"
  # The first folder takes what is new; it starts empty, so that each run is the same.
  "$program" -max_total_time="$seconds" -max_len=8192 -timeout=5 -rss_limit_mb=1024 \
    -print_final_stats=1 -artifact_prefix="$found/$name-" "$found/$name" "$@" >"$log" 2>&1 || result=$?
  rm -rf "${found:?}/$name"
  local runs coverage
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  coverage=$(grep -o 'cov: [0-9]*' "$log" | tail -n 1 | cut -d' ' -f2) || true
  if [ "$result" -eq 0 ]; then
    printf '%-14s %10s runs  coverage %5s  nothing found\n' "$name" "${runs:-?}" "${coverage:-?}"
    return
  fi
  printf '%-14s %10s runs  coverage %5s  FOUND, see %s\n' "$name" "${runs:-?}" "${coverage:-?}" "$log"
  grep -hE 'ERROR|runtime error|SUMMARY|Test unit written' "$log" || tail -n 20 "$log"
  grep -ho "$found/$name-[^ ]*" "$log" | tail -n 1 | xargs -r printf 'again: %s %s\n' "$program"
  touch "$found/failed"
}

rm -rf "$found"
mkdir -p "$found"
build >"$found/build.log" 2>&1 || {
  tail -n 40 "$found/build.log"
  fail "the fuzzers do not build; the whole log is $found/build.log"
}
chosen=" $* "
running=0
while read -r -a line; do
  [ "$chosen" = "  " ] || [[ $chosen == *" ${line[0]} "* ]] || continue
  fuzz "${line[@]}" &
  running=$((running + 1))
  if [ "$running" -ge "$jobs" ]; then
    wait -n
    running=$((running - 1))
  fi
done <"$build/tests/fuzz/fuzzers.txt"
wait
[ ! -e "$found/failed" ]
