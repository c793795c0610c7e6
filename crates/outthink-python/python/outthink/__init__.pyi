from collections.abc import Sequence
from os import PathLike
from typing import Literal, TypedDict, final

from .gateway import Gateway as Gateway, serve as serve

__version__: str

def equal(a: str, b: str, *, strict: bool = False) -> bool:
    """Whether two answers mean the same; `strict` where both are replies, and a unit is part of the answer."""

def find_answer(reply: str, *, marked_only: bool = False) -> str | None:
    """The final answer of a reply, or None where it states none."""

def grade(reply: str, gold: str, question: str | None = None) -> bool:
    """Whether a reply's final answer is right where `gold` is the reference.

    With the text of a `question` that has options, letters and texts of the options count as one.
    """

def rewards(
    completions: Sequence[str], gold: Sequence[str], question: Sequence[str | None] | None = None
) -> list[float]:
    """1.0 for each completion whose final answer is right, else 0.0; over all cores.

    `question` has one text, or None, for each completion.
    """

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

class Estimated(TypedDict):
    value: float
    interval: tuple[float, float]
    n: int
    warnings: list[str]

class Compared(Estimated):
    problems: int
    means: tuple[float, float]

class Figures(TypedDict):
    accuracy: Estimated
    credit: Estimated | None
    limit: Estimated | None
    pass_at: dict[int, Estimated]
    pass_hat: dict[int, Estimated]
    majority: dict[int, Estimated]
    weighted: dict[int, Estimated]

class Judged(TypedDict):
    verdict: Literal["still rising", "slowing", "at the wall", "saturated", "inconclusive"]
    probability: float | None
    question: str
    because: str
    next_runs: str
    next_doubling: tuple[float, tuple[float, float]] | None

@final
class Arm:
    @property
    def name(self) -> str: ...
    @property
    def model(self) -> str | None: ...
    @property
    def samples(self) -> int: ...
    @property
    def tokens_a_sample(self) -> float: ...
    def __len__(self) -> int: ...
    def counts(self) -> list[tuple[str, int, int]]: ...
    def figures(self, *, level: float = 0.95, seed: int = 0) -> Figures: ...
    def verdict(self, *, threshold: float = 0.02, level: float = 0.9, seed: int = 0) -> Judged | None: ...

@final
class Study:
    @staticmethod
    def of(*recordings: Recording) -> Study: ...
    @staticmethod
    def load(path: str | PathLike[str]) -> Study: ...
    @staticmethod
    def from_json(text: str) -> Study: ...
    def to_json(self) -> str: ...
    def save(self, path: str | PathLike[str]) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def arms(self) -> list[Arm]: ...
    def difference(self, this: int, other: int, *, level: float = 0.95, seed: int = 0) -> Compared: ...
