"""Questions as verl reads them: train.parquet and test.parquet. Written by `outthink train recipe --for verl`.

    pip install datasets
    python prepare.py
"""

import hashlib
import sys

from datasets import Dataset
from questions import chat, read


def main(path):
    parts = {"train": [], "test": []}
    for number, question, gold in read(path):
        # One question in eight is held out, by a hash of its text.
        part = "test" if hashlib.sha256(question.encode()).digest()[0] % 8 == 0 else "train"
        parts[part].append({
            "data_source": "outthink",
            "prompt": chat(question),
            "ability": "math",
            "reward_model": {"style": "rule", "ground_truth": gold},
            "extra_info": {"question": question, "index": number},
        })
    for part, rows in parts.items():
        if not rows:
            raise SystemExit(f"{path}: no question falls into the part `{part}`: give more questions")
        Dataset.from_list(rows).to_parquet(f"{part}.parquet")
        print(f"{part}.parquet: {len(rows)} questions")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else @DATA@)
