#!/usr/bin/env bash
# Makes the model `desk-reasoner`: a transformer of some hundred thousand parameters that works chains of arithmetic
# modulo 7 out again and again in `<think>`, until some result was reached often enough, and then answers.
#
#   benches/reasoner.sh [FOLDER]
#
# The steps as a whole were not yet run in one go; the model of docs/engines.md had fewer of them.
# FOLDER (default: target/reasoner) gets the runs, desk-reasoner.gguf and the Hugging Face folder desk-reasoner-hf.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

out=${1:-target/reasoner}
outthink=${OUTTHINK:-${CARGO_TARGET_DIR:-target}/release/outthink}
[ -x "$outthink" ] || cargo build -q --release -p outthink

rm -rf "$out"
train() { "$outthink" train sft --task recheck:7 --every 20 --problems 40 "$@"; }
# The longer the chains and the thoughts, the longer copying takes to learn: so short ones first.
train --levels 1-3 --size 64,2 --context 2304 --batch 32 --steps 3000 --rate 5e-3 --out "$out/short"
train --levels 1-5 --batch 16 --from "$out/short" --slip 0.03 --steps 2000 --rate 4e-3 --out "$out/long"
train --levels 1-5 --batch 16 --from "$out/long" --slip 0.03 --interrupt 0.15 --steps 2000 --rate 4e-3 --out "$out/run"
"$outthink" train export "$out/run" --gguf "$out/desk-reasoner.gguf" --hf "$out/desk-reasoner-hf" --name desk-reasoner
printf 'size = %s\nsha256 = "%s"\n' "$(wc -c <"$out/desk-reasoner.gguf")" \
  "$(sha256sum "$out/desk-reasoner.gguf" | cut -d' ' -f1)"
