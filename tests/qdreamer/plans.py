"""Cut plans for tests: chains of equal fragments, with counts that can be worked out by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qdreamer import FragmentFeatures, PlanFeatures


def chain(n_qubits: int, cuts: int, *, gates_per_qubit: int = 5, terms: int = 1) -> PlanFeatures:
    """Return the plan of a chain cut at ``cuts`` CX into equal pieces, as qiskit-addon-cutting decomposes it."""
    fragments = []
    for place in range(cuts + 1):
        ends = 1 if place in (0, cuts) else 2
        width = n_qubits // (cuts + 1) + (place < n_qubits % (cuts + 1))
        gates = gates_per_qubit * width
        fragments.append(
            FragmentFeatures(
                width=width,
                gates=gates,
                states=2**ends,
                variants=5**ends,
                rows=6.0**cuts,
                mid_variants=5 ** (ends - 1),
                mid_rows=6.0**cuts / 3,
                branches=2.0 * 5 ** (ends - 1),
                amplitudes=gates * 2.0**width * 2**ends,
                sensitivity=2.0**ends * 9.0 ** (cuts - ends),
                depth=gates_per_qubit,
                parts=terms,
            )
        )
    return PlanFeatures(
        cuts, tuple(fragments), 3.0**cuts, 1.5**cuts, terms=terms, flops=16.0 * cuts * terms, largest_tensor=4.0
    )


def chains(*cuts: int) -> Callable[[Any, Any], Sequence[PlanFeatures]]:
    """Return a planner that cuts chains into equal pieces."""
    return lambda _circuit, observable: [chain(observable.n_qubits, k) for k in cuts if k < observable.n_qubits]
