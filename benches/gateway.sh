#!/usr/bin/env bash
# The gateway side by side with others, before one instant upstream, in one run:
#
#   benches/gateway.sh [ROUNDS] [SECONDS]
#
# The gateway is built with the profile `dist`, which takes many minutes the first time; OUTTHINK names
# another binary. Needs wrk (Debian: wrk). SGLang's router takes part where SGLANG_PYTHON names a Python
# that has the package sglang-router, LiteLLM where LITELLM names its command. Absolute figures on a
# machine that does other things mean little: compare within a run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

rounds=${1:-3}
seconds=${2:-5}
target=${CARGO_TARGET_DIR:-target}
outthink=${OUTTHINK:-$target/dist/outthink}
work=$(mktemp -d)
pids=()
cleanup() { for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done; rm -rf "$work"; }
trap cleanup EXIT

if [ -z "${NO_BUILD:-}" ]; then
  [ -n "${OUTTHINK:-}" ] || cargo build -q --profile dist -p outthink --no-default-features
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
now_ms() { date +%s%3N; }
rss_mb() { awk '/VmRSS/ { printf "%.1f", $2 / 1024 }' "/proc/$1/status"; }

names=(direct ours)
declare -A port=([direct]=9100 [ours]=9101 [sglang-router]=9102 [litellm]=9103) pid=()

ulimit -n "$(ulimit -Hn)"
"$target/release/examples/upstream" --port 9100 --tokens 16 >/dev/null & pids+=($!) pid[direct]=$!
until_ready http://127.0.0.1:9100/health

began=$(now_ms)
OUTTHINK_OFFLINE=1 "$outthink" serve --port 9101 --effort none --upstream http://127.0.0.1:9100/v1 2>/dev/null &
pids+=($!) pid[ours]=$!
for _ in $(seq 1 2000); do curl -sf -o /dev/null http://127.0.0.1:9101/health/ready && break; done
printf 'start to ready: ours %s ms\n' "$(($(now_ms) - began))"

if [ -n "${SGLANG_PYTHON:-}" ]; then
  began=$(now_ms)
  "$SGLANG_PYTHON" -m sglang_router.launch_router --host 127.0.0.1 --port 9102 --worker-urls http://127.0.0.1:9100 \
    --policy round_robin --prometheus-port 29102 >"$work/router.log" 2>&1 &
  pids+=($!) pid[sglang-router]=$!
  until_ready http://127.0.0.1:9102/health
  # Its workers join after it answers.
  for _ in $(seq 1 100); do
    curl -sf -o /dev/null -d '{"model":"fake","messages":[{"role":"user","content":"hi"}]}' \
      -H 'content-type: application/json' http://127.0.0.1:9102/v1/chat/completions && break
    sleep 0.2
  done
  printf 'start to first answer: sglang-router %s ms\n' "$(($(now_ms) - began))"
  names+=(sglang-router)
fi
if [ -n "${LITELLM:-}" ]; then
  cat >"$work/litellm.yaml" <<YAML
model_list:
  - model_name: fake
    litellm_params: { model: openai/fake, api_base: "http://127.0.0.1:9100/v1", api_key: none }
YAML
  "$LITELLM" --config "$work/litellm.yaml" --port 9103 --host 127.0.0.1 >"$work/litellm.log" 2>&1 &
  pids+=($!) pid[litellm]=$!
  until_ready http://127.0.0.1:9103/health/liveliness
  names+=(litellm)
fi

body='{"model":"fake","messages":[{"role":"system","content":"You are a helpful assistant."},{"role":"user","content":"What is the capital of France, and how many people live there?"}],"max_tokens":64'
for kind in plain stream; do
  extra=; [ $kind = stream ] && extra=',"stream":true'
  cat >"$work/$kind.lua" <<LUA
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.body = '$body$extra}'
LUA
done

# one NAME KIND CONNECTIONS: a line of requests/s, p50 and p99 in ms, errors.
one() {
  local threads=2
  [ "$3" -lt 2 ] && threads=1
  wrk -t$threads -c"$3" -d"${seconds}s" --latency -s "$work/$2.lua" "http://127.0.0.1:${port[$1]}/v1/chat/completions" |
    awk '
      function ms(v) { return v ~ /us$/ ? v / 1000 : v ~ /ms$/ ? v + 0 : v * 1000 }
      $1 == "50%" { p50 = ms($2) } $1 == "99%" { p99 = ms($2) }
      /Requests\/sec/ { rps = $2 } /Non-2xx/ { bad = $NF } /Socket errors/ { bad = bad " " $0 }
      END { printf "%.0f %.2f %.2f %s\n", rps, p50, p99, bad == "" ? 0 : bad }'
}

printf '\n%-14s %-7s %5s %12s %10s %10s %8s\n' contestant kind conns requests/s 'p50 ms' 'p99 ms' errors
for kind in plain stream; do
  for conns in ${CONNS:-1 16 64}; do
    # The contestants take turns, so that what else the machine does hits all alike.
    for round in $(seq 1 "$rounds"); do
      for name in "${names[@]}"; do one "$name" $kind $conns >>"$work/$name.$kind.$conns"; done
    done
    for name in "${names[@]}"; do
      # The round in the middle, by requests/s.
      sort -n "$work/$name.$kind.$conns" | awk -v n="$name" -v k=$kind -v c=$conns '
        { line[NR] = $0 }
        END { split(line[int((NR + 1) / 2)], f, " "); printf "%-14s %-7s %5d %12s %10s %10s %8s\n", n, k, c, f[1], f[2], f[3], f[4] }'
    done
  done
done

printf '\nat 1,000 requests/s whatever becomes of them, %s s each, twice:\n' "$((seconds * 2))"
for kind in plain stream; do
  for _ in 1 2; do
    for name in "${names[@]}"; do
      printf '  %-14s %-7s %s\n' "$name" $kind "$("$target/release/examples/storm" pace 1000 "$((seconds * 2))" "127.0.0.1:${port[$name]}" ${kind/plain/})"
    done
  done
done

printf '\nresident memory after all that:\n'
for name in "${names[@]}"; do printf '  %-14s %s MB\n' "$name" "$(rss_mb "${pid[$name]}")"; done

printf '\n5,000 streams at one time:\n'
"$target/release/examples/upstream" --port 9104 --tokens 60 --pause-ms 500 >/dev/null & pids+=($!)
until_ready http://127.0.0.1:9104/health
OUTTHINK_OFFLINE=1 "$outthink" serve --port 9105 --effort none --upstream http://127.0.0.1:9104/v1 2>/dev/null &
pids+=($!)
held=$!
until_ready http://127.0.0.1:9105/health/ready
"$target/release/examples/storm" streams 5000 127.0.0.1:9105 $held
