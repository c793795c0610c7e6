"""Better answers per token: what counts as a right answer, as rewards and over samples.

>>> import outthink
>>> outthink.equal(r"\\frac{1}{2}", "0.5")
True
>>> outthink.find_answer(r"Half of one, so it is \\boxed{\\frac12}.")
'\\\\frac12'
>>> outthink.grade("The answer is 5 cm.", "50 mm")
True
>>> outthink.rewards([r"So \\boxed{4}.", "I do not know."], ["4", "4"])
[1.0, 0.0]
>>> round(outthink.pass_at_k(samples=5, correct=2, k=2), 3)
0.7
"""

from . import _outthink
from ._outthink import __VERSION__ as __version__
from ._outthink import equal, find_answer, fit_coverage, fit_pretrain, grade, maj_at_k, pass_at_k, pass_hat_k, rewards
from .gateway import Gateway, serve

__all__ = [
    "Gateway", "equal", "find_answer", "fit_coverage", "fit_pretrain", "grade", "maj_at_k", "pass_at_k", "pass_hat_k",
    "rewards", "serve",
]

# A build without recordings has none of these.
if hasattr(_outthink, "Recording"):
    from ._outthink import Arm, Recording, ReplayRow, Study, replay, strategies

    __all__ += ["Arm", "Recording", "ReplayRow", "Study", "replay", "strategies"]
