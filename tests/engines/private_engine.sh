# shellcheck shell=bash disable=SC2154
# What dockerd.sh and podman.sh share; sourced by both, which define for it
#   script, engine     the script's name; "docker" or "podman": the URI's scheme and the socket's name
#   daemons            names of the daemons, the main one first; each has a NAME.pid and a NAME.log
#   requireEngine      fails when a needed tool is missing
#   startDaemons       starts the engine and waits until it answers
#   answers, hasImage  whether it answers on its socket; whether it has the image
#   importImage        gives it the image, from the tar archive on its input
#   isEngineProcess    isEngineProcess COMM: whether the engine has programs of that name
#   containerIds       prints the ids of all containers, running or not
#   processesWithoutCgroup  prints the ids of processes of containers that cgroups do not tell
#   leftovers          removes what the engine keeps outside DIR
# and call `runVerb "$@"` last.

. "$(dirname "${BASH_SOURCE[0]}")/registry.sh"

readonly image=control-test:latest
readonly wait_seconds=60
# A folder with the packages of another Debian, unpacked: the engine is that one's.
readonly engine_root=${CONTROL_ENGINE_ROOT:-}

fail() {
  echo "$script: $*" >&2
  exit 1
}

requireTools() {  # requireTools "DEBIAN PACKAGES" TOOL...
  [ "$(id -u)" = 0 ] ||
    fail "needs root, to start an engine; run the tests as root or set CONTROL_TEST_${engine^^}"
  local packages=$1 tool missing=""
  shift
  [ -z "$engine_root" ] || set --
  for tool in "$@" ip nsenter unshare curl tar busybox setsid docker-registry; do
    command -v "$tool" >/dev/null || missing+=" $tool"
  done
  [ -z "$missing" ] || fail "not installed:$missing (Debian: $packages docker-registry busybox-static iproute2 util-linux curl tar)"
}

request() {  # request METHOD PATH [curl options]
  local method=$1 path=$2
  shift 2
  curl --silent --show-error --fail --max-time 60 --unix-socket "$socket" \
    --request "$method" "$@" "http://localhost$path"
}

# --- Processes -------------------------------------------------------------------------------

hasPathOfDir() {  # hasPathOfDir PID: whether a path of DIR is among its arguments
  { tr '\0' ' ' <"/proc/$1/cmdline" | grep -qF "$dir/"; } 2>/dev/null
}

alive() {  # alive PIDFILE: prints the process id, if it is still ours
  local pid
  pid=$(cat "$1" 2>/dev/null) && [ -n "$pid" ] && hasPathOfDir "$pid" && echo "$pid"
}

engineProcesses() {
  local entry pid
  for entry in /proc/[0-9]*; do
    pid=${entry#/proc/}
    isEngineProcess "$(cat "$entry/comm" 2>/dev/null)" || continue
    ! hasPathOfDir "$pid" || echo "$pid"
  done
}

waitGone() {  # waitGone TENTHS PID...: whether all ended in time
  local tenths=$1 pid
  shift
  for pid in "$@"; do
    while kill -0 "$pid" 2>/dev/null && ! grep -qs '^State:.*Z' "/proc/$pid/status"; do
      [ "$tenths" -gt 0 ] || return 1
      tenths=$((tenths - 1))
      sleep 0.1
    done
  done
}

containerCgroups() {
  local ids
  ids=$(containerIds)
  [ -n "$ids" ] || return 0
  find /sys/fs/cgroup -depth -type d 2>/dev/null | grep -F "$ids" || true
}

killContainers() {
  local cgroup
  containerCgroups | while read -r cgroup; do
    # A frozen process does not die before it is thawed.
    [ ! -f "$cgroup/freezer.state" ] || echo THAWED >"$cgroup/freezer.state"
    [ ! -f "$cgroup/cgroup.freeze" ] || echo 0 >"$cgroup/cgroup.freeze"
    xargs --no-run-if-empty kill -KILL <"$cgroup/cgroup.procs"
  done 2>/dev/null || true
  processesWithoutCgroup | xargs --no-run-if-empty kill -KILL 2>/dev/null || true
}

endEngineProcesses() {
  local pids running="" name
  pids=$(engineProcesses)
  [ -n "$pids" ] || return 0
  for name in "${daemons[@]}"; do running+=" $(alive "$dir/$name.pid")" || true; done
  # shellcheck disable=SC2086
  { kill -CONT $pids; kill -TERM $pids; } 2>/dev/null || true
  # The processes beside each container outlive their daemon by design: only that is waited for.
  # shellcheck disable=SC2086
  waitGone 50 $running || true
  killContainers
  pids=$(engineProcesses)
  # shellcheck disable=SC2086
  [ -z "$pids" ] || { kill -KILL $pids 2>/dev/null; waitGone 50 $pids; } || true
}

endWatcher() {
  local watcher
  watcher=$(cat "$dir/watcher.pid" 2>/dev/null) && [ "$watcher" != $$ ] || return 0
  if { tr '\0' ' ' <"/proc/$watcher/cmdline" | grep -qF " watch $dir "; } 2>/dev/null; then
    kill -KILL -- "-$watcher" 2>/dev/null || true
  fi
}

# --- Network, mounts -------------------------------------------------------------------------

makeNetworkNamespace() {
  netns=control-$(printf %s "$dir" | cksum | cut -d' ' -f1)
  echo "$netns" >"$dir/netns"
  [ ! -e "/run/netns/$netns" ] || ip netns delete "$netns"
  ip netns add "$netns"
  nsenter --net="/run/netns/$netns" ip link set lo up
}

endNetworkNamespace() {
  local name pid
  name=$(cat "$dir/netns" 2>/dev/null) || return 0
  [ -e "/run/netns/$name" ] || return 0
  for pid in $(ip netns pids "$name" 2>/dev/null); do
    ! isEngineProcess "$(cat "/proc/$pid/comm" 2>/dev/null)" || kill -KILL "$pid" 2>/dev/null || true
  done
  ip netns delete "$name"
}

unmountAll() {
  local mounts mount
  # Last mounted, first unmounted.
  mounts=$(cut -d' ' -f5 /proc/self/mountinfo | grep -F "$dir/" | tac) || return 0
  for mount in $mounts; do umount --lazy "$mount" 2>/dev/null || true; done
}

# Runs in a new mount namespace: sh -euc "$enter_view" sh ROOT DIR PLACES COMMAND...
# Puts what DIR/host holds, else empty folders, in PLACES; makes ROOT, where not empty, the file
# system seen.
readonly enter_view='
root=$1 dir=$2 places=$3
shift 3
if [ -n "$root" ]; then
  mount --rbind "$root" "$root"
  for place in /dev /proc /run /sys /tmp; do mount --rbind "$place" "$root$place"; done
  mkdir -p "$root$dir"
  mount --rbind "$dir" "$root$dir"
fi
for place in $places; do
  [ -e "$dir/host$place" ] || mkdir -p "$root$place" "$dir/host$place"
  [ -e "$root$place" ] || touch "$root$place"
  mount --bind "$dir/host$place" "$root$place"
done
if [ -n "$root" ]; then
  cd "$root"
  pivot_root . .
  umount --lazy .
  cd /
fi
exec "$@"'

newView() {  # newView PLACES: sets `view`, the command before a daemon's own
  view=(unshare --mount --propagation slave sh -euc "$enter_view" sh "$engine_root" "$dir" "$1")
}

# --- Start and stop --------------------------------------------------------------------------

# Starts a daemon in the network namespace, without the caller's terminal and descriptors.
spawn() {  # spawn NAME COMMAND...
  local name=$1
  shift
  (
    for descriptor in /proc/self/fd/*; do
      descriptor=${descriptor##*/}
      [ "$descriptor" -le 2 ] || eval "exec $descriptor>&-" 2>/dev/null || true
    done
    # What monitors of containers leave in their directory stays with the engine.
    cd "$dir"
    exec setsid nsenter --net="/run/netns/$netns" "$@" </dev/null >>"$dir/$name.log" 2>&1
  ) &
  echo $! >"$dir/$name.pid"
}

showLogs() {
  local name
  for name in "${daemons[@]}"; do
    echo "--- $name.log (end) ---" >&2
    tail -n 40 "$dir/$name.log" >&2 || true
  done
}

stopEngineKeepLogs() {
  local kept
  kept=$(mktemp -d "${TMPDIR:-/tmp}/control-engine-logs.XXXXXX")
  cp "$dir"/*.log "$kept"/ 2>/dev/null || true
  echo "$script: logs kept in $kept" >&2
  stopEngine
}

# Waits until a command succeeds, at most $wait_seconds and only while the process lives.
waitFor() {  # waitFor NAME COMMAND...
  local name=$1 tenths=$((wait_seconds * 10))
  shift
  until "$@"; do
    if ! kill -0 "$(cat "$dir/$name.pid")" 2>/dev/null || [ "$tenths" = 0 ]; then
      showLogs
      stopEngineKeepLogs
      fail "$name did not come up; its log is above"
    fi
    tenths=$((tenths - 1))
    sleep 0.1
  done
}

# Writes the image's files as a tar archive.
busyboxRoot() {
  local root="$dir/rootfs" applet
  mkdir -p "$root"/{bin,dev,etc,proc,root,sys,tmp}
  chmod 1777 "$root/tmp"
  cp "$(command -v busybox)" "$root/bin/busybox"
  for applet in $(busybox --list); do
    [ "$applet" = busybox ] || ln -sf busybox "$root/bin/$applet"
  done
  echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
  echo 'root:x:0:' >"$root/etc/group"
  tar --create --numeric-owner --owner 0 --group 0 --directory "$root" .
  rm -rf "$root"
}

startEngine() {
  if answers && hasImage && alive "$dir/${daemons[0]}.pid" >/dev/null; then
    cat "$dir/uri"
    return
  fi
  stopEngine
  mkdir -p "$dir"
  chmod 700 "$dir"
  makeNetworkNamespace
  startDaemons
  if ! busyboxRoot | importImage >"$dir/import.log" 2>&1 || ! hasImage; then
    cat "$dir/import.log" >&2
    showLogs
    stopEngineKeepLogs
    fail "the engine did not import the test image; its answer is above"
  fi
  startRegistry
  echo "$engine://$socket" >"$dir/uri"
  if [ -n "$owner" ]; then
    setsid "$0" watch "$dir" "$owner" </dev/null >/dev/null 2>&1 &
    echo $! >"$dir/watcher.pid"
  fi
  cat "$dir/uri"
}

stopEngine() {
  [ -d "$dir" ] || return 0
  endWatcher
  killContainers
  endEngineProcesses
  endNetworkNamespace
  leftovers
  unmountAll
  containerCgroups | while read -r cgroup; do rmdir "$cgroup" 2>/dev/null || true; done
  rm -rf --one-file-system "${dir:?}"
}

watchOwner() {  # started by start --owner: ends the engine with its owner
  tail --pid="$1" -f /dev/null
  stopEngine
}

checkDirectory() {
  case "$dir" in
    /?*) dir=${dir%/} ;;
    *) fail "usage: $script start DIR [--owner PID] | stop DIR   (DIR absolute)" ;;
  esac
  case "$dir" in *[!A-Za-z0-9/._-]*) fail "DIR holds a character outside A-Za-z0-9/._- : $dir" ;; esac
  [ ${#dir} -le 80 ] || fail "DIR has ${#dir} characters, Unix sockets allow 80 here: $dir"
}

runVerb() {
  local verb=${1:-} watched=${3:-}
  dir=${2:-}
  owner=""
  rootless=false
  checkDirectory
  socket=$dir/$engine.sock
  if [ "$verb" = start ]; then
    shift 2
    while [ $# -gt 0 ]; do
      case $1 in
        --owner) owner=${2:?"$script: --owner needs a process id"}; shift 2 ;;
        --rootless) rootless=true; shift ;;
        *) fail "unknown option '$1'" ;;
      esac
    done
  fi
  case "$verb" in
    start) requireEngine; startEngine ;;
    stop) stopEngine ;;
    watch) watchOwner "${watched:?}" ;;
    *) fail "unknown verb '$verb': start or stop" ;;
  esac
}
