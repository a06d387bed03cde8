# shellcheck shell=bash disable=SC2154
# A private registry beside a private engine, on the loopback of the engine's network namespace;
# sourced by private_engine.sh. It holds the test image under another name,
#   127.0.0.1:5000/control-test-pull:latest   for everybody
#   127.0.0.1:5001/control-test-pull:latest   for the user "player" with the password "please"
# DIR/registry holds the first two parts of these names, a line each.

readonly registry_image=control-test-pull
readonly registry_ports="5000 5001"

# htpasswd -Bbn player please
readonly registry_user='player:$2y$05$36QZD90pfY6vh8rVTAJIY.OiIPUxstmfCIejKjyslhVzNzfSAb85W'

inNetwork() { nsenter --net="/run/netns/$netns" "$@"; }

registryConfiguration() {  # registryConfiguration PORT
  printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: "%s"}}\nhttp: {addr: "127.0.0.1:%s"}\n' \
    "$dir/images" "$1"
  [ "$1" = 5000 ] || printf 'auth: {htpasswd: {realm: control-test, path: "%s"}}\n' "$dir/htpasswd"
}

registryAnswers() {  # registryAnswers PORT
  inNetwork curl --silent --max-time 5 --output /dev/null "http://127.0.0.1:$1/v2/"
}

digestOf() { printf 'sha256:%s' "$(sha256sum "$1" | cut -d' ' -f1)"; }

pushBlob() {  # pushBlob FILE
  local url=http://127.0.0.1:5000/v2/$registry_image/blobs/uploads/ place
  place=$(inNetwork curl --silent --show-error --fail --request POST --dump-header - --output /dev/null "$url" |
    tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
  inNetwork curl --silent --show-error --fail --request PUT --header 'Content-Type: application/octet-stream' \
    --data-binary "@$1" "$place&digest=$(digestOf "$1")"
}

pushImage() {  # from the tar archive on its input
  local work=$dir/push architecture
  case $(uname -m) in x86_64) architecture=amd64 ;; aarch64) architecture=arm64 ;; *) architecture=$(uname -m) ;; esac
  mkdir -p "$work"
  cat >"$work/layer.tar"
  gzip --keep --no-name "$work/layer.tar"
  printf '{"architecture":"%s","os":"linux","config":{"Cmd":["/bin/sh"],"Env":["PATH=/bin"]},"rootfs":{"type":"layers","diff_ids":["%s"]}}' \
    "$architecture" "$(digestOf "$work/layer.tar")" >"$work/config.json"
  pushBlob "$work/layer.tar.gz"
  pushBlob "$work/config.json"
  local type=application/vnd.docker
  printf '{"schemaVersion":2,"mediaType":"%s.distribution.manifest.v2+json","config":{"mediaType":"%s.container.image.v1+json","size":%s,"digest":"%s"},"layers":[{"mediaType":"%s.image.rootfs.diff.tar.gzip","size":%s,"digest":"%s"}]}' \
    $type $type "$(stat -c %s "$work/config.json")" "$(digestOf "$work/config.json")" \
    $type "$(stat -c %s "$work/layer.tar.gz")" "$(digestOf "$work/layer.tar.gz")" >"$work/manifest.json"
  inNetwork curl --silent --show-error --fail --request PUT --header "Content-Type: $type.distribution.manifest.v2+json" \
    --data-binary "@$work/manifest.json" "http://127.0.0.1:5000/v2/$registry_image/manifests/latest"
  rm -rf "$work"
}

startRegistry() {
  local port
  printf '%s\n' "$registry_user" >"$dir/htpasswd"
  for port in $registry_ports; do
    registryConfiguration "$port" >"$dir/registry-$port.yml"
    spawn "registry-$port" docker-registry serve "$dir/registry-$port.yml"
  done
  for port in $registry_ports; do waitFor "registry-$port" registryAnswers "$port"; done
  busyboxRoot | pushImage >"$dir/push.log" 2>&1 || {
    cat "$dir/push.log" >&2
    stopEngineKeepLogs
    fail "the registry did not take the test image; its answer is above"
  }
  printf '127.0.0.1:%s\n' $registry_ports >"$dir/registry"
}
