#!/usr/bin/env bash
# A private Podman service for tests, the twin of dockerd.sh.
#
#   podman.sh start DIR [--owner PID] [--rootless]   start it, print its URI (podman:///DIR/podman.sock)
#   podman.sh stop DIR                               end it and everything it started, remove DIR's contents
#
# DIR, what it offers (uri, netns, podman.pid, podman.log), the image control-test:latest and how
# often each verb may be called are as in dockerd.sh.
#
# The service has a mount namespace of its own besides its network: Podman, its network tools and
# runc keep state in fixed places below /run and /dev/shm, which those of the host never see. Its
# mounts, those of container file systems too, end with its last process.
#
# With --rootless it is the service of an ordinary user, who exists inside its mount namespace only:
# with subordinate ids, an XDG_RUNTIME_DIR, vfs storage, and without cgroups unless the host is on v2.
#
# Needs root and: podman, runc, conmon, netavark, iptables, catatonit, docker-registry, busybox-static, iproute2,
# util-linux, curl, tar; with --rootless uidmap and slirp4netns too. The storage driver is overlay where DIR's file system can carry it, else vfs.
# shellcheck disable=SC2034,SC2154
set -euo pipefail
. "$(dirname "$0")/private_engine.sh"

readonly script=podman.sh engine=podman
readonly daemons=(podman)

requireEngine() {
  local packages="podman runc conmon netavark iptables catatonit"
  if $rootless; then
    requireTools "$packages uidmap slirp4netns" podman runc conmon catatonit newuidmap slirp4netns setpriv
  else
    requireTools "$packages" podman runc conmon iptables catatonit
  fi
}

isEngineProcess() {
  case $1 in
    podman | conmon | runc* | netavark | aardvark-dns | catatonit | slirp4netns | rootlessport* | exe | docker-registry) ;;
    *) return 1 ;;
  esac
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
default_rootless_network_cmd = "slirp4netns"
END
  printf '[storage]\ndriver = "%s"\nrunroot = "%s/run"\ngraphroot = "%s/data"\n' \
    "$driver" "$dir" "$dir" >"$dir/storage.conf"
  mkdir -p "$dir/home/.config/containers"
  echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$dir/home/.config/containers/policy.json"
  echo 'unqualified-search-registries = []' >"$dir/registries.conf"
  printf '[[registry]]\nlocation = "127.0.0.1:%s"\ninsecure = true\n' $registry_ports >>"$dir/registries.conf"
}

# Ids of the user and of those that containers may use, unlike those of any other engine here.
userId() { echo $((700000 + $(printf %s "$dir" | cksum | cut -d' ' -f1) % 50000)); }
subordinateIds() { echo $((100000000 + $(printf %s "$dir" | cksum | cut -d' ' -f1) % 10000 * 65536)); }

processesWithoutCgroup() {
  local uid
  uid=$(cat "$dir/uid" 2>/dev/null) || return 0
  awk -v uid="$uid" -v first="$(subordinateIds)" '
    $1 == "Uid:" && ($2 == uid || ($2 >= first && $2 < first + 65536)) {
      split(FILENAME, part, "/"); print part[3]
    }' /proc/[0-9]*/status 2>/dev/null || true
}

# The files that make the user exist, where the service sees them.
writeUser() {
  local uid=$1 etc=$dir/host/etc
  mkdir -p "$etc"
  { cat /etc/passwd; echo "control-test:x:$uid:$uid::$dir/home:/bin/sh"; } >"$etc/passwd"
  { cat /etc/group; echo "control-test:x:$uid:"; } >"$etc/group"
  echo "control-test:$(subordinateIds):65536" | tee "$etc/subuid" >"$etc/subgid"
}

startDaemons() {
  local places="/dev/shm /run/containers /run/libpod /run/netns /run/runc /run/crun" become=() uid
  writeConfiguration
  mkdir -p "$dir"/{data,networks,run,temporary,tmp,xdg,host/dev/shm}
  chmod 1777 "$dir/host/dev/shm"
  if $rootless; then
    uid=$(userId)
    echo "$uid" >"$dir/uid"
    sed -i 's/^driver = .*/driver = "vfs"/' "$dir/storage.conf"
    writeUser "$uid"
    places+=" /etc/passwd /etc/group /etc/subuid /etc/subgid"
    if [ -c /dev/net/tun ]; then  # only root's on some hosts, and slirp4netns needs it
      mkdir -p "$dir/host/dev/net"
      mknod -m 666 "$dir/host/dev/net/tun" c 10 200
      places+=" /dev/net/tun"
    fi
    chown -R "$uid:$uid" "$dir"/{data,home,networks,run,temporary,tmp,xdg} && chown "$uid:$uid" "$dir"
    become=(setpriv --reuid "$uid" --regid "$uid" --clear-groups env XDG_RUNTIME_DIR="$dir/xdg")
  fi
  newView "$places"
  spawn podman env -i PATH="$PATH" HOME="$dir/home" TMPDIR="$dir/temporary" \
    CONTAINERS_CONF="$dir/containers.conf" CONTAINERS_STORAGE_CONF="$dir/storage.conf" \
    CONTAINERS_REGISTRIES_CONF="$dir/registries.conf" \
    "${view[@]}" "${become[@]}" podman --root "$dir/data" --runroot "$dir/run" --tmpdir "$dir/tmp" \
    --network-config-dir "$dir/networks" --log-level info \
    system service --time 0 "unix://$socket"
  waitFor podman answers
}

leftovers() { :; }

runVerb "$@"
