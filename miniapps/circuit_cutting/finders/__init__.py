"""Finders: where to cut. A finder is one file with ``find(circuit, limits) -> Cuts | None`` and a line in this table.

``interval``
    Neighbouring qubits stay together; dynamic programming finds the best such pieces. For chains and near-chains.
``graph``
    Partitioning of the interaction graph by METIS, and of the graph of gates in time, which also cuts wires.
``addon``
    ``find_cuts`` of qiskit-addon-cutting, the published way.

``"auto"`` asks the first two, of a chain only the first, and takes the cheaper plan; the third only if they find none.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Final

from ..plan import BadCuts, Cuts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..._circuits.gates import Circuit
    from ..plan import CutPlan

FINDERS: Final = {
    "interval": "miniapps.circuit_cutting.finders.interval",
    "graph": "miniapps.circuit_cutting.finders.graph",
    "addon": "miniapps.circuit_cutting.finders.addon",
}
_SLOW: Final = "addon"
_EXACT: Final = "interval"


@dataclass(frozen=True, slots=True)
class Limits:
    """What the cuts must keep to.

    Attributes
    ----------
    cuts
        Largest number; None means as many as pay.
    size
        Most qubits of a fragment; None means any. With ``size`` alone, the fewest cuts are wanted.
    """

    cuts: int | None = None
    size: int | None = None

    def allows(self, plan: CutPlan) -> bool:
        """Tell whether a plan keeps to them."""
        few = self.cuts is None or len(plan.cuts) <= self.cuts
        return few and (self.size is None or plan.width <= self.size)

    def rank(self, plan: CutPlan) -> tuple[float, float]:
        """Return what is to be small: cuts first if only the size matters, else the work alone."""
        return (float(plan.rank) if self.cuts is None and self.size is not None else 0.0, plan.work)


def find(name: str, circuit: Circuit, limits: Limits, *, patient: bool = True) -> tuple[Cuts, str]:
    """Return the cuts that one finder, or ``"auto"``, proposes, and which finder it was.

    Parameters
    ----------
    patient
        Whether ``"auto"`` may ask the addon, which can take minutes, where the others find nothing.

    Raises
    ------
    BadCuts
        If there are none within the limits.
    """
    names = [name] if name != "auto" else _fitting(circuit)
    found = list(_proposals(names, circuit, limits))
    if not found and name == "auto" and patient:
        found = list(_proposals([_SLOW], circuit, limits))
    if not found:
        raise BadCuts(
            f"cuts = {limits.cuts or 'auto'}, subcircuit_size = {limits.size}: finder {name!r} knows no way to cut "
            f"{circuit.n_qubits} qubits so; allow more cuts or wider fragments"
        )
    _, cuts, by = min(found, key=lambda entry: entry[0])
    return cuts, by


def forget() -> None:
    """Forget what earlier searches in the same circuit have left, so that the next one takes its own time."""
    for name in (_EXACT, "graph"):
        import_module(FINDERS[name]).forget()


def _fitting(circuit: Circuit) -> list[str]:
    """Return the finders that ``"auto"`` asks: one is enough for a chain, where intervals are the best pieces."""
    chain = all(abs(pair[0] - pair[1]) == 1 for _, pair, _ in circuit.gates if len(pair) == 2)
    return ["interval"] if chain else [known for known in FINDERS if known != _SLOW]


def _proposals(names: list[str], circuit: Circuit, limits: Limits) -> Iterator[tuple[tuple[float, float], Cuts, str]]:
    from ..cutting import make_plan

    for name in names:
        cuts = import_module(FINDERS[name]).find(circuit, limits)
        if cuts is not None and names == [_EXACT]:  # keeps to the limits by itself, and has no rival
            yield (0.0, 0.0), cuts, name
        elif cuts is not None:
            plan = make_plan(circuit, cuts, [(1.0, "I" * circuit.n_qubits)])
            if limits.allows(plan):
                yield limits.rank(plan), cuts, name
