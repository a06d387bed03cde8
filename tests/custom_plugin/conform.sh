#!/bin/sh
# Runs the contract suite on the process engine in a state directory of its own.
#
#   conform.sh CONTROL_CONFORM [ARGUMENT...]
set -eu

program=$1
shift
work=$(mktemp -d "${TMPDIR:-/tmp}/control-process-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
"$program" --runtime "process://$work/state" --image host "$@"
# What the suite removed is gone without a trace.
left=$(find "$work/state" -mindepth 1 ! -name .events)
[ -z "$left" ] || { printf 'left behind:\n%s\n' "$left" >&2; exit 1; }
