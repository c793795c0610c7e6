#!/usr/bin/env bash
# Makes a model such as `desk-reasoner`: a transformer of 113,472 parameters that works chains of arithmetic modulo 5
# out again and again in `<think>` and keeps the answer that most passes agree on.
#
#   benches/reasoner.sh [FOLDER]
#
# FOLDER (default: target/reasoner) gets the runs, desk-reasoner.gguf and the Hugging Face folder desk-reasoner-hf; and
# long-reasoner.gguf and long-reasoner-hf, the same model with sliding-window attention, whose reasoning may be of any length.
# The steps as a whole were not yet run in one go: the shipped file comes from the last stages below, on top of stages
# that were broken off or began in an earlier form of the task; docs/LOG.md has them all.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

out=${1:-target/reasoner}
outthink=${OUTTHINK:-${CARGO_TARGET_DIR:-target}/release/outthink}
[ -x "$outthink" ] || cargo build -q --release -p outthink

rm -rf "$out"
train() { "$outthink" train sft --levels 1-3 --every 100 --problems 20 "$@"; }
# The form of a pass, the arithmetic and the majority, with enough wrong steps that results cannot be copied from the pass
# before; then label noise as it is to be, and the number of passes that a question asks for; then long reasoning.
train --task recheck:5 --size 64,2 --rope-base 100 --context 24576 --label-noise 0.2 --interrupt 0.03 --clip 240 \
  --batch 24 --steps 4000 --rate 4e-3 --out "$out/form"
train --task recheck:5:480 --from "$out/form" --label-noise 0.12 --interrupt 0.1 --clip 600 --batch 10 --steps 700 \
  --rate 2e-3 --out "$out/passes"
train --task recheck:5:480 --from "$out/passes" --label-noise 0.12 --interrupt 0.1 --clip 2500 --batch 4 --steps 250 \
  --rate 1.5e-3 --out "$out/long"
train --task recheck:5:480 --from "$out/long" --label-noise 0.08 --interrupt 0.1 --clip 1000 --batch 8 --steps 300 \
  --rate 1.5e-3 --out "$out/even"
# Ends are rare in long reasoning.
train --task recheck:5:30 --from "$out/even" --label-noise 0.12 --interrupt 0.12 --clip 900 --batch 8 --steps 400 \
  --rate 1.2e-3 --out "$out/run"
"$outthink" train export "$out/run" --gguf "$out/desk-reasoner.gguf" --hf "$out/desk-reasoner-hf" --name desk-reasoner
# Reasoning of any length: attention sees the last 96 tokens (two passes and a bit), and most texts are pieces out of the
# middle of solutions of up to 999 passes. Begins with the shipped file; four minutes on one core.
shipped=crates/outthink/models/desk-reasoner.gguf
pieces() {
  train --task recheck:5:999 --excerpts 0.6 --label-noise 0.1 --interrupt 0.1 --clip 500 --batch 12 --rate 2e-3 "$@"
}
pieces --from "$shipped" --window 96 --steps 1200 --out "$out/window"
pieces --from "$out/window" --steps 4000 --seed 2 --out "$out/long-window"
"$outthink" train export "$out/long-window" --gguf "$out/long-reasoner.gguf" --hf "$out/long-reasoner-hf" --name desk-reasoner
printf 'size = %s\nsha256 = "%s"\n' "$(wc -c <"$out/desk-reasoner.gguf")" \
  "$(sha256sum "$out/desk-reasoner.gguf" | cut -d' ' -f1)"
