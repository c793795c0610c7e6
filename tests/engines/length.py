"""Length under control on a real engine: whole reasoning, early exit and caps, on the same held-out problems.

usage: length.py [--problems N] [--caps 25,50,...] [--agree 4,6] [--csv CURVES.csv] [--out FILE.json]

Runs llama.cpp's server with the reasoner behind the gateway. Pairs share a problem and a seed. Tokens are all that were
generated, probes included. Intervals are 95 % percentile intervals of a bootstrap over problems. `--csv` writes the
accuracy at each length as `outthink fit inference` and `outthink report --inference` read it.
"""

import argparse
import concurrent.futures
import csv
import json
import math
import random
import sys

import checks
import models
import parts
from problems import problems


def ask(gateway, question, seed, ours):
    status, body = gateway.chat(messages=checks.user(question), seed=seed, temperature=1, outthink=ours)
    if status != 200:
        return {"tokens": 0, "answer": None, "error": str(body)[:200]}
    words = (body["choices"][0]["message"].get("content") or "").split()
    return {"tokens": body["usage"]["completion_tokens"], "answer": words[-1] if words else None}


def interval(values, draws=4000):
    rng = random.Random(0)
    n = len(values)
    means = sorted(sum(rng.choices(values, k=n)) / n for _ in range(draws))
    return means[int(draws * 0.025)], means[int(draws * 0.975)]


def mean(values):
    return sum(values) / len(values)


def figure(values):
    low, high = interval(values)
    return f"{mean(values):.3f} [{low:.3f}, {high:.3f}]"


def rights(replies):
    return [float(reply["right"]) for reply in replies]


def tokens(replies):
    return [reply["tokens"] for reply in replies]


def paired(whole, early):
    """Gain in accuracy and share of tokens saved, each with its interval, over the same problems."""
    pairs = list(zip(whole, early))
    gain = [float(b["right"]) - float(a["right"]) for a, b in pairs]
    rng = random.Random(1)

    def share(sample):
        return 1 - sum(b["tokens"] for _, b in sample) / sum(a["tokens"] for a, _ in sample)

    shares = sorted(share(rng.choices(pairs, k=len(pairs))) for _ in range(4000))
    won, lost = sum(g > 0 for g in gain), sum(g < 0 for g in gain)
    return (f"n = {len(pairs)}: accuracy {figure(gain)} (won {won}, lost {lost}); "
            f"tokens saved {share(pairs):.3f} [{shares[100]:.3f}, {shares[3900]:.3f}]")


def write_curves(path, found):
    """One row for each length: caps and whole reasoning are one curve, early exits another one."""
    with open(path, "w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["task", "model", "setting", "tokens", "accuracy", "stderr", "problems"])
        for way, replies in found.items():
            kind = "early exit" if way.startswith("early") else "capped"
            right = mean(rights(replies))
            error = math.sqrt(max(right * (1 - right), 1 / len(replies)) / len(replies))
            row = ["recheck:5", f"desk-reasoner, {kind}", way, f"{mean(tokens(replies)):.2f}"]
            rows.writerow([*row, f"{right:.4f}", f"{error:.4f}", len(replies)])


def main():
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--problems", type=int, default=300)
    asked.add_argument("--caps", default="40,80,160,320")
    asked.add_argument("--every", type=int, default=40, help="tokens between two probes")
    asked.add_argument("--agree", default="5", help="probes in a row that must agree; several by commas")
    asked.add_argument("--levels", default="2-3", help="operations of the chains")
    asked.add_argument("--passes", type=int, help="passes that the questions ask for [default: the model's choice]")
    asked.add_argument("--seed", type=int, default=7, help="of the problems")
    asked.add_argument("--csv")
    asked.add_argument("--out")
    asked = asked.parse_args()
    model = models.Reasoner()
    engine = parts.Llama(model)
    ways = {"whole": {"strategy": "single"}}
    for agree in map(int, asked.agree.split(",")):
        settings = {**checks.EARLY, "every": asked.every, "agree": agree}
        ways[f"early exit {agree}"] = {"strategy": "probe", "settings": settings}
    for cap in map(int, filter(None, asked.caps.split(","))):
        ways[f"cap {cap}"] = {**checks.CAPPED, "thinking_cap": cap}
    low, high = map(int, asked.levels.split("-"))
    drawn = problems(asked.problems, (low, high), seed=asked.seed)
    if asked.passes:
        drawn = [(f"x{asked.passes:03} {question}", gold) for question, gold in drawn]
    found = {}
    with engine.process:
        gateway = parts.Gateway(engine, model)
        # Each reply and its probe need a place among the engine's eight: a probe that waits for one comes too late.
        with gateway.process, concurrent.futures.ThreadPoolExecutor(4) as pool:
            for way, ours in ways.items():
                replies = list(pool.map(lambda at: ask(gateway, at[1][0], at[0], ours), enumerate(drawn)))
                for reply, (_, gold) in zip(replies, drawn):
                    reply["right"] = reply["answer"] == gold
                found[way] = replies
                errors = sum("error" in r for r in replies)
                empty = sum(r["answer"] is None for r in replies)
                print(f"{way:<13} accuracy {figure(rights(replies))}  tokens {mean(tokens(replies)):.1f}  "
                      f"empty {empty}  errors {errors}", flush=True)
    for way in found:
        if way.startswith("early"):
            print(f"{way} against whole, paired, {paired(found['whole'], found[way])}")
    lengths = sorted(tokens(found["whole"]))
    print(f"whole replies: {lengths[0]} to {lengths[-1]} tokens, median {lengths[len(lengths) // 2]}")
    if asked.csv:
        write_curves(asked.csv, found)
    if asked.out:
        with open(asked.out, "w") as out:
            json.dump({"engine": engine.version, "problems": drawn, "ways": ways, "replies": found}, out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
