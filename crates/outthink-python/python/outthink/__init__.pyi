from collections.abc import Sequence
from os import PathLike
from typing import Literal, TypedDict, final

from .gateway import Gateway as Gateway, serve as serve

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

def maj_at_k(counts: Sequence[int], correct: int | None, k: int, *, blank: int = 0) -> float: ...

class Forecast(TypedDict):
    k: int
    coverage: float
    interval: tuple[float, float]
    extrapolated: bool

class CoverageFit(TypedDict):
    n: int
    a: float
    b: float
    atom: float
    forecasts: list[Forecast]

class PretrainFit(TypedDict):
    n: int
    objective: float
    floor: float
    a: float
    alpha: float
    b: float
    beta: float
    intervals: dict[str, tuple[float, float]] | None

def fit_coverage(
    samples: Sequence[int], correct: Sequence[int], at: Sequence[int], *, level: float = 0.9, seed: int = 0
) -> CoverageFit: ...
def fit_pretrain(
    params: Sequence[float], tokens: Sequence[float], loss: Sequence[float], *, bootstraps: int = 1000,
    level: float = 0.95, seed: int = 0,
) -> PretrainFit: ...

@final
class Recording:
    @staticmethod
    def load(path: str | PathLike[str]) -> Recording: ...
    @property
    def name(self) -> str: ...
    def __len__(self) -> int: ...
    def counts(self) -> list[tuple[str, int, int]]: ...
    def answers(self, problem: str) -> list[str | None]: ...

@final
class ReplayRow:
    strategy: str
    problems: int
    accuracy: float
    interval: tuple[float, float]
    samples: float
    tokens: float

def replay(
    recording: Recording, strategies: Sequence[str], *, samples: int = 40, seeds: int = 20, target: float = 0.95,
    seed: int = 0, verifier: Literal["none", "recorded", "exact"] = "recorded",
) -> list[ReplayRow]: ...
def strategies() -> list[str]: ...
