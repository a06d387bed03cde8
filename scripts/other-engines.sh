#!/usr/bin/env bash
# Runs a command against the engines of other Debian releases, privately and without installing
# anything: their packages are unpacked into build/engines/SUITE (about 450 MB each, kept).
#
#   scripts/other-engines.sh [SUITE...] [-- COMMAND...]
#
# SUITE is trixie, sid, …; both by default. COMMAND is run for each suite, with CONTROL_TEST_DOCKER
# and CONTROL_TEST_PODMAN naming its engines; by default the contract suite is run on each.
# The packages come from this system's own mirror; DEBIAN_MIRROR names another. Needs root.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

suites=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  suites+=("$1")
  shift
done
[ $# -eq 0 ] || shift
[ "${#suites[@]}" -gt 0 ] || suites=(trixie sid)
[ "$(id -u)" -eq 0 ] || fail "needs root, to start engines"
# shellcheck disable=SC2046
need_packages $(engine_packages)

# suite_apt SUITE ARGUMENTS...: apt-get that knows that suite only and has nothing installed.
suite_apt() {
  local state=$PWD/build/engines/$1.apt
  shift
  apt-get -qq -o "Dir::State=$state" -o "Dir::State::status=$state/status" -o "Dir::Cache=$state" \
    -o "Dir::Etc::sourcelist=$state/sources.list" -o Dir::Etc::sourceparts=/nonexistent \
    -o APT::Install-Recommends=false "$@"
}

# Leaves the suite's packages unpacked in build/engines/SUITE.
unpack() {
  local suite=$1 root=$PWD/build/engines/$1 state=$PWD/build/engines/$1.apt name
  [ ! -e "$root/.complete" ] || return 0
  rm -rf "$root" "$state"
  mkdir -p "$state/lists/partial" "$state/archives/partial" "$root"/usr/{bin,sbin,lib,lib64}
  touch "$state/status"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${DEBIAN_MIRROR:-$(debian_mirror)} $suite main" >"$state/sources.list"
  suite_apt "$suite" update
  # shellcheck disable=SC2046
  suite_apt "$suite" -y --download-only install $(engine_packages) nftables \
    base-files coreutils dash mount kmod procps >/dev/null
  for name in bin sbin lib lib64; do ln -s "usr/$name" "$root/$name"; done
  for name in "$state"/archives/*.deb; do dpkg --extract "$name" "$root"; done
  # What installing would choose among alternatives.
  for name in iptables ip6tables; do
    for suffix in "" -save -restore; do ln -sf xtables-nft-multi "$root/usr/sbin/$name$suffix"; done
  done
  rm -rf "$state"
  touch "$root/.complete"
}

work=
clean_up() {
  [ -n "$work" ] || return 0
  tests/engines/dockerd.sh stop "$work/d" || true
  tests/engines/podman.sh stop "$work/p" || true
  rm -rf "$work"
  work=
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

conform() {
  local engine=$1 uri=$2
  build/dev/tests/contract/control-conform --runtime "$uri" \
    --plugin "$PWD/build/dev/plugins/libcontrol-$engine.so" --expect "tests/contract/expected/$engine.txt"
}

if [ $# -eq 0 ]; then
  cmake --build build/dev --target control-conform control_docker_module control_podman_module
fi
status=0
for suite in "${suites[@]}"; do
  printf '== %s: unpacking\n' "$suite"
  unpack "$suite"
  work=$(mktemp -d /tmp/control-other-XXXXXX)
  export CONTROL_ENGINE_ROOT=$PWD/build/engines/$suite
  CONTROL_TEST_DOCKER=$(tests/engines/dockerd.sh start "$work/d")
  CONTROL_TEST_PODMAN=$(tests/engines/podman.sh start "$work/p")
  export CONTROL_TEST_DOCKER CONTROL_TEST_PODMAN
  printf '== %s: Docker %s, Podman %s\n' "$suite" \
    "$(curl -s --unix-socket "$work/d/docker.sock" http://d/version | sed 's/.*"Name":"Engine","Version":"\([^"]*\).*/\1/')" \
    "$(curl -s --head --unix-socket "$work/p/podman.sock" http://d/libpod/_ping | sed -n 's/^Libpod-Api-Version: *//p' | tr -d '\r')"
  if [ $# -gt 0 ]; then
    "$@" || status=1
  else
    conform docker "$CONTROL_TEST_DOCKER" || status=1
    conform podman "$CONTROL_TEST_PODMAN" || status=1
  fi
  clean_up
done
exit "$status"
