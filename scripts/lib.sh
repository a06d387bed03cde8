# Shared by the scripts of this folder: installing what is missing, steps with their times.

fail() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# Prints those of the named Debian packages that are not installed.
missing_packages() {
  local package
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null)" = "install ok installed" ] ||
      printf '%s\n' "$package"
  done
}

# Installs those of the named Debian packages that are missing; asks for nothing.
need_packages() {
  command -v dpkg-query >/dev/null 2>&1 ||
    fail "this is no Debian: install what these packages are there yourself: $*"
  local missing
  missing=$(missing_packages "$@" | tr '\n' ' ')
  [ -n "${missing// /}" ] || return 0
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 ||
      fail "these packages are missing and there is no sudo; as root: apt-get install $missing"
    as_root=(sudo)
  fi
  printf 'installing: %s\n' "$missing"
  local log
  log=$(mktemp)
  # shellcheck disable=SC2086
  "${as_root[@]}" apt-get update -qq >"$log" 2>&1 &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y -qq --no-install-recommends $missing >>"$log" 2>&1 || {
    tail -n 30 "$log" >&2
    rm -f "$log"
    fail "cannot install: $missing"
  }
  rm -f "$log"
}

debian_release() { (. /etc/os-release && printf '%s\n' "$VERSION_CODENAME"); }

# Where this system's own packages come from; not those of updates and security, which are few.
debian_mirror() {
  apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' 'Origin: Debian' \
    "Codename: $(debian_release)" | head -n 1
}

build_packages="g++ cmake ninja-build libpoco-dev libssl-dev libarchive-dev libcurl4-openssl-dev libboost-dev libspdlog-dev libre2-dev openssl ca-certificates"

# What private engines need (tests/engines).
docker_packages() { printf '%s ' docker.io docker-registry busybox-static iproute2 iptables util-linux curl tar; }
engine_packages() {
  docker_packages
  printf '%s ' podman runc conmon netavark catatonit uidmap slirp4netns
}

test_packages() {
  printf '%s ' "$build_packages" libgtest-dev libgmock-dev "$(engine_packages)" \
    clang clang-tidy clang-format libclang-rt-14-dev procps binutils libfaketime debootstrap strace \
    btrfs-progs e2fsprogs xfsprogs systemd
  # Debian's packages of Node.js conflict with those of others: take what is there.
  command -v node >/dev/null 2>&1 || printf 'nodejs '
  command -v npm >/dev/null 2>&1 || printf 'npm '
}

# Compiles through ccache where there is one.
launcher_options() {
  command -v ccache >/dev/null 2>&1 || return 0
  printf '%s\n' -DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DCMAKE_C_COMPILER_LAUNCHER=ccache
}

# Where a whole build from nothing is wanted soon: several files at once, as most of the time goes into
# reading headers. While one works on a file, building that alone is sooner.
whole_options=(-DCMAKE_UNITY_BUILD=ON)

# The compiler of the sanitizers and fuzzers.
clang_options=(-DCMAKE_CXX_COMPILER=clang++ -DCMAKE_C_COMPILER=clang -DCMAKE_DISABLE_PRECOMPILE_HEADERS=OFF
  "${whole_options[@]}")

processors() { nproc 2>/dev/null || echo 2; }
