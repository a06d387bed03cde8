#!/bin/sh
# Installs the packages that package-lock.json names, if they are not there yet.
set -eu
cd "$(dirname "$0")"

fail() {
  echo "tests/agent/install.sh: $*" >&2
  exit 1
}

command -v node >/dev/null && command -v npm >/dev/null ||
  fail "needs Node 18 or newer and npm (Debian: nodejs npm)"
node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 18 ? 0 : 1)' ||
  fail "needs Node 18 or newer, this is $(node --version)"

installed() {
  [ node_modules/.package-lock.json -nt package-lock.json ] && node -e 'require("ws")' 2>/dev/null
}

installed && exit 0

npm ci --no-audit --no-fund --prefer-offline || fail "npm could not install the locked packages. \
Where the package registry cannot be reached, bring tests/agent/node_modules from a checkout of the \
same version where it can, or point npm at a mirror (npm config set registry URL)."
touch node_modules/.package-lock.json
installed || fail "npm ci reported success but the package ws cannot be loaded"
