"""``amplitude``: states of fragments, Gram numbers, one contraction. For simulators only.

Exact with ``shots = 0``. With shots it draws what shots would have shown from their exact distribution: each distinct
subexperiment once (``statistics = "distinct"``, as the executor of that name), or every published row anew
(``"rows"``, as ``reference``).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from ..contraction import value
from ..kernels import StateWork, run_states
from ..plan import Fragment, fragment_work
from ..sampling import Estimate, allotted, by_rows, drawn, estimate, tables_of
from ..states import trimmed
from . import Job, Portion, Problem
from .packing import packed

_OP_S: Final = 2e-5
_MULTIPLICATION_S: Final = 5e-10


def amplitude(problem: Problem) -> Job:
    """Return fragments, small ones packed together, and the contraction of their answers."""
    settings, fragments = problem.settings, [trimmed(fragment) for fragment in problem.plan.fragments]
    single = settings.precision == "single"
    costs = [_seconds(fragment) / settings.threads for fragment in fragments]
    portions = [
        Portion(
            StateWork(tuple(some), _backend(settings.backend), single, settings.threads),
            cost,
            max(f.memory(8 if single else 16) for f in some),
        )
        for some, cost in packed(fragments, costs, settings.slots)
    ]
    return Job(run_states, portions, partial(_finish, problem))


def _finish(problem: Problem, answers: Mapping[Any, Any]) -> Estimate:
    """Contract; with shots, draw first."""
    plan, settings = problem.plan, problem.settings
    grams = [answers[fragment.index,] for fragment in plan.fragments]
    if settings.shots == 0:
        return Estimate(value(plan, grams).real, 0.0)
    exact = tables_of(plan, grams)
    if settings.statistics == "rows":
        return by_rows(plan, exact, settings.shots, settings.seed)
    shots = allotted(plan, settings.shots)
    return estimate(plan, drawn(exact, shots, settings.seed), shots)


def _seconds(fragment: Fragment) -> float:
    return _OP_S * len(fragment.ops) + _MULTIPLICATION_S * fragment_work(fragment)


def _backend(name: str) -> Any:
    return "numpy" if name == "auto" else name
