#!/usr/bin/env bash
# The example panel's words for files, archives, backups and images, against the agent over the mock
# engine.
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
cat >script <<'END_OF_SCRIPT'
agent 60
create files image=game:1 disk=64m readiness=console:Done
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

backup files first
done
backups files
put files secret texts/small.txt
restore files first
done
restore files second
refused FILE_NOT_FOUND done
get files texts/small.txt small-restored
start files
done
refused INVALID_STATE restore files first
kill files
done
rmbackup files first
backups files

archive files pack.tar.gz large texts
extract files pack.tar.gz unpacked
ls files unpacked/texts
refused FILE_NOT_FOUND archive files none.zip none
refused INVALID_PAYLOAD archive files pack.rar large
refused FILE_NOT_FOUND extract files none.zip
get files unpacked/large unpacked

pull pullable:1
done
images
pull missing:1
refused IMAGE_NOT_FOUND done
refused POLICY_VIOLATION rmimage game:1
rmimage pullable:1
prune
END_OF_SCRIPT
"$panel" --listen 127.0.0.1:0 --secret-file secret --port-file port --script script >panel.log &
panel_pid=$!
until [ -s port ]; do kill -0 "$panel_pid"; sleep 0.05; done
PANEL_URL="ws://127.0.0.1:$(cat port)" AGENT_SECRET_FILE="$work/secret" RUNTIME=mock:///default \
  PLUGIN_DIR=$plugins DATA_DIR=$work/data STATE_DIR=$work/state BACKUP_DIR=$work/backups \
  HEALTH_PORT=0 NODE_ID=n "$agent" >agent.log 2>&1 &
agent_pid=$!
wait "$panel_pid" || { cat panel.log agent.log; exit 1; }
cmp large came-back
cmp small small-came-back
cmp small small-restored
cmp large data/files/large
cmp large unpacked
[ ! -e none ] && [ ! -e none.part ]
[ -d backups/files ] && [ -z "$(ls backups/files)" ]

shown() {
  grep -qE -- "$1" panel.log || { echo "'$1' was not shown"; cat panel.log; exit 1; }
}
full='^\[##########\] 100 %  '
shown '^line two$'
shown 'texts/$'
shown "${full}put: 1\.4 MiB of 1\.4 MiB$"
shown "${full}get: 1\.4 MiB of 1\.4 MiB$"
shown "${full}backup of files: 3 entries, 1\.4 MiB$"
shown '  backup of files is done: first, 1\.4 MiB packed$'
shown '^first  .*  1\.4 MiB with 3 entries of 1\.4 MiB$'
shown "${full}restore of files: 3 entries, 1\.4 MiB$"
shown '  restore of files is done: first$'
shown '^no backups of files$'
shown "${full}archive of files: 3 entries, 1\.4 MiB$"
shown '  archive of files is done, 1\.4 MiB packed$'
shown "${full}extraction to files: 3 entries, 1\.4 MiB$"
shown "${full}pull of pullable:1(: 16\.0 MiB of 16\.0 MiB)?$"  # not all of a quick one is told
shown '  pull of pullable:1 is done$'
shown '^pullable:1  .*\(pulled by a panel\)$'
shown '  pull of missing:1 failed: IMAGE_NOT_FOUND: '
shown '^removed: none$'
