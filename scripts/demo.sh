#!/usr/bin/env bash
# Builds the agent and the example panel, starts both and shows what they do.
#
#   scripts/demo.sh                        on the mock engine: needs no container engine
#   scripts/demo.sh --runtime docker:///   the same on this host's Docker; where none runs, root
#                                          gets a private one that ends with the demo
#
# On a terminal the panel's prompt stays open after the show. All is cleaned up at the end.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

runtime=mock:///default
while [ $# -gt 0 ]; do
  case $1 in
    --runtime) runtime=${2:?"--runtime needs a URI, as docker:///"}; shift 2 ;;
    --runtime=*) runtime=${1#*=}; shift ;;
    *) fail "use: scripts/demo.sh [--runtime URI]" ;;
  esac
done

# --- Docker: what must be there before anything is built -------------------------------------

image=control-demo:latest
docker_cli() { docker "${docker_host[@]}" "$@"; }

check_docker() {
  case $runtime in
    docker:///?*) docker_host=(-H "unix://${runtime#docker://}") ;;
    docker:///) docker_host=() ;;
    *) docker_host=(); return 0 ;;
  esac
  if [ "$runtime" = docker:/// ] && [ -z "${DOCKER_HOST:-}" ] && ! docker_answers; then
    start_private_docker
  fi
  docker_answers ||
    fail "no Docker engine answers ($(docker_cli info 2>&1 | tail -n 1)); start it (systemctl start docker), or run the demo without --runtime"
  local others
  others=$(docker_cli ps -aq --filter label=ctrl-alt-play.managed=true | wc -l)
  [ "$others" -eq "$(demo_containers | wc -l)" ] ||
    fail "this Docker has servers of an agent already, which the demo leaves alone. Use another engine"
}

docker_answers() { command -v docker >/dev/null 2>&1 && docker_cli info >/dev/null 2>&1; }

start_private_docker() {
  [ "$(id -u)" -eq 0 ] ||
    fail "no Docker engine runs here; install and start one (apt-get install docker.io), or run the demo as root or without --runtime"
  # shellcheck disable=SC2046
  need_packages $(docker_packages)
  printf 'no Docker engine runs here: starting a private one for the demo\n'
  private_docker=$work/docker
  runtime=$(tests/engines/dockerd.sh start "$private_docker") || fail "the private Docker engine does not start"
  docker_host=(-H "unix://${runtime#docker://}")
}

demo_containers() { docker_cli ps -aq --filter name='^ctrl-alt-play-demo-'; }

# Busybox as an image, without a registry.
import_image() {
  docker_cli image inspect "$image" >/dev/null 2>&1 && return 0
  need_packages busybox-static
  local root=$work/image applet
  mkdir -p "$root/bin" "$root/tmp"
  cp "$(command -v busybox)" "$root/bin/busybox"
  for applet in $(busybox --list); do
    [ "$applet" = busybox ] || ln -sf busybox "$root/bin/$applet"
  done
  tar -C "$root" -c . | docker_cli import --change 'CMD ["/bin/sh"]' --change 'ENV PATH=/bin' - "$image" >/dev/null ||
    fail "Docker does not take the demo's image"
  imported=true
}

# --- Everything that is started or made is ended and removed ---------------------------------

work=$(mktemp -d "${TMPDIR:-/tmp}/control-demo-XXXXXX")
agent_pid=
imported=false
docker_host=()
private_docker=

end_agent() {
  [ -n "$agent_pid" ] || return 0
  kill "$agent_pid" 2>/dev/null || true
  wait "$agent_pid" 2>/dev/null || true
  agent_pid=
}

clean_up() {
  trap '' INT TERM
  end_agent
  case $runtime in
    docker:///*)
      if [ -n "${image_ready:-}" ]; then
        demo_containers | xargs -r docker "${docker_host[@]}" rm -f >/dev/null 2>&1 || true
        if $imported; then docker_cli rmi "$image" >/dev/null 2>&1 || true; fi
      fi
      ;;
  esac
  [ -z "$private_docker" ] || tests/engines/dockerd.sh stop "$private_docker" || true
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# --- Build -----------------------------------------------------------------------------------

show_progress() {
  local line
  while IFS= read -r line; do
    printf '%s\n' "$line" >>"$work/build.log"
    case $line in
      \[*) if [ -t 1 ]; then printf '\rbuilding %s ' "${line%%]*}]"; fi ;;
    esac
  done
  if [ -t 1 ]; then printf '\r\033[K'; fi
}

build() {
  local from=$SECONDS
  mapfile -t launcher < <(launcher_options)
  printf 'building\n'
  cmake --preset release -B build/demo -DCONTROL_BUILD_TESTS=OFF "${launcher[@]}" "${whole_options[@]}" >"$work/build.log" 2>&1 &&
    cmake --build build/demo 2>&1 | show_progress || {
    tail -n 40 "$work/build.log" >&2
    fail "the build failed"
  }
  printf 'built in %d s\n' $((SECONDS - from))
}

# --- The show --------------------------------------------------------------------------------

start_agent() {
  local tries=0
  until [ -s "$work/port" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 200 ] || return 1
    sleep 0.05
  done
  exec env PANEL_URL="ws://127.0.0.1:$(cat "$work/port")" NODE_ID=demo \
    AGENT_SECRET_FILE="$work/secret" RUNTIME="$runtime" PLUGIN_DIR="$PWD/build/demo/plugins" \
    DATA_DIR="$work/data" STATE_DIR="$work/state" BACKUP_DIR="$work/backups" \
    HEALTH_PORT=0 STATS_INTERVAL=1 LOG_LEVEL=warning \
    build/demo/agent/ctrl-alt-play-agent >"$work/agent.log" 2>&1
}

check_docker
# shellcheck disable=SC2086
need_packages $build_packages
build
case $runtime in
  docker:///*) import_image; image_ready=true ;;
esac

mkdir -p "$work/data" "$work/state"
(umask 077 && openssl rand -hex 32 >"$work/secret")
start_agent &
agent_pid=$!

prompt=()
if [ -t 0 ] && [ -t 1 ]; then prompt=(--prompt); fi
status=0
build/demo/examples/panel/panel --listen 127.0.0.1:0 --secret-file "$work/secret" \
  --port-file "$work/port" --set "IMAGE=$image" --script scripts/demo.panel "${prompt[@]}" || status=$?
if [ "$status" -ne 0 ] && [ -s "$work/agent.log" ]; then
  printf -- '---- the log of the agent\n'
  tail -n 40 "$work/agent.log"
fi
exit "$status"
