"""Which cuts a case gets: its own, a finder's within limits, or as many as pay. Driver side.

A campaign may have ``cuts = "auto"`` settled before anything runs; where it is not, the plan's own counts decide here.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

from .._circuits.gates import Circuit
from .cutting import make_plan
from .finders import Limits, find
from .finders.interval import between
from .plan import BadCuts, Cuts

if TYPE_CHECKING:
    from .params import CircuitCutting
    from .plan import CutPlan

_MOST_CUTS: Final = 4
_MOST_QUBITS: Final = 1000
_AFFORDABLE_WORK: Final = 1e12
"""Some minutes of one core."""
_CIRCUIT_WORK: Final = 1e7
"""Work of one subexperiment beside its amplitudes, in multiplications: some milliseconds."""


def chosen(params: CircuitCutting, circuit: Circuit) -> Cuts:
    """Return the cuts of a case.

    Raises
    ------
    BadCuts
        If there are none as asked.
    """
    if params.partition is not None or params.cut_gates is not None or params.cut_wires is not None:
        gates = params.own_gates()
        if params.partition is not None:
            gates = between(circuit, dict(enumerate(map(ord, params.partition)))).gates
        return Cuts(gates, params.own_wires())
    most = None if params.cuts == "auto" else params.cuts
    if params.executor == "amplitude" or most is not None or params.subcircuit_size is not None:
        return find(params.finder, circuit, Limits(most, params.subcircuit_size))[0]
    return _fastest(params, circuit)


def decided(params: CircuitCutting, circuit: Circuit) -> CircuitCutting:
    """Return the parameters with ``executor = "auto"`` decided by counts: where no model has settled the case before.

    The state vector costs gates · 2ⁿ multiplications, amplitudes what their plan says; a wide circuit that no cut makes
    affordable is left to a matrix-product state.
    """
    if params.executor != "auto":
        return params
    whole = len(circuit.gates) * 2.0 ** min(circuit.n_qubits, _MOST_QUBITS)
    try:
        cuts, _ = find(params.finder, circuit, Limits(), patient=False)
        cut = make_plan(circuit, cuts, [(1.0, "I" * circuit.n_qubits)])
        work = cut.work if cut.cuts else inf
    except BadCuts:
        work = inf
    executor = "amplitude" if work < min(whole, _AFFORDABLE_WORK) else "full" if whole < _AFFORDABLE_WORK else "mps"
    values = {**params.model_dump(), "executor": executor, "cuts": "auto" if executor == "amplitude" else 0}
    return type(params).model_validate(values)


def _fastest(params: CircuitCutting, circuit: Circuit) -> Cuts:
    """Return the cuts with the least sampling work, of those with one cut to `_MOST_CUTS`."""
    found: list[tuple[float, int, Cuts]] = []
    for most in range(1, _MOST_CUTS + 1):
        try:
            cuts, _ = find(params.finder, circuit, Limits(most))
        except BadCuts:
            continue
        plan = make_plan(circuit, cuts, [(1.0, "I" * circuit.n_qubits)], reuse=False)
        found.append((_sampling_work(plan, params), most, cuts))
    if not found:
        raise BadCuts(f"cuts = 'auto': no way to cut these {circuit.n_qubits} qubits with {_MOST_CUTS} cuts or fewer")
    return min(found)[2]


def _sampling_work(plan: CutPlan, params: CircuitCutting) -> float:
    total = 0.0
    for fragment in plan.fragments:
        circuits = plan.rows if params.executor == "reference" else fragment.variants
        share = fragment.mid_circuit_variants / fragment.variants
        again = 1 + share * (0 if params.executor == "branching" else params.shots)
        total += circuits * (_CIRCUIT_WORK + fragment.gates * 2.0**fragment.n_qubits * again)
    return total
