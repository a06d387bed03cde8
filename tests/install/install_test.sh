#!/bin/sh
# Installs the build tree to a prefix of its own, moves it, and builds and runs the examples against
# it, as somebody would who has only the installed package.
#
#   install_test.sh SOURCE_DIR BUILD_DIR [ENGINE_URI_FILE]
set -eu

source_dir=$1
build_dir=$2
uri_file=${3:-}

work=$(mktemp -d "${TMPDIR:-/tmp}/control-install-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

say() { printf '%s\n' "-- $*"; }
die() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }

say "install, then move the tree"
cmake --install "$build_dir" --prefix "$work/first" >"$work/install.log" 2>&1 ||
  { cat "$work/install.log"; die "cmake --install"; }
mv "$work/first" "$work/prefix"
prefix=$work/prefix

say "nothing installed names the source or the build tree"
if grep -rIlF -e "$source_dir" -e "$build_dir" "$prefix"; then
  die "these files name the tree they were built in"
fi

# A debug build's debug information does.
if ! grep -q '^CMAKE_BUILD_TYPE:[A-Z]*=Debug$' "$build_dir/CMakeCache.txt" &&
  grep -rlF -e "$source_dir/" "$prefix"; then
  die "these programs name the tree they were built in"
fi

# No compiler cache, no include paths, no library path of whoever runs the tests.
clean() {
  env -i PATH="$PATH" HOME="$work" TMPDIR="$work" LC_ALL=C.UTF-8 "$@"
}

build_project() { # NAME SOURCE
  say "build $1 against the installed package"
  clean cmake -S "$2" -B "$work/$1" -G Ninja -DCMAKE_BUILD_TYPE= -DCMAKE_CXX_COMPILER="${CXX:-c++}" \
    -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_FIND_USE_PACKAGE_REGISTRY=OFF \
    -DCMAKE_CXX_FLAGS="-O0 -Wall -Wextra" >"$work/$1.log" 2>&1 ||
    { cat "$work/$1.log"; die "configure $1"; }
  clean cmake --build "$work/$1" >"$work/$1.log" 2>&1 || { cat "$work/$1.log"; die "build $1"; }
  grep -F "warning:" "$work/$1.log" && die "$1 has warnings"
  return 0
}

build_example() { # NAME
  # The installed copy: what it includes of the source tree by a relative path would show.
  cp -R "$prefix/share/doc/libcontrol/examples/$1" "$work/$1-source"
  build_project "$1" "$work/$1-source"
}

build_example embed
mkdir "$work/plugin-source"
cp "$source_dir/tests/install/plugin/CMakeLists.txt" \
  "$source_dir/tests/fixtures/plugins/good.cpp" \
  "$source_dir/tests/fixtures/plugins/memory_runtime.cpp" \
  "$source_dir/tests/fixtures/plugins/memory_runtime.h" "$work/plugin-source"
build_project plugin "$work/plugin-source"

expect() { # PATTERN COMMAND...
  pattern=$1
  shift
  output=$(clean "$@" 2>&1) || { printf '%s\n' "$output"; die "$*"; }
  printf '%s\n' "$output" | grep -Eq "$pattern" ||
    { printf '%s\n' "$output"; die "$*: expected /$pattern/"; }
}

embed=$work/embed/embed
say "embed on the mock engine, its plugin from the installed tree"
expect '^0 containers$' "$embed" --runtime mock:///default list
expect '^nobody: absent$' "$embed" --runtime mock:///default stop nobody INT 0.5
expect '^$' "$embed" --runtime mock:///default watch 0.2
say "errors are told with their reason"
if clean "$embed" --runtime nosuch:///x list 2>"$work/error"; then
  die "an unknown engine was accepted"
fi
grep -q "unknown engine 'nosuch'.*docker, mock" "$work/error" || { cat "$work/error"; die "error text"; }
if clean "$embed" --runtime mock:///default stop nobody NOSUCH 2>"$work/error"; then
  die "an unknown signal was accepted"
fi
grep -q "NOSUCH" "$work/error" || { cat "$work/error"; die "error text"; }

say "a plugin built against the installed package loads"
cp "$work/plugin/libcontrol-good.so" "$prefix"/lib*/libcontrol/ 2>/dev/null ||
  cp "$work/plugin/libcontrol-good.so" "$prefix"/lib/*/libcontrol/
expect '^0 containers$' "$embed" --runtime good:/// list

say "a whole engine of somebody else's conforms, as docs/writing-a-plugin.md says"
cp -R "$source_dir/examples/custom_plugin" "$work/process-source"
build_project process "$work/process-source"
clean "$prefix/bin/control-conform" --runtime "process://$work/state" --image host \
  --plugin "$work/process/libcontrol-process.so" \
  --expect "$work/process-source/expected-skips.txt" >"$work/conform.log" 2>&1 ||
  { cat "$work/conform.log"; die "control-conform on the process engine"; }

say "installed, it is found by its name"
clean cmake --install "$work/process" >"$work/process.log" 2>&1 ||
  { cat "$work/process.log"; die "install process"; }
expect '^0 containers$' "$embed" --runtime "process://$work/empty-state" list

say "quickstart on the mock engine"
expect '^(stopped|killed)$' "$work/embed/quickstart" mock:///default
for plugin in plugin/libcontrol-good.so process/libcontrol-process.so; do
  symbols=$(nm -D --defined-only "$work/$plugin" | awk '{print $3}')
  [ "$symbols" = control_plugin_descriptor ] || die "$plugin exports: $symbols"
done

build_example ci_with_mock
say "the tests of a program that embeds the library, without any engine or setting"
clean "$work/ci_with_mock/nightly_test" >"$work/nightly.log" 2>&1 ||
  { cat "$work/nightly.log"; die "nightly_test"; }
expect '^backup: done$' "$work/ci_with_mock/nightly" mock:///default backup example/backup:1 true

say "what docs/testing.md shows"
cp -R "$source_dir/tests/install/guide" "$work/guide-source"
build_project guide "$work/guide-source"
clean "$work/guide/guide_test" >"$work/guide.log" 2>&1 || { cat "$work/guide.log"; die "guide_test"; }

say "a component that is missing is an error that names the remedy"
refused() { # PATTERN CMAKE-OPTION...
  pattern=$1
  shift
  if clean cmake -S "$work/guide-source" -B "$work/refused" -G Ninja \
    -DCMAKE_PREFIX_PATH="$prefix" "$@" >"$work/refused.log" 2>&1; then
    die "it was configured $*"
  fi
  grep -q "$pattern" "$work/refused.log" || { cat "$work/refused.log"; die "/$pattern/ is not said"; }
}
refused 'libgmock-dev' -DCMAKE_DISABLE_FIND_PACKAGE_GTest=ON
sed -i 's/COMPONENTS testing/COMPONENTS nosuch/' "$work/guide-source/CMakeLists.txt"
refused "unknown component 'nosuch'"

say "an unknown keyword of the plugin helper is refused"
cat >"$work/plugin-source/CMakeLists.txt" <<'EOF'
cmake_minimum_required(VERSION 3.25)
project(good_plugin LANGUAGES CXX)
find_package(libcontrol 0.1 REQUIRED)
libcontrol_add_plugin(good SORCES good.cpp)
EOF
if clean cmake -S "$work/plugin-source" -B "$work/refused-plugin" -G Ninja \
  -DCMAKE_PREFIX_PATH="$prefix" >"$work/refused.log" 2>&1; then
  die "it was configured with a wrong keyword"
fi
grep -q "found 'SORCES;good.cpp'" "$work/refused.log" || { cat "$work/refused.log"; die "error text"; }

agent=$prefix/bin/ctrl-alt-play-agent
if [ -e "$agent" ]; then
  say "the installed agent starts and finds its library and plugins"
  expect '[0-9]+\.[0-9]+\.[0-9]+' "$agent" --version

  say "the installed service and its example settings, as the README uses them"
  grep -Eq '^ExecStart=/.*/bin/ctrl-alt-play-agent$' \
    "$prefix/lib/systemd/system/ctrl-alt-play-agent.service" || die "the service's unit"
  (umask 077 && echo a-secret-of-this-test >"$work/secret")
  # shellcheck disable=SC2016
  expect '^PANEL_URL=wss://panel\.example\.com/' \
    sh -c 'set -a; . "$1"; AGENT_SECRET_FILE=$2 RUNTIME=mock:///default exec "$3" --check-config' \
    sh "$prefix/share/ctrl-alt-play/agent.env" "$work/secret" "$agent"
fi

if [ -n "$uri_file" ] || [ -n "${CONTROL_TEST_DOCKER:-}" ]; then
  uri=${CONTROL_TEST_DOCKER:-$(cat "$uri_file")}
  say "embed on $uri"
  expect 'containers?$' "$embed" --runtime "$uri" list
  expect '^killed$' "$work/embed/quickstart" "$uri" "${CONTROL_TEST_IMAGE:-control-test:latest}"
  expect '^nobody-of-this-name: absent$' "$embed" --runtime "$uri" stop nobody-of-this-name INT 0.5
fi
say "passed"
