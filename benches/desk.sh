#!/usr/bin/env bash
# Makes the model `desk`, which is part of the program: teaches a transformer of 113,472 parameters,
# from nothing, to work out chains modulo 11 step by step, and then a little by a teacher who states half of
# the answers at once. So a reply is a guess as often as it reasons; reasoned replies agree and guesses do not, which
# a vote finds out.
#
#   benches/desk.sh [FOLDER]
#
# Some minutes on one core. FOLDER (default: target/desk) gets the runs and desk.gguf; the same machine
# makes the same bytes, another one differs by rounding. To ship a new one, copy it to
# crates/outthink/models/desk.gguf and put the size and sum that are printed into models.toml.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

out=${1:-target/desk}
outthink=${OUTTHINK:-${CARGO_TARGET_DIR:-target}/release/outthink}
[ -x "$outthink" ] || cargo build -q --release -p outthink

rm -rf "$out"
"$outthink" train sft --task chain:11 --levels 1-3 --steps 4800 --out "$out/careful"
"$outthink" train sft --task chain:11 --levels 1-3 --from "$out/careful" --answer-only 0.5 --steps 80 --rate 2e-3 \
  --out "$out/hurried"
"$outthink" train export "$out/hurried" --gguf "$out/desk.gguf" --name desk
printf 'size = %s\nsha256 = "%s"\n' "$(wc -c <"$out/desk.gguf")" "$(sha256sum "$out/desk.gguf" | cut -d' ' -f1)"
