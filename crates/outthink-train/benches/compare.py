"""Tokens a second of training and sampling, this crate against PyTorch on the same shapes.

    python3 crates/outthink-train/benches/compare.py [--venv FOLDER] [--rounds 3] [--seconds 3]

Makes a virtual environment with PyTorch in FOLDER (about 5 GB, for PyPI's wheel brings CUDA's
libraries) unless there is one, builds the example `speed`, and runs the two by turns, each on one
thread; seconds are the processor's. PyTorch is given what it has: fused attention, fused AdamW, a KV cache made once, and
sampling of all sequences in one batch.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

SHAPES = [(64, 2), (128, 4), (192, 6)]
CONTEXT, BATCH, VOCAB, SAMPLES = 128, 32, 256, 256


def torch_rates(d, layers, seconds):
    import time

    import torch
    import torch.nn.functional as F

    torch.set_num_threads(1)
    torch.manual_seed(0)
    ff = -(-(-(-d * 8 // 3)) // 16) * 16
    heads = d // 32

    def matrix(out, inputs):
        return torch.nn.Parameter(torch.randn(out, inputs) * inputs**-0.5)

    embed = torch.nn.Parameter(torch.randn(VOCAB, d) * 0.02)
    blocks = [
        dict(
            n1=torch.nn.Parameter(torch.ones(d)),
            qkv=matrix(3 * d, d),
            out=matrix(d, d),
            n2=torch.nn.Parameter(torch.ones(d)),
            gate_up=matrix(2 * ff, d),
            down=matrix(d, ff),
        )
        for _ in range(layers)
    ]
    last = torch.nn.Parameter(torch.ones(d))
    parameters = [embed, last] + [p for b in blocks for p in b.values()]
    angle = torch.arange(CONTEXT)[:, None] * 10000.0 ** (-torch.arange(0, 32, 2) / 32)
    cos, sin = angle.cos(), angle.sin()

    def turn(x, cos, sin):
        a, b = x[..., 0::2], x[..., 1::2]
        return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)

    def run(tokens, cache=None, at=0):
        x = F.embedding(tokens, embed)
        n, t = tokens.shape
        c, s = cos[at : at + t], sin[at : at + t]
        for i, b in enumerate(blocks):
            qkv = F.linear(F.rms_norm(x, (d,), b["n1"], 1e-5), b["qkv"])
            q, k, v = qkv.view(n, t, 3, heads, 32).permute(2, 0, 3, 1, 4)
            q, k = turn(q, c, s), turn(k, c, s)
            if cache is not None:
                cache[i][0][:, :, at] = k[:, :, 0]
                cache[i][1][:, :, at] = v[:, :, 0]
                k, v = cache[i][0][:, :, : at + 1], cache[i][1][:, :, : at + 1]
            o = F.scaled_dot_product_attention(q, k, v, is_causal=cache is None)
            x = x + F.linear(o.transpose(1, 2).reshape(n, t, d), b["out"])
            g, u = F.linear(F.rms_norm(x, (d,), b["n2"], 1e-5), b["gate_up"]).split(ff, -1)
            x = x + F.linear(F.silu(g) * u, b["down"])
        return F.linear(F.rms_norm(x, (d,), last, 1e-5), embed)

    optimizer = torch.optim.AdamW(parameters, lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    batch = torch.randint(VOCAB, (BATCH, CONTEXT + 1))

    def step():
        loss = F.cross_entropy(run(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()

    @torch.inference_mode()
    def sample():
        cache = [torch.zeros(2, SAMPLES, heads, CONTEXT, 32) for _ in range(layers)]
        tokens = torch.ones(SAMPLES, 1, dtype=torch.long)
        for at in range(CONTEXT - 1):
            log_probs = run(tokens, cache, at)[:, 0].log_softmax(-1)
            tokens = torch.multinomial(log_probs.exp(), 1)
            log_probs.gather(1, tokens)

    def rate(tokens, f):
        f()
        start, runs = time.process_time(), 0
        while time.process_time() - start < seconds or runs < 2:
            f()
            runs += 1
        return runs * tokens / (time.process_time() - start)

    return dict(train=rate(BATCH * CONTEXT, step), sample=rate(SAMPLES * (CONTEXT - 1), sample), torch=torch.__version__)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venv", default=str(pathlib.Path(tempfile.gettempdir()) / "outthink-torch"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--torch", nargs=2, type=int, metavar=("WIDTH", "LAYERS"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.torch:
        print(json.dumps(torch_rates(*args.torch, args.seconds)))
        return
    python = pathlib.Path(args.venv) / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", args.venv], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "torch", "numpy"], check=True)
    root = pathlib.Path(__file__).resolve().parents[3]
    build = ["cargo", "build", "-q", "--release", "-p", "outthink-train", "--example", "speed"]
    subprocess.run(build, cwd=root, check=True)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", root / "target"))
    speed = target / "release" / "examples" / "speed"
    one = dict(os.environ, OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
    print(f"{'parameters':>10} {'':>7} {'ours':>9} {'PyTorch':>9} ratio (lowest to highest of {args.rounds} rounds)")
    for d, layers in SHAPES:
        rounds = []
        for _ in range(args.rounds):
            ours = subprocess.run([speed, str(d), str(layers), str(args.seconds)], check=True, capture_output=True)
            theirs = [python, __file__, "--torch", str(d), str(layers), "--seconds", str(args.seconds)]
            theirs = subprocess.run(theirs, check=True, capture_output=True, env=one)
            rounds.append((json.loads(ours.stdout), json.loads(theirs.stdout)))
        for what in ("train", "sample"):
            ratios = sorted(o[what] / t[what] for o, t in rounds)
            ours, theirs = (statistics.median(r[i][what] for r in rounds) for i in (0, 1))
            middle = statistics.median(ratios)
            print(
                f"{rounds[0][0]['parameters']:>10} {what:>7} {ours:>9.0f} {theirs:>9.0f} "
                f"{middle:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})",
                flush=True,
            )
    print(f"tokens a second of the processor, one thread each, by turns; PyTorch {rounds[0][1]['torch']}")


if __name__ == "__main__":
    main()
