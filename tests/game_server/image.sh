#!/usr/bin/env bash
# Gives a Docker engine the image control-test-teeworlds:latest: a minimal Debian of this system's
# release, made by debootstrap, with Debian's teeworlds-server in it.
#
#   image.sh SOCKET
#
# Needed (Debian): debootstrap curl tar, and root. The packages come from this system's own mirror.
set -euo pipefail
. "$(dirname "$0")/../../scripts/lib.sh"

readonly socket=${1:?use: image.sh SOCKET} name=control-test-teeworlds

request() { curl --silent --show-error --fail --unix-socket "$socket" "http://engine$1" "${@:2}"; }
request "/images/$name:latest/json" >/dev/null 2>&1 && exit 0

work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
mirror=$(debian_mirror)
debootstrap --variant=minbase --include=teeworlds-server "$(debian_release)" "$work/root" ${mirror:+"$mirror"} >"$work/log" 2>&1 ||
  { tail -n 20 "$work/log" >&2 && fail "debootstrap made no system"; }

# The game's own port, 8303, is bound.
changes='changes=HEALTHCHECK%20--interval%3D1s%20CMD%20grep%20-q%20%3A206F%20/proc/net/udp'
tar --create --numeric-owner --directory "$work/root" --exclude=./var/cache/apt --exclude=./var/lib/apt \
  --exclude=./usr/share/doc --exclude=./usr/share/locale . |
  request "/images/create?fromSrc=-&repo=$name&tag=latest&$changes" --request POST \
    --header 'Content-Type: application/x-tar' --data-binary @- >"$work/answer" ||
  fail "the engine did not import the image"
