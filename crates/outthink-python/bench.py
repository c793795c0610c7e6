"""Replies graded a second through Python: ours and math-verify's by turns, one thread each."""

import random
import statistics
import time

import math_verify

import outthink

random.seed(0)
FORMS = [
    (r"We add and get \boxed{{{0}}}.", "{0}"),
    (r"So the answer is $\frac{{{0}}}{{7}}$.", r"\frac{{{0}}}{{7}}"),
    ("Therefore the final answer is {0}.", "{0}"),
    (r"Thus \[x = {0}\sqrt{{2}}\]", r"{0}\sqrt{{2}}"),
]
PAIRS = []
for number in range(400):
    reply, gold = FORMS[number % len(FORMS)]
    value = random.randrange(1, 999)
    PAIRS.append((reply.format(value), gold.format(value if number % 3 else value + 1)))


def ours():
    return [outthink.grade(reply, gold) for reply, gold in PAIRS]


def theirs():
    return [math_verify.verify(math_verify.parse(f"${gold}$"), math_verify.parse(reply)) for reply, gold in PAIRS]


took = {"ours": [], "theirs": []}
for _ in range(3):
    for name, run in (("ours", ours), ("theirs", theirs)):
        begin = time.process_time()
        judged = run()
        took[name].append((time.process_time() - begin) / len(PAIRS))
same = sum(a == b for a, b in zip(ours(), theirs()))
mine, other = (statistics.median(took[name]) * 1e6 for name in ("ours", "theirs"))
print(f"{len(PAIRS)} replies, three rounds by turns: ours {mine:.1f} us, math-verify {other:.1f} us a reply: {other / mine:.0f}x; same judgement on {same}")
