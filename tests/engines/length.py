"""Length under control on a real engine: whole thoughts, early exit and caps, on the same held-out problems.

usage: length.py [--problems N] [--caps 25,50,...] [--out FILE.json]   (llama.cpp's server with the reasoner)

Pairs share a problem and a seed. Tokens are all that were generated, probes included. Intervals are 95 % percentile
intervals of a bootstrap over problems.
"""

import argparse
import concurrent.futures
import json
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


def figure(values):
    low, high = interval(values)
    return f"{sum(values) / len(values):.3f} [{low:.3f}, {high:.3f}]"


def main():
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--problems", type=int, default=300)
    asked.add_argument("--caps", default="16,32,64,128,256,512")
    asked.add_argument("--every", type=int, default=24)
    asked.add_argument("--agree", type=int, default=2)
    asked.add_argument("--levels", default="2-3", help="operations of the chains")
    asked.add_argument("--out")
    asked = asked.parse_args()
    model = models.Reasoner()
    engine = parts.Llama(model)
    early = {**checks.EARLY, "every": asked.every, "agree": asked.agree}
    ways = {"whole": {"strategy": "single"}, "early exit": {"strategy": "probe", "settings": early}}
    for cap in map(int, asked.caps.split(",")):
        ways[f"cap {cap}"] = {"strategy": "budget-forcing", "thinking_cap": cap}
    low, high = map(int, asked.levels.split("-"))
    drawn = problems(asked.problems, (low, high), seed=7)
    found = {}
    with engine.process:
        gateway = parts.Gateway(engine, model)
        with gateway.process, concurrent.futures.ThreadPoolExecutor(8) as pool:
            for way, ours in ways.items():
                replies = list(pool.map(lambda at: ask(gateway, at[1][0], at[0], ours), enumerate(drawn)))
                for reply, (_, gold) in zip(replies, drawn):
                    reply["right"] = reply["answer"] == gold
                found[way] = replies
                right = [float(r["right"]) for r in replies]
                tokens = [r["tokens"] for r in replies]
                errors = sum("error" in r for r in replies)
                print(f"{way:<11} accuracy {figure(right)}  tokens {sum(tokens) / len(tokens):.1f}  errors {errors}", flush=True)
    pairs = list(zip(found["whole"], found["early exit"]))
    gain = [float(b["right"]) - float(a["right"]) for a, b in pairs]
    whole = sum(a["tokens"] for a, _ in pairs)
    rng = random.Random(1)
    def share(sample):
        return 1 - sum(b["tokens"] for _, b in sample) / sum(a["tokens"] for a, _ in sample)
    shares = sorted(share(rng.choices(pairs, k=len(pairs))) for _ in range(4000))
    print(f"early exit against whole, paired, n = {len(pairs)}: accuracy {figure(gain)}; tokens saved "
          f"{share(pairs):.3f} [{shares[100]:.3f}, {shares[3900]:.3f}] of {whole}")
    lengths = sorted(a["tokens"] for a, _ in pairs)
    print(f"whole thoughts: {lengths[0]} to {lengths[-1]} tokens, median {lengths[len(lengths) // 2]}")
    if asked.out:
        with open(asked.out, "w") as out:
            json.dump({"engine": engine.version, "problems": drawn, "settings": early, "replies": found}, out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
