#!/bin/sh
# How control-conform behaves as a program: its list, its skips, its exit codes, an interruption.
#
#   program_test.sh CONTROL_CONFORM_WITH_THE_MOCK_LINKED_IN SOURCE_FOLDER CONTROL_CONFORM_MUTANTS
set -eu
program=$1
source=$2
mutants=$3
work=$(mktemp -d "${TMPDIR:-/tmp}/conform-XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/tmp"
export TMPDIR="$work/tmp"
trap 'exit 1' HUP INT TERM

die() { printf 'FAILED: %s\n' "$*" >&2; cat "$work/out" >&2; exit 1; }
# expect STATUS PATTERN ARGUMENT...
expect() {
  wanted=$1
  pattern=$2
  shift 2
  status=0
  "$program" "$@" >"$work/out" 2>&1 || status=$?
  [ "$status" -eq "$wanted" ] || die "$*: exit code $status, expected $wanted"
  grep -Eq -e "$pattern" "$work/out" || die "$*: expected /$pattern/"
}
mock='mock:///program?clock=virtual'
only='remove_keeps_named_volumes:inspect_missing_is_not_found'

# Every name of the contract is there, and no other.
"$program" --list | awk '{ print $2 }' | sort >"$work/out"
diff "$source/behaviours.txt" "$work/out" >&2 || die "the behaviours are not those of behaviours.txt"

expect 0 'control-conform .* \(' --version
expect 0 '^Exit code 0' --help
expect 2 "unknown argument '--colour'" --colour
expect 2 '--runtime is missing'
expect 2 '--filter needs a value' --runtime "$mock" --filter
expect 2 'no behaviour matches' --runtime "$mock" --filter no_such_behaviour
expect 2 'unknown engine' --runtime warp:///
expect 2 'cannot read /no/such/list' --runtime "$mock" --expect /no/such/list
expect 2 "cannot read $work: it is a directory; expected a file" --runtime "$mock" --expect "$work"

# --list with --filter, which selects as a run does.
selects() {
  expect 0 '' --list --filter "$1"
  [ "$(awk '{ print $2 }' "$work/out" | sort | tr '\n' ' ')" = "$2" ] || die "--filter $1: expected $2"
}
selects "$only" 'inspect_missing_is_not_found remove_keeps_named_volumes '
selects 'Loader.o*:Pull.*-pull_*:other_*' 'image_is_visible_at_once_after_pull older_abi '
expect 0 '^Start ' --list --filter '-stop_*'
! grep -q '^Stop stop_' "$work/out" || die "-stop_* lists them all the same"
expect 0 '^Pull image_is_visible_at_once_after_pull MUST pull fault pullable$' --list
expect 0 '^Logs logs_poll_readable_when_there_is_something MUST logs descriptor$' --list
expect 2 'no behaviour matches' --list --filter no_such_behaviour

# A skip has to be listed, one that is not needed is said, one of nothing is a mistake.
: >"$work/none.txt"
expect 1 '^DOES NOT CONFORM' --runtime "$mock" --filter "$only" --expect "$work/none.txt" \
  --junit "$work/unlisted.xml"
grep -q 'tests="2" failures="1"' "$work/unlisted.xml" || die "whoever reads the XML alone sees no failure"
grep -q "^skips that are not on the list; put those that are right into $work/none.txt:" "$work/out" ||
  die "no remedy is named"
grep -q '1 passed, 0 skipped as listed, 0 failed, 1 skips not listed' "$work/out" || die "the sums are wrong"
# What it prints is what the list takes.
grep '^remove_keeps_named_volumes: its containers have no files$' "$work/out" >"$work/pasted.txt" ||
  die "no line to paste"
expect 0 '^CONFORMS' --runtime "$mock" --filter "$only" --expect "$work/pasted.txt"
# There is no installed list.
expect 1 'put those that are right into a file of your own and name that with --expect FILE' \
  --runtime "$mock" --filter "$only"
echo 'remove_keeps_named_volumes: no files  # really' >"$work/some.txt"
expect 0 '^  skip  remove_keeps_named_volumes: no files' \
  --runtime "$mock" --filter "$only" --expect "$work/some.txt"
grep -q '1 passed, 1 skipped as listed, 0 failed in' "$work/out" || die "the sums are wrong"
echo 'inspect_missing_is_not_found: not any more' >>"$work/some.txt"
expect 0 '^note: inspect_missing_is_not_found is on the list of skips, but passes' \
  --runtime "$mock" --filter "$only" --expect "$work/some.txt"
echo 'no_such_behaviour: for no reason' >"$work/wrong.txt"
expect 2 "there is no behaviour 'no_such_behaviour'" --runtime "$mock" --expect "$work/wrong.txt"
echo 'inspect_missing_is_not_found' >"$work/wrong.txt"
expect 2 'line 1: expected `behaviour: reason`' --runtime "$mock" --expect "$work/wrong.txt"

expect 0 '^CONFORMS' --runtime "$mock" --filter inspect_missing_is_not_found --junit "$work/junit.xml"
expect 2 'cannot write .*no/such' --runtime "$mock" --junit "$work/no/such/junit.xml"
grep -q 'testcase name="inspect_missing_is_not_found"' "$work/junit.xml" || die "no JUnit results"

expect 2 'fixtures /no/such/folder: there is no libcontrol-good.so' --runtime "$mock" --fixtures /no/such/folder
expect 2 '^control-conform: --runtime is given twice' --runtime "$mock" --runtime "$mock"
expect 2 'limit 0: expected whole seconds' --runtime "$mock" --limit 0

# GoogleTest's variables change nothing: all runs, once, in its order.
for variable in GTEST_TOTAL_SHARDS=2\ GTEST_SHARD_INDEX=1 GTEST_FILTER=nothing GTEST_REPEAT=0 \
    GTEST_SHUFFLE=1 GTEST_FAIL_FAST=1 GTEST_LIST_TESTS=1 TESTBRIDGE_TEST_ONLY=nothing \
    GTEST_OUTPUT="xml:$work/unasked.xml"; do
  # shellcheck disable=SC2086
  env $variable "$program" --runtime "$mock" --filter 'Loader.*' >"$work/out" 2>&1 || die "$variable: it fails"
  awk '/^  [a-z]/ { print $2 }' "$work/out" >"$work/ran"
  [ -e "$work/in-order" ] || "$program" --list --filter 'Loader.*' | awk '{ print $2 }' >"$work/in-order"
  diff "$work/in-order" "$work/ran" >&2 || die "$variable: other behaviours ran"
done
[ ! -e "$work/unasked.xml" ] || die "it wrote what GTEST_OUTPUT asks for"

# What is not the plugin's fault.
(TMPDIR=/no/such/folder; expect 2 "cannot make a folder in TMPDIR, '/no/such/folder': No such file" --runtime "$mock")
expect 2 '^control-conform: cannot write /dev/full: No space left' --runtime "$mock" \
  --filter inspect_missing_is_not_found --junit /dev/full
"$program" --runtime "$mock" --filter inspect_missing_is_not_found >&- 2>&- <&- ||
  die "without stdin, stdout and stderr: exit code $?"
mkdir "$work/gone"
(
  cd "$work/gone"
  rmdir "$work/gone"
  expect 0 '^CONFORMS' --runtime "$mock" --filter 'Loader.*:inspect_missing_is_not_found'
  expect 2 '^control-conform: --junit needs an absolute path' --runtime "$mock" --junit results.xml
)

# What the mock engine's scenario says twice.
echo '{"containers": [{"name": "over", "image": "a", "exit": {"exit_code": 3, "signal": "TERM"}}]}' >"$work/twice.json"
expect 2 'line 1: "exit" has one of exit_code, signal and oom, not exit_code and signal' --runtime "mock://$work/twice.json"

# endedBy SIGNAL WANTED-EXIT-CODE: in the middle of a stop that takes 11 s.
endedBy() {
  : >"$work/out"  # what the run before has said is none of this one
  ASAN_OPTIONS=${ASAN_OPTIONS:-}:handle_segv=0 TSAN_OPTIONS=${TSAN_OPTIONS:-}:handle_segv=0 \
    "$program" --runtime "mock:///ended-by-$1?clock=real" --filter 'stop_timeout_longer*' >"$work/out" 2>&1 &
  pid=$!
  tries=0
  until grep -q '^Stop' "$work/out"; do
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] || die "it did not begin"
    sleep 0.1
  done
  kill "-$1" "$pid"
  status=0
  wait "$pid" || status=$?
  [ "$status" -eq "$2" ] || die "ended by SIG$1: exit code $status, expected $2"
  [ -z "$(ls "$TMPDIR")" ] || die "ended by SIG$1 it left files: $(ls "$TMPDIR")"
}
endedBy TERM 143
grep -q '^interrupted in stop_timeout_longer' "$work/out" || die "it did not say what ran"
grep -Eq '^clean-up: [01] containers removed' "$work/out" || die "it did not clean up"
endedBy SEGV 139
grep -q '^  DIED  stop_timeout_longer' "$work/out" || die "it did not say what ran"

# What a plugin may do to the process. Each behaviour that catches a bug is shown by killed.sh.
program=$mutants
expect 1 '^  DIED  before the first behaviour' --runtime mutant:///exits_when_opened
grep -q '^DOES NOT CONFORM: the plugin ended the process with exit code 0' "$work/out" ||
  die "it did not say how the process ended"
expect 2 'a call of the plugin threw an exception, and none may: no info' \
  --runtime mutant:///info_throws
expect 134 '^  DIED  inspect_missing_is_not_found' --runtime mutant:///aborts \
  --filter inspect_missing_is_not_found
grep -q '^these are my last words' "$work/out" || die "what it printed before it died is lost"
grep -q 'by signal 6 (Aborted)' "$work/out" || die "it did not say by which signal it died"
expect 1 "neither info\(\)\.endpoint \('.*'\) nor the path of --runtime \('/extension.*'\) is a" \
  --runtime mutant:///extension_for_any_name --filter hung_container_does_not_block_others

# What the proxy cannot do to an engine that does not speak HTTP is said, and at once.
cannot='*_of_unknown_effect_*:events_unknown_type_*:unknown_engine_state_*:stop_of_paused_*:remove_keeps_*:pull_*:hung_*'
expect 1 '^  SKIP  start_of_unknown_effect_is_discoverable: no answer can be lost: the proxy does not speak' \
  --runtime mutant:///other_protocol --filter "$cannot"
grep -Eq ': 0 passed, 0 skipped as listed, 0 failed, 15 skips not listed in [0-9]\.' "$work/out" ||
  die "not all of them are skipped"

# A skip for want of a capability, which is on no list.
expect 1 '^  SKIP  stats_of_stopped_is_wrong_state: the engine has not the capability stats' \
  --runtime mutant:///lists_no_stats --filter stats_of_stopped_is_wrong_state
grep -q ' 0 failed, 1 skips not listed' "$work/out" || die "the sums are wrong"

# No image to pull is no excuse where one is named.
pulled=image_is_visible_at_once_after_pull
echo "$pulled: no image is named that can be pulled (--pullable)" >"$work/no-image.txt"
expect 0 "^  skip  $pulled: no image is named" --runtime mutant:///every_image_is_there \
  --filter "$pulled" --expect "$work/no-image.txt"
expect 1 "^failed: $pulled" --runtime mutant:///every_image_is_there \
  --filter "$pulled" --expect "$work/no-image.txt" --pullable registry.test/pullable/image:1

# Calls that never return.
hangs=inspect_missing_is_not_found
expect 1 "^  FAIL  $hangs: did not return within 1 s" --runtime mutant:///inspect_never_returns \
  --filter "$hangs" --limit 1
tail -n 1 "$work/out" | grep -q '^DOES NOT CONFORM: the plugin did not return' || die "it did not end so"
grep -q '^clean-up: 0 containers removed' "$work/out" || die "it did not clean up"
expect 1 '^the clean-up did not end' --runtime mutant:///list_never_returns_either \
  --filter "$hangs" --limit 1
# Once its container is cleaned up this one returns: what comes after it did not run, nor does it end twice.
expect 1 '^  FAIL  cancel_unblocks_every_blocking_call: did not return within 2 s' \
  --runtime mutant:///noticed_ignores_its_context --filter 'cancel_unblocks*:list_*:Loader.*' --limit 2
[ "$(grep -c '^  FAIL' "$work/out")" -eq 1 ] || die "it fails more than what did not return"
[ "$(grep -c 'CONFORM' "$work/out")" -eq 1 ] || die "it ends twice"

# Enumerations are shown in their words, and files by their names.
expect 1 'Which is: exited' --runtime mutant:///inspect_exited_is_unknown \
  --filter inspect_after_exit_reports_exit_status
grep -q '^      create.cpp:[0-9]' "$work/out" || die "the file is called otherwise"

# Where nothing can be made nothing more is tried, and the call that failed is named.
expect 1 'create\(conform-.*\) failed: resource_exhausted: no room' --runtime mutant:///is_full \
  --filter start_running_reports_already_running
[ "$(grep -c 'failed: ' "$work/out")" -eq 2 ] || die "it goes on"

# A second signal waits for nothing: the clean-up of this one would take all its time.
: >"$work/out"
"$program" --runtime mutant:///list_never_returns_either --filter "$hangs" >"$work/out" 2>&1 &
pid=$!
awaitLine() {
  tries=0
  until grep -q "$1" "$work/out"; do
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] || die "there is no line /$1/"
    sleep 0.1
  done
}
awaitLine '^Create$'
kill -TERM "$pid"
awaitLine "^interrupted in $hangs"
kill -TERM "$pid"
status=0
wait "$pid" || status=$?
[ "$status" -eq 143 ] || die "ended by a second signal: exit code $status, expected 143"
[ -z "$(ls "$TMPDIR")" ] || die "files are left: $(ls "$TMPDIR")"
