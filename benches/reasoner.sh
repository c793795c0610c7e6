#!/usr/bin/env bash
# Makes the model `desk-reasoner`: a transformer of some hundred thousand parameters that works chains of arithmetic
# modulo 7 out again and again in `<think>`, until some result was reached often enough, and then answers.
#
#   benches/reasoner.sh [FOLDER]
#
# FOLDER (default: target/reasoner) gets the runs, desk-reasoner.gguf and the Hugging Face folder desk-reasoner-hf.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

out=${1:-target/reasoner}
outthink=${OUTTHINK:-${CARGO_TARGET_DIR:-target}/release/outthink}
[ -x "$outthink" ] || cargo build -q --release -p outthink

rm -rf "$out"
# Short chains first; what they teach carries over to long ones.
"$outthink" train sft --task recheck:7 --levels 1-3 --size 64,2 --head-width 32 --slip 0.02 --interrupt 0.15 \
  --context 2304 --batch 16 --steps 1200 --every 30 --problems 100 --out "$out/short"
"$outthink" train sft --task recheck:7 --levels 2-8 --from "$out/short" --slip 0.02 --interrupt 0.15 \
  --batch 16 --steps 1200 --rate 2e-3 --every 30 --problems 100 --out "$out/run"
"$outthink" train export "$out/run" --gguf "$out/desk-reasoner.gguf" --hf "$out/desk-reasoner-hf" --name desk-reasoner
printf 'size = %s\nsha256 = "%s"\n' "$(wc -c <"$out/desk-reasoner.gguf")" \
  "$(sha256sum "$out/desk-reasoner.gguf" | cut -d' ' -f1)"
