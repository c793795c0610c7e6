#!/usr/bin/env python3
"""Seconds to grade the same replies by outthink and by math-verify, by turns, each on one thread.

    pip install math-verify outthink
    python3 benches/answers/python_speed.py [ROUNDS]

The replies are made: a boxed fraction, a stated number, a polynomial and a last number, right and wrong by halves. Processor
seconds are printed for each round, and the ratio of the medians. Replies on which the two disagree are counted.
"""

import statistics
import sys
import time

import outthink
from math_verify import parse, verify

MIDDLE = "We multiply and add, step by step, until nothing is left to do. " * 6
KINDS = {
    "boxed fraction": ("so \\boxed{\\frac{%d}{7}}.", "%d/7"),
    "boxed polynomial": ("so $\\boxed{x^2+%dx+1}$.", "1+%dx+x^2"),
    "stated number": ("The answer is %d.", "%d"),
    "last number": ("which makes $%d$", "%d"),
}


def cases(kind, count=50):
    reply, gold = KINDS[kind]
    return [(MIDDLE + reply % (i + 2), gold % (i + 2 + i % 2)) for i in range(count)]


def theirs(reply, gold):
    return bool(verify(parse(f"${gold}$"), parse(reply)))


def timed(grade, rows):
    start = time.process_time()
    graded = [grade(reply, gold) for reply, gold in rows]
    return time.process_time() - start, graded


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    for kind in KINDS:
        rows = cases(kind)
        ours, other, differ = [], [], 0
        for _ in range(rounds):
            seconds, mine = timed(outthink.grade, rows)
            ours.append(seconds)
            seconds, yours = timed(theirs, rows)
            other.append(seconds)
            differ = sum(a != b for a, b in zip(mine, yours))
        micros = [statistics.median(s) / len(rows) * 1e6 for s in (ours, other)]
        print(f"{kind:18} {micros[0]:9.1f} µs  math-verify {micros[1]:9.1f} µs  {micros[1] / micros[0]:7.0f}x"
              f"  {differ} of {len(rows)} graded differently")


if __name__ == "__main__":
    main()
