#!/usr/bin/env bash
# Runs a command as root below a private systemd: process 1 of a machine of its own, which has this
# one's files (what is written to them stays in its memory) and processes, mounts, cgroups and a
# network of its own. It ends with the command, and with this script, however that ends.
#
#   systemd.sh DIR [--see PLACE]... COMMAND...
#
# DIR is absolute and this run's alone; what is there after a failure tells of it. Each PLACE is the
# real one, to be read and written. The command has this environment. The exit status is the
# command's; 77 where no systemd can run: standard error says why.
#
# Cgroups are below those of this process, or below the root of version 2. Needs root, systemd,
# iproute2, util-linux.
set -euo pipefail

cannot() {
  echo "systemd.sh: no systemd can run here: $*" >&2
  exit 77
}

fail() {
  echo "systemd.sh: $*" >&2
  exit 1
}

# Process 1 of the new namespaces makes its file system, then becomes systemd. DIR/started says that it
# came so far.
enter() {
  local dir=$1 place kind options name root=$1/root/merged
  shift
  mount -t tmpfs -o mode=755 tmpfs "$dir/root"
  mkdir "$dir"/root/{upper,work,merged}
  mount -t overlay overlay -o "lowerdir=/,upperdir=$dir/root/upper,workdir=$dir/root/work" "$root"
  # The units that this machine enables, and those that set up hardware and the kernel, are not for us.
  for name in run tmp dev etc/systemd/system usr/lib/systemd/system/sysinit.target.wants; do
    mkdir -p "$root/$name"
    mount -t tmpfs -o mode=755 tmpfs "$root/$name"
  done
  chmod 1777 "$root/tmp"
  for place in "$dir" "$@"; do
    mkdir -p "$root$place"
    mount --bind "$place" "$root$place"
  done

  mount -t proc proc "$root/proc"
  # Only what the network namespace has for itself may be set.
  mount --bind "$root/proc/sys" "$root/proc/sys"
  mount --bind "$root/proc/sys/net" "$root/proc/sys/net"
  mount -o remount,bind,ro "$root/proc/sys"
  mount -t sysfs -o ro sysfs "$root/sys"
  for name in null zero full random urandom tty fuse net/tun; do
    [ -c "/dev/$name" ] || continue
    mkdir -p "$(dirname "$root/dev/$name")"
    touch "$root/dev/$name"
    mount --bind "/dev/$name" "$root/dev/$name"
  done
  mkdir "$root/dev/pts"
  mount -t devpts -o newinstance,mode=620,ptmxmode=666 devpts "$root/dev/pts"
  ln -s pts/ptmx "$root/dev/ptmx"
  ln -s /proc/self/fd "$root/dev/fd"

  # The hierarchies of cgroups are where they are outside, and systemd shall add none to them.
  [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ] || mount -t tmpfs -o mode=755 tmpfs "$root/sys/fs/cgroup"
  while read -r place kind options; do
    mkdir -p "$root$place"
    mount -t "$kind" -o "$options" "$kind" "$root$place"
  done <"$dir/hierarchies"
  [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ] || mount -o remount,ro "$root/sys/fs/cgroup"

  rm -f "$root/etc/fstab" "$root/etc/machine-id"  # without an id systemd would enable all there is
  tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
  mkdir -p "$root/etc/systemd/system.conf.d" "$root/etc/systemd/system/sysinit.target.wants"
  printf '[Manager]\nDefaultTimeoutStopSec=10\n' >"$root/etc/systemd/system.conf.d/short.conf"
  ln -s /lib/systemd/system/systemd-journald.service "$root/etc/systemd/system/sysinit.target.wants/"
  cat >"$root/etc/systemd/system/command.service" <<END
[Unit]
SuccessAction=exit
FailureAction=exit
[Service]
ExecStart=/bin/bash $dir/command
ExecStopPost=/bin/sh -c 'exec journalctl --no-pager >$dir/journal'
StandardOutput=file:$dir/output
StandardError=inherit
END
  echo machine >"$root/etc/hostname"
  ip link set lo up
  cd "$root"
  pivot_root . .
  umount --lazy .
  cd /
  mount --make-rshared /  # as systemd does it where it is not in a container; credentials need it
  touch "$dir/started"
  exec env -i container=other PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --unit=command.service --show-status=no
}

hierarchies() {  # prints PLACE KIND OPTIONS of each that is mounted
  awk '$3 == "cgroup" || $3 == "cgroup2" {
    gsub(/(^|,)(rw|ro|nosuid|nodev|noexec|relatime|nsdelegate|memory_recursiveprot)/, "", $4)
    sub(/^,/, "", $4); print $2, $3, $4 == "" ? "rw" : $4 }' /proc/mounts
}

ownCgroup() {  # ownCgroup OPTIONS: where this process is in that hierarchy of version 1
  awk -F: -v options=",$1," '$2 != "" && index(options, "," $2 ",") { print $3; exit }' /proc/self/cgroup
}

ownGroups() {  # prints the cgroups of this machine, the innermost first
  local place
  hierarchies | while read -r place _; do
    find "$place" -depth -type d \( -name "$group" -o -path "*/$group/*" \) 2>/dev/null || true
  done
}

removeCgroups() {
  local tenths
  for ((tenths = 0; tenths < 50; ++tenths)); do
    ownGroups | xargs --no-run-if-empty rmdir 2>/dev/null || true
    [ -n "$(ownGroups)" ] || return 0
    sleep 0.1  # processes that were killed are still ending
  done
}

joinCgroups() {
  local place kind options parent name
  while read -r place kind options; do
    parent=$place
    # A group of version 2 that has processes gives those below it no controllers.
    [ "$kind" = cgroup2 ] || parent+=$(ownCgroup "$options")
    mkdir "$parent/$group"
    for name in cpuset.cpus cpuset.mems; do
      [ ! -e "$parent/$group/$name" ] || [ "$kind" = cgroup2 ] || cat "$parent/$name" >"$parent/$group/$name"
    done
    echo "$BASHPID" >"$parent/$group/cgroup.procs"
  done <"$dir/hierarchies"
}

if [ "${1:-}" = --enter ]; then
  shift
  enter "$@"
fi

case "${1:-}" in
  /?*) dir=$1 && shift ;;
  *) echo "usage: systemd.sh DIR [--see PLACE]... COMMAND...   (DIR absolute)" >&2 && exit 2 ;;
esac
places=()
while [ "${1:-}" = --see ]; do
  places+=("$2")
  shift 2
done
[ "$(id -u)" = 0 ] || cannot "it needs root"
[ -x /lib/systemd/systemd ] || cannot "it is not installed (Debian package systemd)"
[ -n "$(hierarchies)" ] || cannot "no cgroups are mounted"

group=control-systemd-$(printf %s "$dir" | cksum | cut -d' ' -f1)
rm -rf --one-file-system "${dir:?}"
mkdir -p "$dir/root"
chmod 700 "$dir"
removeCgroups
hierarchies >"$dir/hierarchies"
{
  export -p
  printf 'cd %q\nexec ' "$PWD"
  printf '%q ' "$@"
} >"$dir/command"
# shellcheck disable=SC2317  # called by the trap
clean_up() {
  if [ -n "${machine:-}" ]; then
    kill -KILL "$machine" 2>/dev/null || true
    wait "$machine" 2>/dev/null || true
  fi
  removeCgroups
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

status=0
(
  joinCgroups
  exec setpriv --pdeathsig KILL unshare --pid --fork --kill-child --mount --net --uts --ipc --cgroup \
    --propagation private "$0" --enter "$dir" "${places[@]}"
) >"$dir/console" 2>&1 </dev/null &
machine=$!
wait "$machine" || status=$?
machine=
[ -e "$dir/started" ] || cannot "$(tail -n 1 "$dir/console")"
[ -e "$dir/output" ] || { cat "$dir/console" >&2 && fail "systemd did not come so far as to start the command"; }
cat "$dir/output"
if [ "$status" != 0 ]; then
  { echo "--- $dir/journal (end) ---" && tail -n 60 "$dir/journal"; } >&2
  exit "$status"
fi
rm -rf --one-file-system "$dir"
