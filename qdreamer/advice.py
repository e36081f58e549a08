"""Values of the optimizer: the advice, ranked, with its prediction and the reason in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from .cost import Workers
from .model import Prediction
from .plan_features import PlanFeatures
from .resources import Resources
from .workload import Workload

Verdict = Literal["do not cut", "use MPS", "cut", "run on a QPU", "cannot fit"]


@dataclass(frozen=True, slots=True)
class Advice:
    """One way to the value.

    Attributes
    ----------
    verdict
        What to do, in a word.
    executor
        ``full``, ``mps``, ``device`` without cuts; ``amplitude``, ``distinct``, ``branching``, ``reference`` with.
    cuts
        Number of cuts; 0 for none.
    workers
        How many workers of which kind.
    shots
        Of each circuit or subexperiment; 0 for an exact value.
    seconds
        Projected time to value; None where nothing fits.
    stages
        Seconds of its stages.
    memory
        Bytes that one worker needs.
    error
        Largest standard error of the value, and the bias of a noisy device; 0 for an exact value.
    reason
        One sentence for a person.
    plan
        The cuts as the planner gave them; None without cuts.
    """

    verdict: Verdict
    executor: str
    cuts: int
    workers: Workers
    shots: int
    seconds: Prediction | None
    stages: Mapping[str, float]
    memory: float
    error: float
    reason: str
    plan: PlanFeatures | None = None

    @property
    def name(self) -> str:
        """Executor and cuts: ``"amplitude, 2 cuts"``."""
        return f"{self.executor}, {self.cuts} cut{'s' if self.cuts > 1 else ''}" if self.cuts else self.executor


@dataclass(frozen=True, slots=True)
class Rejected:
    """A way that was considered and is not possible."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What the optimizer found.

    Attributes
    ----------
    ranked
        Ways that fit and reach the target error, fastest first; ``ranked[0]`` is the advice. If none does, its only
        entry has the verdict ``cannot fit``.
    rejected
        The others, with their reasons.
    workload, resources
        What was asked.
    model
        Name of the cost model.
    deciding_s
        Seconds that the recommendation took, cut finding included.
    """

    ranked: tuple[Advice, ...]
    rejected: tuple[Rejected, ...]
    workload: Workload
    resources: Resources
    model: str
    deciding_s: float

    @property
    def best(self) -> Advice:
        """The advice."""
        return self.ranked[0]
