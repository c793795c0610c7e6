"""GRPO with TRL on questions with known answers. Written by `outthink train recipe --for trl`.

    pip install "trl>=0.20" datasets
    outthink serve &
    python train.py

The reward is outthink's verifier (rewards.py): what is right in training is what is right when
outthink votes and scores.
"""

import argparse
import json

import torch
from datasets import Dataset
from questions import chat, read
from rewards import judge
from trl import GRPOConfig, GRPOTrainer

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
    shape = (lambda question: question) if args.plain else chat
    rows = [{"prompt": shape(question), "gold": gold} for _, question, gold in read(args.data)]
    data = Dataset.from_list(rows)
    accelerated = torch.accelerator.is_available()
    config = GRPOConfig(
        output_dir=args.out,
        max_steps=args.steps,
        learning_rate=args.rate,
        num_generations=args.group,
        per_device_train_batch_size=args.group * args.prompts,
        max_completion_length=args.tokens,
        # TRL's default is bf16, which a processor alone does not have.
        bf16=accelerated,
        use_cpu=not accelerated,
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
