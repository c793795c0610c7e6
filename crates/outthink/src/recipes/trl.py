"""GRPO with TRL on questions with known answers. Written by `outthink train recipe --for trl`.

    pip install "trl>=0.20" datasets
    outthink serve &
    python train.py

The reward is outthink's verifier (rewards.py): what is right in training is what is right when
outthink votes and scores.
"""

import argparse
import json

from datasets import Dataset
from rewards import judge
from trl import GRPOConfig, GRPOTrainer

SYSTEM = "Please reason step by step, and put your final answer within \\boxed{}."


def read(path):
    """Questions with their references, from JSON lines as in GSM8K, MATH or SVAMP."""
    rows = []
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            row = json.loads(line)
            question = row.get("question") or row.get("problem") or row.get("prompt")
            gold = row.get("answer", row.get("solution", row.get("gold")))
            if question is None or gold is None:
                raise SystemExit(f"{path}:{number}: needs a question and an answer")
            rows.append((question, str(gold)))
    return rows


def reward(prompts, completions, gold, **_):
    text = lambda c: c if isinstance(c, str) else c[-1]["content"]
    return judge([text(p) for p in prompts], [text(c) for c in completions], gold)


def main():
    args = argparse.ArgumentParser(description="GRPO with outthink's verifier as the reward")
    args.add_argument("--model", default=@MODEL@)
    args.add_argument("--data", default=@DATA@, help="JSON lines with question and answer")
    args.add_argument("--steps", type=int, default=200)
    args.add_argument("--group", type=int, default=8, help="completions of one prompt")
    args.add_argument("--prompts", type=int, default=4, help="prompts of one step")
    args.add_argument("--tokens", type=int, default=512, help="tokens of a completion at most")
    args.add_argument("--rate", type=float, default=1e-6)
    args.add_argument("--out", default="grpo")
    args.add_argument("--plain", action="store_true", help="no chat template: for base models")
    args = args.parse_args()
    rows = read(args.data)
    shape = (lambda q: q) if args.plain else (
        lambda q: [{"role": "system", "content": SYSTEM}, {"role": "user", "content": q}]
    )
    data = Dataset.from_list([{"prompt": shape(question), "gold": gold} for question, gold in rows])
    config = GRPOConfig(
        output_dir=args.out,
        max_steps=args.steps,
        learning_rate=args.rate,
        num_generations=args.group,
        per_device_train_batch_size=args.group * args.prompts,
        max_completion_length=args.tokens,
        # As outthink's own trainer: no division by the standard deviation (Dr. GRPO), truncated
        # replies left out of the loss, a wider clip above than below (DAPO), no divergence.
        scale_rewards=False,
        mask_truncated_completions=True,
        epsilon_high=0.28,
        beta=0.0,
        logging_steps=1,
        report_to=[],
    )
    trainer = GRPOTrainer(model=args.model, reward_funcs=reward, args=config, train_dataset=data)
    trainer.train()
    trainer.save_model(args.out)
    for row in trainer.state.log_history:
        if "reward" in row:
            print(json.dumps({"step": row.get("step"), "reward": row["reward"]}))


if __name__ == "__main__":
    main()
