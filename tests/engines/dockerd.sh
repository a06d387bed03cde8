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
# there, and a registry with it under another name (registry.sh).
#
# Both verbs may be repeated: start leaves a running engine as it is, and clears away what a
# killed run left behind; stop succeeds when nothing is there. With --owner the engine is stopped
# as soon as that process has ended, however it ended.
#
# Needs root and: docker.io (dockerd, containerd, runc), docker-registry, busybox-static, iproute2, util-linux,
# curl, tar. iptables is used when it works in a new network namespace.
# shellcheck disable=SC2034,SC2154
set -euo pipefail
. "$(dirname "$0")/private_engine.sh"

readonly script=dockerd.sh engine=docker
readonly daemons=(dockerd containerd)

requireEngine() {
  ! $rootless || fail "--rootless: not with Docker"
  requireTools docker.io dockerd containerd runc
}

isEngineProcess() {
  case $1 in dockerd | containerd | containerd-shim* | runc* | docker-proxy | docker-registry) ;; *) return 1 ;; esac
}

containerIds() { ls "$dir/data/containers" 2>/dev/null || true; }

answers() { [ -S "$socket" ] && request GET /_ping --max-time 5 >/dev/null 2>&1; }

hasImage() { request GET "/images/$image/json" >/dev/null 2>&1; }

importImage() {
  request POST "/images/create?fromSrc=-&repo=${image%:*}&tag=${image#*:}&changes=CMD%20%5B%22%2Fbin%2Fsh%22%5D&changes=ENV%20PATH%3D%2Fbin" \
    --header 'Content-Type: application/x-tar' --data-binary @-
}

startContainerd() {
  # Without one of its own dockerd would join the host's, where there is one.
  printf 'version = 2\nroot = "%s/containerd"\nstate = "%s/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "%s/c.sock"\n' \
    "$dir" "$dir" "$dir" >"$dir/containerd.toml"
  view=()
  [ -z "$engine_root" ] || newView /run/containerd
  spawn containerd "${view[@]}" containerd --config "$dir/containerd.toml" --address "$dir/c.sock"
  waitFor containerd test -S "$dir/c.sock"
}

startDaemons() {
  startContainerd
  local options=()
  [ -z "$engine_root" ] || view=(nsenter --mount="/proc/$(cat "$dir/containerd.pid")/ns/mnt")
  if ! nsenter --net="/run/netns/$netns" "${view[@]}" iptables --wait 5 -t nat -L -n >/dev/null 2>&1; then
    options+=(--iptables=false --ip-masq=false)
  fi
  echo '{}' >"$dir/daemon.json"
  spawn dockerd "${view[@]}" dockerd --config-file "$dir/daemon.json" --host "unix://$socket" \
    --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/engine.pid" \
    --containerd "$dir/c.sock" --containerd-namespace control-test \
    --containerd-plugins-namespace control-test-plugins "${options[@]}"
  waitFor dockerd answers
}

processesWithoutCgroup() { :; }

leftovers() {  # the sockets of the shims
  local address
  for address in "$dir"/state/io.containerd.runtime.v2.task/*/*/address; do
    [ -f "$address" ] || continue
    rm -f "$(sed 's,^unix://,,' "$address")"
  done
}

runVerb "$@"
