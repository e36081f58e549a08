"""``find_cuts`` of qiskit-addon-cutting: the published finder, for comparison and where the others find nothing."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Final

from ..._circuits.qiskit_io import to_qiskit
from ..cutting import make_plan, useful
from ..plan import Cuts

if TYPE_CHECKING:
    from ..._circuits.gates import Circuit
    from . import Limits

_SEED: Final = 111


def find(circuit: Circuit, limits: Limits) -> Cuts | None:
    """Return what ``find_cuts`` proposes for the size; without one, for n/2, n/3, … as far as the cuts go."""
    n = circuit.n_qubits
    sizes = [limits.size] if limits.size else sorted({ceil(n / parts) for parts in range(2, (limits.cuts or 1) + 2)})
    for size in sizes:
        cuts = _found(circuit, size)
        if cuts is not None and limits.allows(make_plan(circuit, cuts, [(1.0, "I" * n)])):
            return cuts
    return None


def _found(circuit: Circuit, size: int) -> Cuts | None:
    from qiskit_addon_cutting.automated_cut_finding import DeviceConstraints, OptimizationParameters, find_cuts

    try:
        marked, _ = find_cuts(
            to_qiskit(circuit), OptimizationParameters(seed=_SEED), DeviceConstraints(qubits_per_subcircuit=size)
        )
    except (ValueError, AttributeError):  # it finds none: 0.10 then stumbles over its own missing result
        return None
    gates, wires, place = [], [], 0
    for instruction in marked.data:
        if instruction.operation.name == "cut_wire":
            wires.append((marked.find_bit(instruction.qubits[0]).index, place))
            continue
        if instruction.operation.name == "qpd_2q":
            gates.append(place)
        place += 1
    return useful(circuit, Cuts(tuple(gates), tuple(wires)))
