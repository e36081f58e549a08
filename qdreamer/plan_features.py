"""What a model knows of a cut plan: typed-in counts. Who makes the plan does not matter.

Cuts have a quasi-probability decomposition with coefficients ``c_r`` over rows r; γ = Σ|c_r| is their norm (3 for a CX,
4 for a wire without classical communication; products over the cuts). A *variant* is one distinct subexperiment of a
fragment; a *row* is a variant as often as the published method runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


def power_of_two(exponent: int) -> float:
    """Return 2^exponent as a number that never overflows: beyond 2¹⁰⁰⁰ nothing needs telling apart."""
    return float(2.0 ** min(exponent, 1000))


@dataclass(frozen=True, slots=True)
class FragmentFeatures:
    """One fragment of a cut circuit, all terms of the observable together unless said otherwise.

    Attributes
    ----------
    width
        Qubits.
    gates, depth
        Gates and layers of one variant.
    states
        Amplitude states that stand for all variants: the product of the operator-Schmidt ranks of its cut ends.
    variants, rows
        Distinct subexperiments; subexperiments as published.
    mid_variants, mid_rows
        Those among them that measure in mid-circuit inside the light cone of what is measured at the end.
    branches
        Σ over the ``mid_variants`` of the states that branching carries, 2^(mid-circuit measurements).
    amplitudes
        Σ 2^width · (states at that point) over the gates of the fragment.
    sensitivity
        Σ over variants v of (Σ over rows with v of |c_r|)²: how the variance of equal shots reaches the value.
    parts
        Distinct parts of the observable's strings on this fragment.
    bytes
        Working set of its amplitude states; 0 means three times the states.
    steps, moved, uncached, flops
        Of the evolution of its amplitude states: array operations, complex numbers that they read and write, those
        among them that are in no cache of one core, multiplications. 0 steps mean that nobody has counted, and gates
        and ``amplitudes`` stand in.
    """

    width: int
    gates: int
    states: int
    variants: int
    rows: float
    mid_variants: int = 0
    mid_rows: float = 0.0
    branches: float = 0.0
    amplitudes: float = 0.0
    sensitivity: float = 0.0
    depth: int = 0
    parts: int = 1
    bytes: float = 0.0
    steps: int = 0
    moved: float = 0.0
    uncached: float = 0.0
    flops: float = 0.0

    @property
    def state_bytes(self) -> float:
        """Bytes of one complex128 state vector."""
        return 16.0 * power_of_two(self.width)

    @property
    def amplitude_bytes(self) -> float:
        """Bytes of its amplitude states with their workspace."""
        return self.bytes or 3.0 * self.state_bytes * self.states

    @property
    def gram(self) -> float:
        """Multiplications of the inner products of its states."""
        return self.parts * power_of_two(self.width) * float(self.states) ** 2


@dataclass(frozen=True, slots=True)
class PlanFeatures:
    """A cut plan as a model sees it.

    Attributes
    ----------
    cuts
        Number of cuts.
    fragments
        The fragments.
    gamma
        Norm of the coefficients, γ.
    square_norm
        Σ c_r² over the rows.
    terms
        Pauli strings of the observable.
    flops, largest_tensor
        Multiplications and the largest intermediate (complex numbers) of the contraction of the fragments' tensors.
    label
        What the planner needs to make the same plan again, for a person.
    planning_s
        Seconds that finding the plan took; 0 if it was given.
    executors
        Those that this plan is for; empty means any.
    """

    cuts: int
    fragments: tuple[FragmentFeatures, ...]
    gamma: float
    square_norm: float
    terms: int = 1
    flops: float = 0.0
    largest_tensor: float = 1.0
    label: str = ""
    planning_s: float = 0.0
    executors: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.cuts < 1 or not self.fragments:
            raise ValueError(f"cuts = {self.cuts}, {len(self.fragments)} fragment(s): a plan has at least one of each")

    @property
    def width(self) -> int:
        """Qubits of the widest fragment."""
        return max(fragment.width for fragment in self.fragments)

    @property
    def rows(self) -> float:
        """Subexperiments as published."""
        return sum(fragment.rows for fragment in self.fragments)

    @property
    def variants(self) -> int:
        """Distinct subexperiments."""
        return sum(fragment.variants for fragment in self.fragments)


Planner = Callable[[Any, Any], Sequence[PlanFeatures]]
"""Circuit and observable, as given to `recommend`, to the plans worth considering; none if there is no cut."""
