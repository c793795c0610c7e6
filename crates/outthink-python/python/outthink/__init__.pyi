from collections.abc import Sequence

__version__: str

def equal(a: str, b: str, *, strict: bool = False) -> bool:
    """Whether two answers mean the same; `strict` where both are replies, and a unit is part of the answer."""

def find_answer(reply: str, *, marked_only: bool = False) -> str | None:
    """The final answer of a reply, or None where it states none."""

def grade(reply: str, gold: str) -> bool:
    """Whether a reply's final answer is right where `gold` is the reference."""

def rewards(completions: Sequence[str], gold: Sequence[str]) -> list[float]:
    """1.0 for each completion whose final answer is right, else 0.0; over all cores."""

def pass_at_k(samples: int, correct: int, k: int) -> float:
    """The chance that at least one of `k` of `samples` samples is right, of which `correct` are."""

def pass_hat_k(samples: int, correct: int, k: int) -> float:
    """The chance that all of `k` of `samples` samples are right, of which `correct` are."""
