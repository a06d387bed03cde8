#!/usr/bin/env bash
# The example panel's words for files, against the agent over the mock engine.
#   panel_files.sh PANEL AGENT PLUGIN_DIR
set -euo pipefail
panel=$1 agent=$2 plugins=$3
work=$(mktemp -d)
agent_pid=
clean_up() {
  [ -z "$agent_pid" ] || kill "$agent_pid" 2>/dev/null || true
  wait
  rm -rf "$work"
}
trap clean_up EXIT
cd "$work"
head -c 32 /dev/urandom | base64 >secret
chmod 600 secret
head -c 1500000 /dev/urandom >large
printf 'line one\nline two\n' >small
cat >script <<'END'
agent 60
create files image=game:1
done
put files large
put files small texts/small.txt
ls files
ls files texts
cat files texts/small.txt
get files large came-back
get files texts/small.txt small-came-back
refused FILE_NOT_FOUND get files none
refused PATH_FORBIDDEN cat files ../secret
refused IS_A_DIRECTORY cat files texts
END
"$panel" --listen 127.0.0.1:0 --secret-file secret --port-file port --script script >panel.log &
panel_pid=$!
until [ -s port ]; do kill -0 "$panel_pid"; sleep 0.05; done
PANEL_URL="ws://127.0.0.1:$(cat port)" AGENT_SECRET_FILE="$work/secret" RUNTIME=mock:///default \
  PLUGIN_DIR=$plugins DATA_DIR=$work/data STATE_DIR=$work/state HEALTH_PORT=0 NODE_ID=n "$agent" \
  >agent.log 2>&1 &
agent_pid=$!
wait "$panel_pid" || { cat panel.log agent.log; exit 1; }
cmp large came-back
cmp small small-came-back
cmp large data/files/large
[ ! -e none ] && [ ! -e none.part ]
for wanted in 'line two' 'texts/' '1500000 of 1500000 bytes'; do
  grep -qF "$wanted" panel.log || { echo "'$wanted' was not shown"; cat panel.log; exit 1; }
done
