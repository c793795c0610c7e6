"""Rewards and graders in the shapes that other libraries call.

Each takes what its library passes and gives what it expects; the judgement is `outthink.grade`.
"""

from __future__ import annotations

from typing import Any, Sequence

from . import find_answer, grade, rewards

__all__ = ["lm_eval_results", "text_of", "trl_reward", "verifiers_reward", "verl_score"]

#: The columns of a dataset that may hold the reference, the first that is there counts.
GOLD = ("answer", "solution", "gold", "ground_truth", "target")


def text_of(completion: Any) -> str:
    """The text of a completion: a string, or the messages of a conversation.

    >>> text_of([{"role": "assistant", "content": "It is 4."}])
    'It is 4.'
    """
    if isinstance(completion, str):
        return completion
    return "\n".join(str(message.get("content") or "") for message in completion)


def trl_reward(completions: Sequence[Any], **columns: Any) -> list[float]:
    """A reward function of TRL's `GRPOTrainer`: the reference comes in one of the columns `GOLD`.

    >>> trl_reward(["So it is 4.", "So it is 5."], answer=["4", "4"])
    [1.0, 0.0]
    """
    for name in GOLD:
        if name in columns:
            return rewards([text_of(c) for c in completions], [str(gold) for gold in columns[name]])
    raise ValueError(f"no reference among the columns {sorted(columns)}: name one of them {', '.join(GOLD)}")


def verl_score(data_source: str, solution_str: str, ground_truth: Any, extra_info: Any = None, **_: Any) -> float:
    """verl's `compute_score`.

    >>> verl_score("gsm8k", "#### 18", "18")
    1.0
    """
    return float(grade(solution_str, str(ground_truth)))


def verifiers_reward(completion: Any, answer: Any, **_: Any) -> float:
    """A reward function of a rubric of `verifiers`.

    >>> verifiers_reward([{"role": "assistant", "content": "The answer is 1/2."}], "0.5")
    1.0
    """
    return float(grade(text_of(completion), str(answer)))


def lm_eval_results(doc: dict[str, Any], results: Sequence[str]) -> dict[str, float]:
    """`process_results` of a task of lm-evaluation-harness: the metric `outthink`.

    >>> lm_eval_results({"answer": "Half.\\n#### 9"}, ["The answer is 9."])
    {'outthink': 1.0}
    """
    for name in GOLD:
        if name in doc:
            gold = str(doc[name])
            # GSM8K keeps its references behind their solutions.
            gold = gold.rsplit("####", 1)[1].strip() if "####" in gold else find_answer(gold, marked_only=True) or gold
            return {"outthink": float(grade(results[0], gold))}
    raise ValueError(f"no reference among the fields {sorted(doc)}: name one of them {', '.join(GOLD)}")
