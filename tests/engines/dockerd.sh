#!/usr/bin/env bash
# A private Docker engine for tests.
#
#   dockerd.sh start DIR [--owner PID]   start it, print its URI (docker:///DIR/docker.sock)
#   dockerd.sh stop DIR                  end it and everything it started, remove DIR's contents
#
# DIR is absolute and short (a Unix socket path holds 107 bytes) and belongs to the engine: it
# holds all data, sockets, logs and process ids. Beside the socket it offers
#   DIR/uri        the URI again
#   DIR/netns      the name of the engine's network namespace; published ports exist only there:
#                  nsenter --net=/run/netns/"$(cat DIR/netns)" wget http://127.0.0.1:PORT/
#   DIR/dockerd.pid, DIR/containerd.pid, DIR/dockerd.log, DIR/containerd.log
# The image control-test:latest (Debian's static busybox with all its applets, CMD /bin/sh) is
# there; nothing is pulled.
#
# Both verbs may be repeated: start leaves a running engine as it is, and clears away what a
# killed run left behind; stop succeeds when nothing is there. With --owner the engine is stopped
# as soon as that process has ended, however it ended.
#
# Needs root and: docker.io (dockerd, containerd, runc), busybox-static, iproute2, util-linux,
# curl, tar. iptables is used when it works in a new network namespace.
set -euo pipefail

readonly image=control-test:latest
readonly wait_seconds=60

fail() {
  echo "dockerd.sh: $*" >&2
  exit 1
}

requireTools() {
  [ "$(id -u)" = 0 ] || fail "needs root, to start an engine; run the tests as root or set CONTROL_TEST_DOCKER"
  local tool missing=""
  for tool in dockerd containerd runc ip nsenter curl tar busybox setsid; do
    command -v "$tool" >/dev/null || missing+=" $tool"
  done
  [ -z "$missing" ] || fail "not installed:$missing (Debian: docker.io busybox-static iproute2 util-linux curl tar)"
}

request() {  # request METHOD PATH [curl options]
  local method=$1 path=$2
  shift 2
  curl --silent --show-error --fail --max-time 60 --unix-socket "$dir/docker.sock" \
    --request "$method" "$@" "http://localhost$path"
}

answers() {
  [ -S "$dir/docker.sock" ] && request GET /_ping --max-time 5 >/dev/null 2>&1
}

alive() {  # alive PIDFILE: prints the process id, if it is still ours
  local pid
  pid=$(cat "$1" 2>/dev/null) && [ -n "$pid" ] || return 1
  { tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF " $dir/"; } 2>/dev/null || return 1
  echo "$pid"
}

# Prints the engine's processes: those with a path of DIR among their arguments.
engineProcesses() {
  local entry pid
  for entry in /proc/[0-9]*; do
    pid=${entry#/proc/}
    case "$(cat "$entry/comm" 2>/dev/null)" in
      dockerd | containerd | containerd-shim* | runc*) ;;
      *) continue ;;
    esac
    { tr '\0' ' ' <"$entry/cmdline" | grep -qF " $dir/"; } 2>/dev/null && echo "$pid"
  done
  return 0
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
  ids=$(ls "$dir/data/containers" 2>/dev/null) || return 0
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
}

endEngineProcesses() {
  local pids
  pids=$(engineProcesses)
  if [ -n "$pids" ]; then
    # shellcheck disable=SC2086
    { kill -CONT $pids; kill -TERM $pids; } 2>/dev/null || true
    # Shims outlive their daemon by design, so they are not waited for.
    # shellcheck disable=SC2046
    waitGone 50 $(alive "$dir/dockerd.pid") $(alive "$dir/containerd.pid") || true
    killContainers
    pids=$(engineProcesses)
    # shellcheck disable=SC2086
    [ -z "$pids" ] || { kill -KILL $pids 2>/dev/null; waitGone 50 $pids; } || true
  fi
}

endNetworkNamespace() {
  local name pid
  name=$(cat "$dir/netns" 2>/dev/null) || return 0
  [ -e "/run/netns/$name" ] || return 0
  for pid in $(ip netns pids "$name" 2>/dev/null); do
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" != docker-proxy ] || kill -KILL "$pid" 2>/dev/null || true
  done
  ip netns delete "$name"
}

unmountAll() {
  local mounts
  # Last mounted, first unmounted.
  mounts=$(cut -d' ' -f5 /proc/self/mountinfo | grep -F "$dir/" | tac) || return 0
  local mount
  for mount in $mounts; do umount --lazy "$mount" 2>/dev/null || true; done
}

removeShimSockets() {
  local address
  for address in "$dir"/state/io.containerd.runtime.v2.task/*/*/address; do
    [ -f "$address" ] || continue
    rm -f "$(sed 's,^unix://,,' "$address")"
  done
}

stopEngine() {
  [ -d "$dir" ] || return 0
  local watcher
  if watcher=$(cat "$dir/watcher.pid" 2>/dev/null) && [ "$watcher" != $$ ] &&
    { tr '\0' ' ' <"/proc/$watcher/cmdline" | grep -qF " watch $dir "; } 2>/dev/null; then
    kill -KILL -- "-$watcher" 2>/dev/null || true
  fi
  killContainers
  endEngineProcesses
  endNetworkNamespace
  removeShimSockets
  unmountAll
  containerCgroups | while read -r cgroup; do rmdir "$cgroup" 2>/dev/null || true; done
  rm -rf --one-file-system "${dir:?}"
}

showLogs() {
  local log
  for log in containerd dockerd; do
    echo "--- $log.log (end) ---" >&2
    tail -n 40 "$dir/$log.log" >&2 || true
  done
}

# Waits until a command succeeds, at most $wait_seconds and only while the process lives.
waitFor() {  # waitFor WHAT PIDFILE COMMAND...
  local what=$1 pidfile=$2 tenths=$((wait_seconds * 10))
  shift 2
  until "$@"; do
    if ! kill -0 "$(cat "$pidfile")" 2>/dev/null || [ "$tenths" = 0 ]; then
      showLogs
      stopEngineKeepLogs
      fail "$what did not come up; its log is above"
    fi
    tenths=$((tenths - 1))
    sleep 0.1
  done
}

stopEngineKeepLogs() {
  local kept
  kept=$(mktemp -d "${TMPDIR:-/tmp}/control-engine-logs.XXXXXX")
  cp "$dir"/*.log "$kept"/ 2>/dev/null || true
  echo "dockerd.sh: logs kept in $kept" >&2
  stopEngine
}

# Starts a daemon in the network namespace, without the caller's terminal and descriptors.
spawn() {  # spawn NAME COMMAND...
  local name=$1
  shift
  (
    for descriptor in /proc/self/fd/*; do
      descriptor=${descriptor##*/}
      [ "$descriptor" -le 2 ] || eval "exec $descriptor>&-" 2>/dev/null || true
    done
    exec setsid nsenter --net="/run/netns/$netns" "$@" </dev/null >>"$dir/$name.log" 2>&1
  ) &
  echo $! >"$dir/$name.pid"
}

makeNetworkNamespace() {
  netns=control-$(printf %s "$dir" | cksum | cut -d' ' -f1)
  echo "$netns" >"$dir/netns"
  [ ! -e "/run/netns/$netns" ] || ip netns delete "$netns"
  ip netns add "$netns"
  nsenter --net="/run/netns/$netns" ip link set lo up
}

startContainerd() {
  # Without one of its own dockerd would join the host's, where there is one.
  printf 'version = 2\nroot = "%s/containerd"\nstate = "%s/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "%s/c.sock"\n' \
    "$dir" "$dir" "$dir" >"$dir/containerd.toml"
  spawn containerd containerd --config "$dir/containerd.toml" --address "$dir/c.sock"
  waitFor containerd "$dir/containerd.pid" test -S "$dir/c.sock"
}

startDockerd() {
  local options=()
  if ! nsenter --net="/run/netns/$netns" iptables --wait 5 -t nat -L -n >/dev/null 2>&1; then
    options+=(--iptables=false --ip-masq=false)
  fi
  echo '{}' >"$dir/daemon.json"
  spawn dockerd dockerd --config-file "$dir/daemon.json" --host "unix://$dir/docker.sock" \
    --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/engine.pid" \
    --containerd "$dir/c.sock" --containerd-namespace control-test \
    --containerd-plugins-namespace control-test-plugins "${options[@]}"
  waitFor dockerd "$dir/dockerd.pid" answers
}

importImage() {
  local root="$dir/rootfs" applet
  mkdir -p "$root"/{bin,dev,etc,proc,root,sys,tmp}
  chmod 1777 "$root/tmp"
  cp "$(command -v busybox)" "$root/bin/busybox"
  for applet in $(busybox --list); do
    [ "$applet" = busybox ] || ln -sf busybox "$root/bin/$applet"
  done
  echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
  echo 'root:x:0:' >"$root/etc/group"
  tar --create --numeric-owner --owner 0 --group 0 --directory "$root" . |
    request POST "/images/create?fromSrc=-&repo=${image%:*}&tag=${image#*:}&changes=CMD%20%5B%22%2Fbin%2Fsh%22%5D&changes=ENV%20PATH%3D%2Fbin" \
      --header 'Content-Type: application/x-tar' --data-binary @- >"$dir/import.log"
  rm -rf "$root"
  request GET "/images/$image/json" >/dev/null || {
    cat "$dir/import.log" >&2
    stopEngineKeepLogs
    fail "the engine did not import the test image; its answer is above"
  }
}

watchOwner() {  # started by start --owner: ends the engine with its owner
  tail --pid="$1" -f /dev/null
  stopEngine
}

startEngine() {
  requireTools
  if answers && alive "$dir/dockerd.pid" >/dev/null && request GET "/images/$image/json" >/dev/null 2>&1; then
    cat "$dir/uri"
    return
  fi
  stopEngine
  mkdir -p "$dir"
  chmod 700 "$dir"
  makeNetworkNamespace
  startContainerd
  startDockerd
  importImage
  echo "docker://$dir/docker.sock" >"$dir/uri"
  if [ -n "$owner" ]; then
    setsid "$0" watch "$dir" "$owner" </dev/null >/dev/null 2>&1 &
    echo $! >"$dir/watcher.pid"
  fi
  cat "$dir/uri"
}

verb=${1:-}
dir=${2:-}
owner=""
[ "${3:-}" != --owner ] || owner=${4:?"dockerd.sh: --owner needs a process id"}
case "$dir" in
  /?*) dir=${dir%/} ;;
  *) fail "usage: dockerd.sh start DIR [--owner PID] | stop DIR   (DIR absolute)" ;;
esac
case "$dir" in *[!A-Za-z0-9/._-]*) fail "DIR holds a character outside A-Za-z0-9/._- : $dir" ;; esac
[ ${#dir} -le 80 ] || fail "DIR has ${#dir} characters, Unix sockets allow 80 here: $dir"

case "$verb" in
  start) startEngine ;;
  stop) stopEngine ;;
  watch) watchOwner "${3:?}" ;;
  *) fail "unknown verb '$verb': start or stop" ;;
esac
