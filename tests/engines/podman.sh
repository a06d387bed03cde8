#!/usr/bin/env bash
# A private Podman service for tests, the twin of dockerd.sh.
#
#   podman.sh start DIR [--owner PID]   start it, print its URI (podman:///DIR/podman.sock)
#   podman.sh stop DIR                  end it and everything it started, remove DIR's contents
#
# DIR, what it offers (uri, netns, podman.pid, podman.log), the image control-test:latest and how
# often each verb may be called are as in dockerd.sh.
#
# The service has a mount namespace of its own besides its network: Podman, its network tools and
# runc keep state in fixed places below /run and /dev/shm, which those of the host never see. Its
# mounts, those of container file systems too, end with its last process.
#
# Needs root and: podman, runc, conmon, netavark, iptables, catatonit, busybox-static, iproute2,
# util-linux, curl, tar. The storage driver is overlay where DIR's file system can carry it, else vfs.
# shellcheck disable=SC2034,SC2154
set -euo pipefail
. "$(dirname "$0")/private_engine.sh"

readonly script=podman.sh engine=podman
readonly daemons=(podman)

requireEngine() {
  requireTools "podman runc conmon netavark iptables catatonit" podman runc conmon iptables catatonit
}

isEngineProcess() {
  case $1 in podman | conmon | runc* | netavark | aardvark-dns) ;; *) return 1 ;; esac
}

containerIds() {
  find "$dir"/data/*-containers -mindepth 1 -maxdepth 1 -type d -printf '%f\n' 2>/dev/null || true
}

answers() { [ -S "$socket" ] && request GET /libpod/_ping --max-time 5 >/dev/null 2>&1; }

hasImage() { request GET "/v4.0.0/libpod/images/$image/json" >/dev/null 2>&1; }

importImage() {
  request POST "/v4.0.0/libpod/images/import?reference=localhost/$image&changes=CMD%20%5B%22%2Fbin%2Fsh%22%5D&changes=ENV%20PATH%3D%2Fbin" \
    --header 'Content-Type: application/x-tar' --data-binary @-
}

# Whether an overlay can be mounted with its layers in DIR; not so on top of another overlay.
overlayWorks() {
  local probe=$dir/probe result=0
  mkdir -p "$probe"/{lower,upper,work,merged}
  unshare --mount mount -t overlay overlay \
    -o "lowerdir=$probe/lower,upperdir=$probe/upper,workdir=$probe/work" "$probe/merged" 2>/dev/null || result=1
  rm -rf "$probe"
  return "$result"
}

# Prints the smaller of two limits, of which the first may be "unlimited".
limit() { if [ "$1" = unlimited ] || [ "$1" -gt "$2" ]; then echo "$2"; else echo "$1"; fi; }

writeConfiguration() {
  local files processes driver=vfs
  # Podman's own defaults are above what a container may raise its limits to here. Equal values,
  # because 4.3 takes the soft one for the hard one.
  files=$(limit "$(ulimit -Hn)" 1048576)
  processes=$(limit "$(ulimit -Hu)" "$(cat /proc/sys/kernel/pid_max)")
  ! overlayWorks || driver=overlay
  cat >"$dir/containers.conf" <<END
[containers]
default_ulimits = ["nofile=$files:$files", "nproc=$processes:$processes"]
init_path = "/usr/bin/catatonit"
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
[network]
network_backend = "netavark"
END
  printf '[storage]\ndriver = "%s"\nrunroot = "%s/run"\ngraphroot = "%s/data"\n' \
    "$driver" "$dir" "$dir" >"$dir/storage.conf"
  mkdir -p "$dir/home/.config/containers"
  echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$dir/home/.config/containers/policy.json"
  echo 'unqualified-search-registries = []' >"$dir/registries.conf"
}

startDaemons() {
  writeConfiguration
  mkdir -p "$dir"/{data,networks,run,temporary,tmp}
  newView "/dev/shm /run/containers /run/libpod /run/netns /run/runc /run/crun"
  spawn podman env -i PATH="$PATH" HOME="$dir/home" TMPDIR="$dir/temporary" \
    CONTAINERS_CONF="$dir/containers.conf" CONTAINERS_STORAGE_CONF="$dir/storage.conf" \
    CONTAINERS_REGISTRIES_CONF="$dir/registries.conf" \
    "${view[@]}" podman --root "$dir/data" --runroot "$dir/run" --tmpdir "$dir/tmp" \
    --network-config-dir "$dir/networks" --log-level info \
    system service --time 0 "unix://$socket"
  waitFor podman answers
}

leftovers() { :; }

runVerb "$@"
