"""Questions as verl reads them: train.parquet and test.parquet. Written by `outthink train recipe --for verl`.

    pip install datasets
    python prepare.py
"""

import hashlib
import json
import sys

from datasets import Dataset

SYSTEM = "Please reason step by step, and put your final answer within \\boxed{}."


def main(path):
    parts = {"train": [], "test": []}
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            row = json.loads(line)
            question = row.get("question") or row.get("problem") or row.get("prompt")
            gold = row.get("answer", row.get("solution", row.get("gold")))
            if question is None or gold is None:
                raise SystemExit(f"{path}:{number}: needs a question and an answer")
            # One question in eight is held out, by a hash of its text.
            part = "test" if hashlib.sha256(question.encode()).digest()[0] % 8 == 0 else "train"
            parts[part].append({
                "data_source": "outthink",
                "prompt": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}],
                "ability": "math",
                "reward_model": {"style": "rule", "ground_truth": str(gold)},
                "extra_info": {"question": question, "index": number},
            })
    for part, rows in parts.items():
        if not rows:
            raise SystemExit(f"{path}: no question falls into the part `{part}`: give more questions")
        Dataset.from_list(rows).to_parquet(f"{part}.parquet")
        print(f"{part}.parquet: {len(rows)} questions")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else @DATA@)
