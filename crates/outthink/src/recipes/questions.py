"""Questions with known answers, from JSON lines as in GSM8K, MATH or SVAMP. Written by `outthink train recipe`."""

import json

SYSTEM = "Please reason step by step, and put your final answer within \\boxed{}."


def chat(question):
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]


def read(path):
    """Yields the number of a line, its question and its reference."""
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            row = json.loads(line)
            question = row.get("question") or row.get("problem") or row.get("prompt")
            gold = row.get("answer", row.get("solution", row.get("gold")))
            if question is None or gold is None:
                raise SystemExit(f"{path}:{number}: needs a question and an answer")
            yield number, question, str(gold)
