#!/usr/bin/env bash
# Gives a Docker engine the image control-test-teeworlds:latest: Debian's teeworlds-server with the
# libraries and the one map that it needs, and busybox for a shell and the HEALTHCHECK.
#
#   image.sh SOCKET
#
# Needed (Debian): teeworlds-server busybox-static curl tar.
set -euo pipefail

fail() {
  printf 'image.sh: %s\n' "$*" >&2
  exit 1
}

readonly socket=${1:?use: image.sh SOCKET} name=control-test-teeworlds
readonly server=/usr/games/teeworlds-server data=/usr/share/games/teeworlds/data
[ -x "$server" ] || fail "$server is missing; as root: apt-get install --no-install-recommends teeworlds-server"

request() { curl --silent --show-error --fail --unix-socket "$socket" "http://engine$1" "${@:2}"; }
request "/images/$name:latest/json" >/dev/null 2>&1 && exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$root"/{bin,tmp} "$root$data"/{maps,mapres}
cp "$(command -v busybox)" "$root/bin/busybox"
for applet in sh cat sleep netstat grep; do ln -s busybox "$root/bin/$applet"; done
ldd "$server" | grep -o '/[^ ]*' | while read -r file; do
  install -D "$file" "$root$file"
done
install -D "$server" "$root$server"
cp "$data/maps/dm1.map" "$root$data/maps/"

# The game's own port is bound.
changes='changes=ENV%20PATH%3D%2Fbin&changes=HEALTHCHECK%20--interval%3D1s%20CMD%20netstat%20-lun%20%7C%20grep%20-q%20%3A8303'
tar --create --numeric-owner --owner 0 --group 0 --directory "$root" . |
  request "/images/create?fromSrc=-&repo=$name&tag=latest&$changes" --request POST \
    --header 'Content-Type: application/x-tar' --data-binary @- >"$work/answer" ||
  fail "the engine did not import the image"
