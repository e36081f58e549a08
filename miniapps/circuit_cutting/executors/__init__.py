"""Executors: the ways from a plan to a value. One file each, and a line in the table below.

An executor is a function from a `Problem` to a `Job`: which portions of work there are and what each costs, what a
worker does with one, and how the value is made from all answers, whose keys say what they answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..._circuits.gates import Circuit
    from ..cutting import Observable
    from ..plan import CutPlan, Cuts
    from ..sampling import Estimate

_EXECUTORS: Final = {
    "reference": "miniapps.circuit_cutting.executors.reference:reference",
    "distinct": "miniapps.circuit_cutting.executors.sampled:distinct",
    "branching": "miniapps.circuit_cutting.executors.sampled:branching",
    "amplitude": "miniapps.circuit_cutting.executors.amplitude:amplitude",
    "full": "miniapps.circuit_cutting.executors.whole:full",
    "mps": "miniapps.circuit_cutting.executors.whole:mps",
}
UNCUT: Final = ("full", "mps")
"""Executors that run the whole circuit."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How to execute.

    Attributes
    ----------
    shots
        0 means exact; see the parameters for what is counted.
    seed
        Of everything that is drawn.
    statistics
        ``"distinct"`` or ``"rows"``.
    backend
        What computes states.
    precision, device, threads
        Of the simulator, and of one task.
    slots
        Tasks that run at a time.
    """

    shots: int
    seed: int
    statistics: str = "distinct"
    backend: str = "numpy"
    precision: str = "double"
    device: str = "CPU"
    threads: int = 1
    slots: int = 1


@dataclass(frozen=True, slots=True)
class Problem:
    """What is to be computed.

    Attributes
    ----------
    circuit
        The whole circuit.
    observable
        Coefficients and Pauli strings.
    cuts, plan
        Where it is cut, and what that gives.
    settings
        How to execute.
    """

    circuit: Circuit
    observable: Observable
    cuts: Cuts
    plan: CutPlan
    settings: Settings


@dataclass(frozen=True, slots=True)
class Portion:
    """Work for one task.

    Attributes
    ----------
    work
        Argument of the executor's function.
    cost
        Seconds of one core, roughly: it only decides what is packed together and what goes first.
    memory
        Bytes of its largest working set.
    """

    work: Any
    cost: float
    memory: int


@dataclass(frozen=True, slots=True)
class Job:
    """A problem in portions.

    Attributes
    ----------
    function
        What a worker calls with a portion's work; it returns its seconds and answers by key.
    portions
        All work, in portions that can run in any order; in the order in which they should start.
    finish
        Makes the value from the answers of all portions.
    """

    function: Callable[[Any], tuple[float, dict[Any, Any]]]
    portions: Sequence[Portion]
    finish: Callable[[Mapping[Any, Any]], Estimate]


def load(name: str) -> Callable[[Problem], Job]:
    """Return the executor of that name."""
    module, _, attribute = _EXECUTORS[name].partition(":")
    found: Callable[[Problem], Job] = getattr(import_module(module), attribute)
    return found


def names() -> tuple[str, ...]:
    """Return the names of all executors."""
    return tuple(_EXECUTORS)
