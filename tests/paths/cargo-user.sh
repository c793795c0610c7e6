#!/usr/bin/env bash
# The path of somebody with Rust and a clone: the README's commands, to the first answers. Reports the processor time.
#
#   tests/paths/cargo-user.sh     CARGO_TARGET_DIR: where to build (a fresh folder, so that all is built)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git clone -q --no-hardlinks . "$work/outthink"
cd "$work/outthink"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$work/target} OUTTHINK_HOME=$work/home OUTTHINK_OFFLINE=1

./x setup
TIMEFORMAT='build: %R s, of which processors %U s and %S s'
time cargo build --release --locked
outthink=$CARGO_TARGET_DIR/release/outthink
ls -l "$outthink" | awk '{ printf "binary: %.1f MB\n", $5 / 1e6 }'
TIMEFORMAT='to the first answers: %R s'
time "$outthink" demo --problems 10 --efforts none,low
"$outthink" ask --model desk --effort low --json '8*5+7 mod 11' >answer.json
grep -q '"text": "3"' answer.json
"$outthink" --help | grep -q '  demo '
echo "the cargo user's path: done"
