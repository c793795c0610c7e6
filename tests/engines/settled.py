"""Where the answer of the reasoner settles: whole reasoning is drawn once, then closed at many lengths.

usage: settled.py [--problems N] [--every TOKENS] [--agree 3,5] [--seed N] [--csv CURVES.csv]

Runs llama.cpp's server alone, without the gateway: each reply is drawn to its end at temperature 1, then its beginnings
are closed by `</think>#### ` and answered greedily by /v1/completions. So the curve and the early exits are of the same
replies, and exact but for what an engine generates while a probe is on its way, which no early exit can give back.
Tokens of an early exit are those of the reasoning up to it, of its probes and of the answer. Intervals as in length.py.
"""

import argparse
import concurrent.futures
import sys

import checks
import length
import models
import parts
import web
from problems import problems

ANSWER = "</think>#### "


def draw(engine, model, question, seed):
    """Text and tokens of a whole reply's reasoning, and its answer; one character is one token."""
    body = {"model": model.name, "messages": checks.user(question), "seed": seed, "temperature": 1}
    _, reply = web.post(f"{engine.url}/v1/chat/completions", body)
    message = reply["choices"][0]["message"]
    words = (message.get("content") or "").split()
    ended = reply["choices"][0]["finish_reason"] == "stop"
    return message.get("reasoning_content") or "", words[-1] if words and ended else None, reply["usage"]["completion_tokens"]


def answer(engine, model, question, reasoning):
    prompt = f"{question}\n<think>{reasoning}{ANSWER}"
    body = {"model": model.name, "prompt": prompt, "max_tokens": 2, "temperature": 0}
    _, reply = web.post(f"{engine.url}/v1/completions", body)
    return reply["choices"][0]["text"].strip(), reply["usage"]["completion_tokens"]


def look(engine, model, every, problem, seed):
    question, gold = problem
    reasoning, said, tokens = draw(engine, model, question, seed)
    probes = [answer(engine, model, question, reasoning[:at]) for at in range(every, len(reasoning), every)]
    return {"gold": gold, "said": said, "tokens": tokens, "probes": probes}


def exit_at(found, every, agree):
    """Answer and tokens of an early exit after so many probes that agree; of the whole reply where there is none."""
    probed = 0
    for at in range(len(found["probes"])):
        probed += found["probes"][at][1]
        last = {text for text, _ in found["probes"][max(0, at + 1 - agree):at + 1]}
        if at + 1 >= agree and len(last) == 1:
            return {"right": found["probes"][at][0] == found["gold"], "tokens": (at + 1) * every + probed + 3}
    return {"right": found["said"] == found["gold"], "tokens": found["tokens"] + probed}


def main():
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--problems", type=int, default=300)
    asked.add_argument("--every", type=int, default=40)
    asked.add_argument("--agree", default="3,5")
    asked.add_argument("--seed", type=int, default=7, help="of the problems")
    asked.add_argument("--csv")
    asked = asked.parse_args()
    model = models.Reasoner()
    engine = parts.Llama(model)
    drawn = problems(asked.problems, model.levels, seed=asked.seed)
    with engine.process, concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda at: look(engine, model, asked.every, at[1], at[0]), enumerate(drawn)))
    whole = [{"right": f["said"] == f["gold"], "tokens": f["tokens"]} for f in found]
    ways = {"whole": whole}
    for cap in range(1, 13):
        at = cap * asked.every
        ways[f"cap {at}"] = [
            {"right": f["probes"][cap - 1][0] == f["gold"], "tokens": at + 3} if len(f["probes"]) >= cap else w
            for f, w in zip(found, whole)
        ]
    for agree in map(int, asked.agree.split(",")):
        ways[f"early exit {agree}"] = [exit_at(f, asked.every, agree) for f in found]
    print(f"{engine.version}, {model.about}, n = {len(found)}, {sum(f['said'] is None for f in found)} without an end or answer")
    for way, replies in ways.items():
        print(f"{way:<13} accuracy {length.figure(length.rights(replies))}  tokens {length.mean(length.tokens(replies)):.1f}")
    for way in ways:
        if way.startswith("early"):
            print(f"{way} against whole, paired, {length.paired(whole, ways[way])}")
    if asked.csv:
        length.write_curves(asked.csv, ways)
    return 0


if __name__ == "__main__":
    sys.exit(main())
