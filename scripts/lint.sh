#!/usr/bin/env bash
# Checks the sources with clang-format and clang-tidy.
#
#   scripts/lint.sh            both
#   scripts/lint.sh --format   clang-format only, in seconds
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

case "${1:-}" in
  "" | --format) ;;
  *) fail "use: scripts/lint.sh [--format]" ;;
esac
# shellcheck disable=SC2046
need_packages $(test_packages)

# sources PATTERN FOLDER...: source files below the folders, separated by NUL.
sources() {
  local pattern=$1
  shift
  find "$@" -name node_modules -prune -o -type f -regextype posix-extended \
    -regex "$pattern" -print0
}

sources '.*\.(cpp|h)' agent examples libcontrol plugins tests |
  xargs -0 clang-format --dry-run --Werror
[ "${1:-}" != --format ] || exit 0

cmake --preset dev -B build/tidy -DCONTROL_BUILD_TESTS=OFF \
  -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_C_COMPILER=clang >/dev/null
sources '.*\.cpp' agent examples/panel libcontrol plugins |
  xargs -0 -n 1 -P "$(processors)" clang-tidy --quiet -p build/tidy
