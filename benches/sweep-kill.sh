#!/usr/bin/env bash
# Sweeps a question set, killed with SIGKILL at random moments and taken up again each time, and
# counts what is there at the end: each sample once.
#
#   benches/sweep-kill.sh SET [KILLS] [-- SWEEP-ARGUMENT...]
#
# OUTTHINK names the binary (target/release/outthink without it), KILL_AFTER the most samples until a
# kill (20 without it), and OUTTHINK_STORE the store (a temporary file without it).
set -euo pipefail

outthink=${OUTTHINK:-target/release/outthink}
set=${1:?usage: benches/sweep-kill.sh SET [KILLS] [-- SWEEP-ARGUMENT...]}
shift
kills=10
if [ $# -gt 0 ] && [ "$1" != -- ]; then
  kills=$1
  shift
fi
[ "${1:-}" != -- ] || shift
arguments=("$@")
[ ${#arguments[@]} -gt 0 ] || arguments=(--limit 30 --samples 8)

if [ -z "${OUTTHINK_STORE:-}" ]; then
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  export OUTTHINK_STORE=$folder/runs.db
fi
run=kill-test

there() {
  local count
  count=$("$outthink" runs show "$run" --json 2>/dev/null | sed -n 's/.*"samples":\([0-9]*\),"correct".*/\1/p')
  echo "${count:-0}"
}

for kill in $(seq "$kills"); do
  aim=$(($(there) + RANDOM % ${KILL_AFTER:-20}))
  "$outthink" sweep "$set" --run "$run" "${arguments[@]}" >/dev/null 2>&1 &
  child=$!
  # At a random number of samples, and at a random moment after it.
  while kill -0 "$child" 2>/dev/null && [ "$(there)" -lt "$aim" ]; do sleep 0.5; done
  sleep "$((RANDOM % 3)).$((RANDOM % 10))"
  kill -KILL "$child" 2>/dev/null || echo "the sweep ended before kill $kill"
  wait "$child" 2>/dev/null || true
  echo "kill $kill: $(there) samples"
done
"$outthink" sweep "$set" --run "$run" "${arguments[@]}"

table=${OUTTHINK_STORE%.db}.parquet
"$outthink" store export "$run" --parquet "$table"
if python3 -c 'import duckdb' 2>/dev/null; then
  python3 - "$table" <<'PY'
import sys, duckdb
rows, places, seeds = duckdb.sql(
    f"select count(*), count(distinct (problem, setting, sample)), count(distinct seed) from '{sys.argv[1]}'"
).fetchall()[0]
print(f"{rows} samples, {places} places, {seeds} seeds")
sys.exit(0 if rows == places == seeds else 1)
PY
fi
