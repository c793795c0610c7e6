#!/usr/bin/env bash
# The path of somebody who runs the gateway: a configuration, a key with a budget, a request with its bill, the budget's
# end, a reload, a stop.
#
#   tests/paths/operator.sh OUTTHINK     the binary, with its embedded engine
set -euo pipefail
outthink=$(realpath "$1")
work=$(mktemp -d)
server=
stop() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$work"
}
trap stop EXIT
cd "$work"
export OUTTHINK_HOME=$work/home
field() { python3 -c 'import json, sys; v = json.load(sys.stdin); [v := v[int(k) if k.isdigit() else k] for k in sys.argv[1].split(".")]; print(v)' "$1"; }

"$outthink" config example >example.toml
"$outthink" config check example.toml >/dev/null

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >outthink.toml <<TOML
[server]
port = $port
[keys]
mode = "required"
ledger = "sqlite:ledger.db"
TOML
"$outthink" config check outthink.toml
key=$("$outthink" keys create alice --usd-per-day 0.001 --ledger sqlite:ledger.db --json | field key)
"$outthink" keys list --ledger sqlite:ledger.db

"$outthink" serve --config outthink.toml --model desk --threads 1 --price-input 1 --price-output 1 2>log.txt &
server=$!
for _ in $(seq 100); do
  curl -fsS "http://127.0.0.1:$port/health/ready" >/dev/null 2>&1 && break
  kill -0 "$server" 2>/dev/null || { cat log.txt; exit 1; }
  sleep 0.2
done

# expect WHAT GOT WANTED...: ends with a word on it unless one of WANTED came.
expect() {
  local what=$1 got=$2 wanted
  shift 2
  for wanted; do [ "$got" != "$wanted" ] || return 0; done
  echo "$what: came $got, expected $*" >&2
  exit 1
}
# ask [KEY]: prints the status; the reply is in reply.json. A seed, because the small model is wrong in some draws.
ask() {
  curl -sS -o reply.json -w '%{http_code}' "http://127.0.0.1:$port/v1/chat/completions" -H 'content-type: application/json' \
    ${1:+-H "authorization: Bearer $1"} \
    -d '{"model": "desk", "reasoning_effort": "low", "seed": 1, "messages": [{"role": "user", "content": "8*5+7 mod 11"}]}'
}
expect 'status without a key' "$(ask)" 401
expect 'status with a key' "$(ask "$key")" 200
expect 'answer' "$(field outthink.answer <reply.json)" 3
echo "answer $(field outthink.answer <reply.json), $(field outthink.samples_drawn <reply.json) samples, $(field usage.total_tokens <reply.json) tokens"
# The budget ends: within at most 50 requests one is refused, and says why.
status=200
for _ in $(seq 50); do
  status=$(ask "$key")
  [ "$status" = 200 ] || break
done
echo "refused with $status: $(field error.message <reply.json)"
expect 'status when the budget is spent' "$status" 429 402 403
"$outthink" keys list --ledger sqlite:ledger.db
kill -HUP "$server"
sleep 0.5
expect 'status without a key, after the reload' "$(ask)" 401
kill -TERM "$server"
wait "$server"
server=
echo "the operator's path: done"
