#!/bin/sh
# A mutant of the mock engine is caught by the behaviour that names its bug.
#
#   killed.sh CONTROL_CONFORM MUTANT BEHAVIOUR
#
# The behaviour runs alone, first on the engine without a bug and then on the mutant.
set -eu
program=$1
mutant=$2
behaviour=$3
"$program" --runtime mutant:///none --filter "$behaviour" >/dev/null || {
  echo "$behaviour fails on the engine without a bug"
  exit 1
}
status=0
output=$("$program" --runtime "mutant:///$mutant" --filter "$behaviour" 2>&1) || status=$?
printf '%s\n' "$output"
# 1: a behaviour failed; anything else is no verdict.
[ "$status" -eq 1 ] && printf '%s\n' "$output" | grep -q "^failed: $behaviour\$" || {
  echo "$mutant survives $behaviour (exit code $status)"
  exit 1
}
