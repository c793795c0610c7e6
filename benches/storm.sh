#!/usr/bin/env bash
# The gateway under bad upstreams, leaving clients, many streams and a long load; prints what came of it:
#
#   benches/storm.sh [chaos] [cancel] [pace] [streams] [soak]     all but soak without arguments
#
# OUTTHINK names the binary (default: target/release/outthink, gateway-only is enough); SOAK_SECONDS says how long the
# soak takes (default 600). The figures of docs/gateway.md come from here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=${CARGO_TARGET_DIR:-target}
outthink=${OUTTHINK:-$target/release/outthink}
work=$(mktemp -d)
pids=()
cleanup() { for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done; rm -rf "$work"; }
trap cleanup EXIT
ulimit -n "$(ulimit -Hn)"

if [ -z "${NO_BUILD:-}" ]; then
  cargo build -q --release -p outthink-testkit --example upstream
  cargo build -q --release -p outthink-serve --example storm
fi

# until_ready URL: waits until it answers with a success.
until_ready() {
  for _ in $(seq 1 1200); do
    curl -sf -o /dev/null --max-time 2 "$1" && return 0
    sleep 0.05
  done
  echo "no answer from $1" >&2
  return 1
}

# gateway PORT TOKENS PAUSE_MS: an upstream of that pace and a gateway before it, whose process is left in $gateway.
gateway() {
  "$target/release/examples/upstream" --port "$(($1 + 1))" --tokens "$2" --pause-ms "$3" >/dev/null & pids+=($!)
  until_ready "http://127.0.0.1:$(($1 + 1))/health"
  OUTTHINK_OFFLINE=1 "$outthink" serve --port "$1" --effort none --upstream "http://127.0.0.1:$(($1 + 1))/v1" 2>/dev/null &
  gateway=$!
  pids+=("$gateway")
  until_ready "http://127.0.0.1:$1/health/ready"
}

storm=$target/release/examples/storm
[ $# -gt 0 ] || set -- chaos cancel pace streams
for what in "$@"; do
  printf '\n== %s\n' "$what"
  case $what in
    chaos) "$storm" chaos 10000 ;;
    cancel) "$storm" cancel 1000 ;;
    pace)
      gateway 9210 16 0
      for kind in "" stream; do "$storm" pace 1000 10 127.0.0.1:9210 $kind; done
      ;;
    streams)
      gateway 9220 60 500
      "$storm" streams 5000 127.0.0.1:9220 "$gateway"
      ;;
    soak)
      gateway 9230 16 0
      "$storm" soak 2000 "${SOAK_SECONDS:-600}" 127.0.0.1:9230 "$gateway"
      ;;
    *) echo "unknown: $what" >&2; exit 2 ;;
  esac
done
