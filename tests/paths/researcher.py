"""The path of a researcher in a notebook: a recording, its replay, the laws of thinking and of training, rewards.

python tests/paths/researcher.py     with `outthink` installed, or on PYTHONPATH
"""

import json
import os
import random
import tempfile

import outthink


def recorded(folder, problems=60, samples=32):
    """A recording whose problems have known success rates, and the rates."""
    draw = random.Random(1)
    path, rates = os.path.join(folder, "made.jsonl"), []
    with open(path, "w") as file:
        for p in range(problems):
            rates.append(draw.betavariate(1.2, 1.0))
            rows = []
            for _ in range(samples):
                right = draw.random() < rates[-1]
                answer = "1" if right else str(draw.randint(2, 6))
                rows.append({"answer": answer, "correct": right, "tokens": draw.randint(50, 150)})
            file.write(json.dumps({"problem_id": f"p{p}", "samples": rows}) + "\n")
    return path, rates


with tempfile.TemporaryDirectory() as folder:
    path, rates = recorded(folder)
    recording = outthink.Recording.load(path)
assert len(recording) == 60

# Replay: a vote over samples beats one sample, and the adaptive one gets there with fewer.
single, vote, adaptive = outthink.replay(
    recording, ["single", "self-consistency", "adaptive"], samples=16, seeds=20)
for row in (single, vote, adaptive):
    print(f"{row.strategy:18} accuracy {row.accuracy:.3f} {row.interval}, {row.samples:.1f} samples")
assert vote.accuracy > single.accuracy
assert adaptive.samples < vote.samples
assert single.interval[0] <= sum(rates) / len(rates) <= single.interval[1], "the known mean is within the interval"

# The law of coverage: within what was drawn the known coverage comes back; beyond it, it lies in the forecast's interval.
_, drawn, correct = zip(*recording.counts())
fit = outthink.fit_coverage(drawn, correct, at=[8, 256])
for forecast in fit["forecasts"]:
    print("coverage", forecast)
near, far = (sum(1 - (1 - r) ** k for r in rates) / len(rates) for k in (8, 256))
assert abs(fit["forecasts"][0]["coverage"] - near) < 0.03, near
low, high = fit["forecasts"][1]["interval"]
assert fit["forecasts"][1]["extrapolated"] and low <= far <= high, far

# The law of pre-training: the constants of made runs come back.
runs = [(n, d, 1.7 + 400 / n**0.34 + 410 / d**0.28) for n in (1e7, 1e8, 1e9) for d in (1e9, 1e10, 1e11)]
law = outthink.fit_pretrain(*zip(*runs), bootstraps=0)
assert abs(law["alpha"] - 0.34) < 0.01 and abs(law["beta"] - 0.28) < 0.01, law
print(f"L(N, D): alpha {law['alpha']:.3f}, beta {law['beta']:.3f}")

# Rewards for reinforcement learning.
assert outthink.rewards([r"So \boxed{\frac{1}{2}}.", "It is 3."], ["0.5", "4"]) == [1.0, 0.0]
print("the researcher's path: done")
