"""``distinct`` and ``branching``: what a quantum computer would run, each distinct subexperiment once.

Shots are dealt out by how much a subexperiment can change the value; all rows of the decomposition that share it share
its result; one contraction replaces the loop over the rows. ``branching`` lets Aer branch at mid-circuit measurements.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..._circuits.spec import circuit_seed
from ..kernels import SampleWork, Subexperiment, run_subexperiments
from ..plan import CutPlan, Fragment
from ..sampling import Estimate, allotted, estimate
from ..variants import Sampler
from . import Job, Portion, Problem
from .packing import packed

_CIRCUIT_S: Final = 1.5e-3
_GATE_S: Final = 1e-6
_AMPLITUDE_S: Final = 1e-9
_SHOT_S: Final = 2e-6


def distinct(problem: Problem) -> Job:
    """Return subexperiments, packed by cost; Aer simulates each shot that measures in mid-circuit."""
    return _job(problem, branching=False)


def branching(problem: Problem) -> Job:
    """Return the same subexperiments; Aer branches at measurements."""
    return _job(problem, branching=True)


def _job(problem: Problem, *, branching: bool) -> Job:
    settings, plan = problem.settings, problem.plan
    sampler = Sampler(settings.precision, settings.device, settings.threads, branching)
    shots = allotted(plan, settings.shots)
    experiments = _experiments(shots, settings.seed)
    costs = [_seconds(plan.fragments[e.key[0]], e, branching=branching) for e in experiments]
    portions = []
    for some, cost in packed(experiments, costs, settings.slots):
        fragments = {e.key[0]: plan.fragments[e.key[0]] for e in some}
        memory = max(2 * 16 * 2**f.n_qubits for f in fragments.values())
        portions.append(Portion(SampleWork(fragments, tuple(some), sampler), cost, memory))
    return Job(run_subexperiments, portions, partial(_finish, plan, [table.shape for table in shots]))


def _finish(plan: CutPlan, shapes: Sequence[tuple[int, ...]], answers: Mapping[Any, Any]) -> Estimate:
    """Put the counts in their places and contract."""
    ups, shots = ([np.zeros(shape, dtype=np.int64) for shape in shapes] for _ in range(2))
    for (fragment, *place), (plus, n) in answers.items():
        ups[fragment][tuple(place)] = plus
        shots[fragment][tuple(place)] = n
    return estimate(plan, ups, shots)


def _seconds(fragment: Fragment, experiment: Subexperiment, *, branching: bool) -> float:
    simulation = fragment.gates * (_GATE_S + _AMPLITUDE_S * 2.0**fragment.n_qubits)
    again = 1 if branching else experiment.shots * _mid_share(fragment)
    return _CIRCUIT_S + simulation * (1 + again) + _SHOT_S * experiment.shots


@lru_cache(maxsize=256)
def _mid_share(fragment: Fragment) -> float:
    return fragment.mid_circuit_variants / max(1, fragment.variants)


def _experiments(tables: Sequence[NDArray[np.int64]], seed: int) -> list[Subexperiment]:
    """Return all distinct subexperiments, each with its own seed."""
    found: list[Subexperiment] = []
    for index, table in enumerate(tables):
        for place, shots in np.ndenumerate(table):
            found.append(Subexperiment((index, *place), int(shots), circuit_seed(seed, len(found))))
    return found
