"""Where circuit cutting and Q-Dreamer meet: cut plans as typed-in features, and the planner that `recommend` gets.

Neither room knows the other: plans and finders are the mini-app's, features and models the study's.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, cos, pi, prod, sin
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from miniapps.circuit_cutting.params import CircuitCutting
    from miniapps.circuit_cutting.plan import Cut, CutPlan, Cuts, Fragment
    from qdreamer import FragmentFeatures, Observable, PlanFeatures, Workload

MOST_CUTS: Final = 5
_GRAPH_GATES: Final = 300
"""Circuits with more gates are cut into intervals only: partitioning them takes longer than deciding may."""
_WIDEST: Final = 36
"""Cuts so few that some fragment must be wider are not tried: 2³⁶ amplitudes are a terabyte."""
_SAMPLED: Final = ("distinct", "branching", "reference")
_STATES_A_MEASUREMENT: Final = 2.0
_COUNTLESS: Final = 10**300
"""More rows than this are not told apart, and a float holds no more."""
_HUGE: Final = 1e150
"""More than this is not told apart: its square is still a number."""


# ---------------------------------------------------------------- what one cut costs


@dataclass(frozen=True, slots=True)
class CutNorms:
    """Norms of the quasi-probability coefficients of one cut.

    Attributes
    ----------
    one
        Σ|c|: γ.
    square
        Σ c².
    sensitivity
        Σ over the distinct operations of one side of (Σ|c| of its terms)², for side 0 and side 1.
    """

    one: float
    square: float
    sensitivity: tuple[float, float]


def norms(cut: Cut) -> CutNorms:
    """Return the norms of a cut.

    A gate of operator-Schmidt rank 2 is locally a rotation exp(-i·θ/2·P⊗P); its terms have coefficients cos²(θ/2),
    sin²(θ/2) and four times ±sin(θ/2)·cos(θ/2) (Mitarai and Fujii 2021). A wire has eight of ±1/2 (Peng et al. 2020);
    those of a swap are read from qiskit-addon-cutting.
    """
    if cut.name == "wire":
        return CutNorms(4.0, 2.0, (4.0, 3.0))
    if cut.rank > 2:
        return _read_norms(cut)
    angle = _angle(cut) / 2
    even, odd, mixed = cos(angle) ** 2, sin(angle) ** 2, abs(sin(angle) * cos(angle))
    side = even**2 + odd**2 + (2 * mixed) ** 2 + 2 * mixed**2
    return CutNorms(even + odd + 4 * mixed, even**2 + odd**2 + 4 * mixed**2, (side, side))


def _angle(cut: Cut) -> float:
    if not cut.params:
        return pi / 2
    controlled = cut.name in ("cp", "crx", "cry", "crz")
    return cut.params[0] / 2 if controlled else cut.params[0]


def _read_norms(cut: Cut) -> CutNorms:
    import numpy as np

    from miniapps.circuit_cutting.basis import basis

    found = basis(cut.name, cut.params)
    sizes = np.abs(found.coefficients)
    sides = [np.bincount(found.rows[:, side], weights=sizes) for side in (0, 1)]
    squares = [float((loads**2).sum()) for loads in sides]
    return CutNorms(float(sizes.sum()), float((sizes**2).sum()), (squares[0], squares[1]))


# ---------------------------------------------------------------- from a plan to features


def features_of(
    plan: CutPlan, *, label: str = "", planning_s: float = 0.0, executors: tuple[str, ...] = ()
) -> PlanFeatures:
    """Return what models know of a cut plan."""
    from qdreamer import PlanFeatures

    found = [norms(cut) for cut in plan.cuts]
    gamma, rows = min(prod(one.one for one in found), _HUGE), float(min(plan.rows, _COUNTLESS))
    return PlanFeatures(
        cuts=len(plan.cuts),
        fragments=tuple(_fragment(fragment, found, (rows, gamma)) for fragment in plan.fragments),
        gamma=gamma,
        square_norm=prod(one.square for one in found),
        terms=len(plan.terms),
        flops=plan.contraction,
        largest_tensor=plan.largest_tensor,
        label=label,
        planning_s=planning_s,
        executors=executors,
    )


def _fragment(fragment: Fragment, found: Sequence[CutNorms], whole: tuple[float, float]) -> FragmentFeatures:
    """Return the features of one fragment; ``whole`` are the rows and γ of the plan."""
    from miniapps.circuit_cutting.evolution import evolution
    from miniapps.circuit_cutting.states import trimmed
    from qdreamer import FragmentFeatures

    needed = trimmed(fragment)
    counts = evolution(needed)
    rows, gamma = whole
    sensitivity = prod(found[end.cut].sensitivity[end.side] for end in fragment.ends)
    sensitivity *= (gamma / prod(found[end.cut].one for end in fragment.ends)) ** 2
    parts = len(fragment.paulis)
    mid = fragment.mid_circuit_variants
    return FragmentFeatures(
        width=needed.n_qubits,
        gates=needed.gates,
        states=fragment.states,
        variants=fragment.variants * parts,
        rows=rows * parts,
        mid_variants=mid * parts,
        mid_rows=rows * parts * mid / max(1, fragment.variants),
        branches=_STATES_A_MEASUREMENT * mid * parts,
        amplitudes=_passes(needed),
        sensitivity=sensitivity,
        depth=_depth(needed),
        parts=parts,
        bytes=float(needed.memory()),
        steps=counts.steps,
        moved=counts.moved,
        uncached=counts.uncached,
        flops=counts.flops,
    )


def _passes(fragment: Fragment) -> float:
    """Return Σ 2^width · states over the gates, in their order: states grow at each end."""
    states, total = 1.0, 0.0
    ends = iter(fragment.ends)
    for op in fragment.ops:
        if isinstance(op, tuple):
            total += states
        else:
            states *= _rank_of(next(ends))
    return total * float(2.0**fragment.n_qubits)


def _rank_of(end: Any) -> int:
    from miniapps.circuit_cutting.schmidt import rank

    return rank(end.name, end.params)


def _depth(fragment: Fragment) -> int:
    level = [0] * fragment.n_qubits
    for op in fragment.ops:
        qubits = op[1] if isinstance(op, tuple) else (op.qubit,)
        top = 1 + max(level[q] for q in qubits)
        for q in qubits:
            level[q] = top
    return max(level, default=0)


# ---------------------------------------------------------------- planner


class CutPlanner:
    """Makes plans of one circuit: with at most one cut, two, …, and as many as pay.

    Parameters
    ----------
    circuit
        Gates on one and two qubits, as the mini-app has them.
    observable
        Coefficients and Pauli strings.
    most_cuts
        Largest number that is tried one by one.
    """

    def __init__(self, circuit: Any, observable: Sequence[tuple[float, str]], *, most_cuts: int = MOST_CUTS) -> None:
        self.circuit, self.observable, self.most_cuts = circuit, observable, most_cuts

    def __call__(self, _circuit: Any, _observable: Any) -> list[PlanFeatures]:
        """Return the features of all different plans; the arguments are those that `recommend` was given."""
        return [features for cuts, label, seconds in self._found() for features in self._both(cuts, label, seconds)]

    def _found(self) -> Iterator[tuple[Cuts, str, float]]:
        from miniapps.circuit_cutting.finders import Limits, find, forget
        from miniapps.circuit_cutting.plan import BadCuts, Cuts

        forget()
        seen: set[Any] = set()
        shared_s: float | None = None  # of what the first search leaves for the others, which each would need alone
        names = ("interval",) if len(self.circuit.gates) > _GRAPH_GATES else ("auto",)
        fewest = max(1, ceil(self.circuit.n_qubits / _WIDEST) - 1)
        for most in (*range(min(fewest, self.most_cuts), self.most_cuts + 1), None):
            start_s = time.perf_counter()
            try:
                cuts, by = find(names[0], self.circuit, Limits(cuts=most), patient=False)
            except BadCuts:
                cuts, by = Cuts(), ""
            own_s = time.perf_counter() - start_s
            needed_s = own_s + (shared_s or 0.0)
            shared_s = own_s if shared_s is None else shared_s
            if cuts not in seen and (cuts.gates or cuts.wires):
                seen.add(cuts)
                wanted = "auto" if most is None else most
                yield cuts, f"cuts = {wanted} by {by}", needed_s

    def _both(self, cuts: Cuts, label: str, seconds: float) -> Iterator[PlanFeatures]:
        """Yield the plan; where wires are cut, with qubits used again for states and without for subexperiments."""
        from miniapps.circuit_cutting.cutting import make_plan

        start_s = time.perf_counter()
        plan = make_plan(self.circuit, cuts, self.observable, reuse=True)
        spent = seconds + time.perf_counter() - start_s
        kept = ("amplitude",) if cuts.wires else ()
        yield features_of(plan, label=label, planning_s=spent, executors=kept)
        if cuts.wires:
            fresh = make_plan(self.circuit, cuts, self.observable, reuse=False)
            yield features_of(fresh, label=label, planning_s=spent, executors=_SAMPLED)


def workload_of(circuit: Any, observable: Sequence[tuple[float, str]]) -> Workload:
    """Return the analysed circuit of the mini-app."""
    from qdreamer import analyze_gates

    return analyze_gates(circuit.n_qubits, circuit.gates, observable_of(observable))


def observable_of(terms: Sequence[tuple[float, str]]) -> Observable:
    """Return the mini-app's observable as the study's; equal strings are added up."""
    from qdreamer import Observable

    summed: dict[str, float] = {}
    for coefficient, pauli in terms:
        summed[pauli] = summed.get(pauli, 0.0) + coefficient
    return Observable(summed)


def problem_of(params: CircuitCutting) -> tuple[Any, list[tuple[float, str]]]:
    """Return the circuit and the observable of a case of circuit cutting."""
    from miniapps.circuit_cutting.circuits import circuit_of
    from miniapps.circuit_cutting.observables import terms

    circuit = circuit_of(params)
    return circuit, list(terms(params.observable, circuit.n_qubits))
