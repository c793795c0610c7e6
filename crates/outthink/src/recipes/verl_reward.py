"""verl's custom reward function. Written by `outthink train recipe --for verl`."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from rewards import judge  # noqa: E402


def compute_score(data_source=None, solution_str=None, ground_truth=None, extra_info=None, **batch):
    """One reply, or with `reward_manager=batch` a list of them."""
    if "solution_strs" in batch:
        extra = batch.get("extra_infos") or [None] * len(batch["solution_strs"])
        prompts = [(e or {}).get("question", "") for e in extra]
        return judge(prompts, batch["solution_strs"], [str(g) for g in batch["ground_truths"]])
    return judge([(extra_info or {}).get("question", "")], [solution_str], [str(ground_truth)])[0]
