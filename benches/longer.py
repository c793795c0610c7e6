#!/usr/bin/env python3
"""Reinforcement against fine-tuning with the same compute, from a base that seldom searches.

    cargo build --release -p outthink-train --example longer
    benches/longer.py [--seeds 0,1,2] [--out target/longer] [--outthink target/release/outthink] [name=value ...]

Runs the example `longer` for each seed, one after the other on one thread, or reads what an earlier run left in the
folder. Prints a table of the stages (held-out accuracy at temperature 1 and greedy, tokens of a reply, compute), the
paired differences to reinforcement, and what several samples find if an exact check chooses among them. `curve.csv` has
accuracy against steps and generated tokens, one curve a seed, which `outthink fit rl` and `outthink report --rl` read;
with `--outthink` the fit over tokens is printed and drawn to `curve.svg`.

Intervals are 95 % of a bootstrap over problems and over seeds (both drawn again with replacement; three seeds give a rough
interval, so each seed's difference is printed, too).
"""

import argparse
import csv
import json
import random
import subprocess
from math import comb
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STAGES = ("base", "more", "star", "patient", "rl")
DRAWS = 4000


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seeds", default="0,1,2")
    options.add_argument("--out", type=Path, default=ROOT / "target/longer")
    options.add_argument("--example", type=Path, default=ROOT / "target/release/examples/longer")
    options.add_argument("--outthink", type=Path, help="a built outthink, which fits and draws the curves")
    options.add_argument("settings", nargs="*", help="settings of the example, such as rl=100")
    args = options.parse_args()
    rows = [row for seed in args.seeds.split(",") for row in run(args, int(seed))]
    table(rows)
    differences(rows)
    resampled(rows)
    curves(args, rows)


def run(args: argparse.Namespace, seed: int) -> list[dict]:
    """The measurements of one seed; a finished run is read and not made again."""
    log = args.out / f"{seed}.jsonl"
    done = args.out / f"{seed}.done"
    if not done.exists():
        args.out.mkdir(parents=True, exist_ok=True)
        command = [args.example, f"seed={seed}", f"out={args.out / str(seed)}", *args.settings]
        with log.open("a") as to:
            subprocess.run(command, stdout=to, check=True)
        done.touch()
    # A stage that was broken off is made again, and its later measurements count.
    rows = map(json.loads, log.read_text().splitlines())
    return list({(row["stage"], row.get("step")): row for row in rows}.values())


def interval(grids: list[list[float]]) -> tuple[float, float, float]:
    """Mean of a value a seed and problem, with a 95 % interval over both."""
    rng = random.Random(0)
    problems = range(len(grids[0]))
    means = []
    for _ in range(DRAWS):
        seeds = rng.choices(grids, k=len(grids))
        chosen = rng.choices(problems, k=len(problems))
        means.append(sum(grid[i] for grid in seeds for i in chosen) / (len(grids) * len(problems)))
    means.sort()
    mean = sum(map(sum, grids)) / (len(grids) * len(problems))
    return mean, means[int(0.025 * DRAWS)], means[int(0.975 * DRAWS)]


def shares(row: dict, how: str) -> list[float]:
    return [right / row[how]["samples"] for right in row[f"{how}_right"]]


def of_stage(rows: list[dict], stage: str) -> list[dict]:
    return [row for row in rows if row["stage"] == stage]


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def table(rows: list[dict]) -> None:
    taught = of_stage(rows, "teacher")
    accuracy, tokens = (mean([row[key] for row in taught]) for key in ("accuracy", "tokens"))
    print(f"the teacher's own solutions of these problems: {accuracy:.3f} right, {tokens:.0f} tokens\n")
    print("| stage | sampled | each seed | greedy | tokens of a reply | each seed | no answer | false claims | other | tokens, CPU s |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for stage in STAGES:
        found = of_stage(rows, stage)
        if not found:
            continue
        cells = [stage]
        for how in ("sampled", "greedy"):
            cells.append("{:.3f} [{:.3f}, {:.3f}]".format(*interval([shares(row, how) for row in found])))
            if how == "sampled":
                cells.append(" ".join(f"{row[how]['accuracy']:.3f}" for row in found))
        cells.append(f"{mean([row['sampled']['tokens'] for row in found]):.0f}")
        cells.append(" ".join(f"{row['sampled']['tokens']:.0f}" for row in found))
        cells += [f"{mean([row['sampled'][key] for row in found]):.3f}" for key in ("unanswered", "false_claims")]
        # In countdown what is left was given up.
        others = ("accuracy", "unanswered", "false_claims")
        cells.append(f"{mean([1 - sum(row['sampled'][key] for key in others) for row in found]):.3f}")
        tokens, seconds = (mean([row["spent"][key] for row in found]) for key in ("tokens", "seconds"))
        cells.append(f"{tokens / 1e6:.1f}M, {seconds:.0f}")
        print("| " + " | ".join(cells) + " |")


def differences(rows: list[dict]) -> None:
    """Reinforcement less each other stage, on the same problems."""
    after = {row["seed"]: row for row in of_stage(rows, "rl")}
    for stage in STAGES[:-1]:
        found = of_stage(rows, stage)
        if not found:
            continue
        for how in ("sampled", "greedy"):
            pairs = [(shares(after[row["seed"]], how), shares(row, how)) for row in found]
            grids = [[a - b for a, b in zip(*pair, strict=True)] for pair in pairs]
            each = " ".join(f"{mean(grid):+.3f}" for grid in grids)
            print("rl - {}, {}: {:+.3f} [{:+.3f}, {:+.3f}] (seeds {})".format(stage, how, *interval(grids), each))


def resampled(rows: list[dict]) -> None:
    """One of k samples is right, over all choices of k: what an exact check makes of more samples."""
    for stage in ("base", "rl"):
        found = of_stage(rows, stage)
        for k in range(2, found[0]["sampled"]["samples"] + 1):
            grids = [[any_of(right, row["sampled"]["samples"], k) for right in row["sampled_right"]] for row in found]
            tokens = k * mean([row["sampled"]["tokens"] for row in found])
            print("any of {} of {}: {:.3f} [{:.3f}, {:.3f}] at {:.0f} tokens".format(k, stage, *interval(grids), tokens))


def any_of(right: int, samples: int, k: int) -> float:
    return 1 - comb(samples - right, k) / comb(samples, k)


def curves(args: argparse.Namespace, rows: list[dict]) -> None:
    path = args.out / "curve.csv"
    with path.open("w", newline="") as to:
        writer = csv.writer(to, lineterminator="\n")
        writer.writerow(["model", "step", "tokens", "problems", "accuracy", "greedy", "reply_tokens"])
        for row in of_stage(rows, "curve"):
            sampled, greedy = row["sampled"], row["greedy"]
            writer.writerow(
                [f"seed {row['seed']}", row["step"], row["spent"]["tokens"], sampled["problems"]]
                + [round(value, 4) for value in (sampled["accuracy"], greedy["accuracy"], sampled["tokens"])]
            )
    print(f"curves: {path}")
    if args.outthink:
        figure = path.with_suffix(".svg")
        subprocess.run([args.outthink, "fit", "rl", path, "--map", "step=tokens", "--svg", figure], check=True)


if __name__ == "__main__":
    main()
