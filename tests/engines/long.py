"""Reasoning of up to twenty times 1,024 tokens through the gateway on real engines, with a limit and without one.

usage: long.py [--engine NAME]... [--passes 20,40,...] [--problems N] [--parallel N]

Each problem asks for a number of passes (`x525 3*4+2-1 mod 5`), and each pass is 39 tokens of reasoning. It is sent
twice with nothing but its text: with `max_tokens` 1024, as a gateway with a default limit sends it to the engine, and
without a limit. `auto` may draw further samples; tokens of reasoning are those of the reply that came.
"""

import argparse
import concurrent.futures
import sys
import time

import checks
import models
import parts
from problems import problems
from run import ENGINES

LIMIT = 1024
CONTEXT = 24576


def wilson(right, n, z=1.96):
    """The 95 % interval of a share."""
    centre, spread = right + z * z / 2, z * (right * (n - right) / n + z * z / 4) ** 0.5
    return max(0.0, (centre - spread) / (n + z * z)), min(1.0, (centre + spread) / (n + z * z))


def ask(gateway, question, **fields):
    status, body = gateway.chat(messages=checks.user(question), **fields)
    if status != 200:
        return {"error": str(body)[:200], "answer": "", "passes": 0, "finish": None, "tokens": 0}
    choice = body["choices"][0]
    message = choice["message"]
    reasoning = message.get("reasoning_content") or ""
    words = (message.get("content") or "").split()
    return {
        "answer": words[-1] if words else "", "passes": reasoning.count(">"), "finish": choice["finish_reason"],
        # One character is one token, but for the four marks.
        "tokens": len(reasoning), "samples": body["outthink"]["samples_drawn"],
    }


def row(replies, golds):
    right = sum(reply["answer"] == gold for reply, gold in zip(replies, golds))
    empty = sum(not reply["answer"] for reply in replies)
    errors = [reply["error"] for reply in replies if "error" in reply]
    lengths = sorted(reply["tokens"] for reply in replies)
    low, high = wilson(right, len(replies))
    ends = ", ".join(sorted({f"{reply['finish']}" for reply in replies}))
    samples = sum(reply.get("samples", 0) for reply in replies) / len(replies)
    return (f"empty {empty:>3}  right {right:>3} of {len(replies)} [{low:.3f}, {high:.3f}]  reasoning {lengths[0]}-{lengths[-1]} "
            f"tokens  finish {ends}  samples {samples:.2f}  errors {len(errors)} {errors[:1] or ''}")


def main():
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--engine", action="append", choices=ENGINES)
    asked.add_argument("--passes", default="35,100,260,525", help="525 are some twenty times 1,024 tokens")
    asked.add_argument("--problems", type=int, default=20, help="of each number of passes")
    asked.add_argument("--parallel", type=int, default=8)
    asked = asked.parse_args()
    model = models.Reasoner()
    model.context = CONTEXT
    for name in asked.engine or ["llama.cpp"]:
        engine = ENGINES[name](model)
        with engine.process:
            gateway = parts.Gateway(engine, model)
            with gateway.process, concurrent.futures.ThreadPoolExecutor(asked.parallel) as pool:
                print(f"{engine.name} ({engine.version}), {model.about}", flush=True)
                for passes in map(int, asked.passes.split(",")):
                    drawn = problems(asked.problems, (3, 3), seed=passes)
                    golds = [gold for _, gold in drawn]
                    texts = [f"x{passes:03} {question}" for question, _ in drawn]
                    for what, fields in [(f"max_tokens {LIMIT}", {"max_tokens": LIMIT}), ("no limit", {})]:
                        began = time.monotonic()
                        replies = list(pool.map(lambda text: ask(gateway, text, **fields), texts))
                        print(f"{passes:>4} passes, {what:<15} {row(replies, golds)}"
                              f"  ({time.monotonic() - began:.0f} s)", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
