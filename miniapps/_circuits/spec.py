"""Recipes of circuits: which family, how large, which seed.

Both sides; standard library only, so that parameters can be validated and costs counted on a login node. A recipe
travels to the worker, where `miniapps._circuits.families.build` makes the circuit from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

Layers = Literal["depth", "reps", ""]
_MASK: Final = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Family:
    """What is known of a circuit family before a circuit is built.

    Attributes
    ----------
    summary
        One line for a person.
    layers
        Name of the parameter that counts its layers: ``"depth"``, ``"reps"``, or ``""`` if it has none.
    gates
        Number of gates, from the number of qubits and of layers.
    bond_bits
        Upper bound of log2 of the Schmidt rank over any cut of the line of qubits, from qubits and layers.
    min_qubits
        Smallest width.
    clifford
        Whether all its gates are Clifford gates.
    angles
        Whether it has angles that can be fixed.
    """

    summary: str
    layers: Layers
    gates: Callable[[int, int], int]
    bond_bits: Callable[[int, int], int]
    min_qubits: int = 1
    clifford: bool = False
    angles: bool = False


def ring_edges(n: int) -> int:
    """Return the number of edges of a ring of ``n`` nodes; two nodes have one edge."""
    return n if n > 2 else n - 1


FAMILIES: Final[dict[str, Family]] = {
    "random": Family(
        summary="layers of Haar-random one-qubit gates and CX on a random pairing of the qubits",
        layers="depth",
        gates=lambda n, depth: depth * (n + n // 2),
        bond_bits=lambda n, depth: min(depth, 1) * (n // 2),
    ),
    "ghz": Family(
        summary="the GHZ state, by a chain of CX",
        layers="",
        gates=lambda n, _layers: n,
        bond_bits=lambda n, _layers: min(n // 2, 1),
        clifford=True,
    ),
    "qft": Family(
        summary="the quantum Fourier transform of a random product state, swaps included",
        layers="",
        gates=lambda n, _layers: n + n * (n + 1) // 2 + n // 2,
        bond_bits=lambda n, _layers: min(n // 2, 8),
    ),
    "efficient_su2": Family(
        summary="the hardware-efficient ansatz: RY and RZ layers, linear CX entanglement",
        layers="reps",
        gates=lambda n, reps: 2 * n * (reps + 1) + reps * (n - 1),
        bond_bits=lambda n, reps: min(n // 2, reps),
        angles=True,
    ),
    "strongly_entangling": Family(
        summary="a rotation of every qubit and a ring of CX, whose range grows by layer (PennyLane's template)",
        layers="reps",
        gates=lambda n, reps: 2 * n * reps,
        bond_bits=lambda n, reps: min(reps, 1) * (n // 2),
        min_qubits=2,
        angles=True,
    ),
    "qaoa_ring": Family(
        summary="QAOA for MaxCut on a ring: RZZ on its edges, RX on its nodes",
        layers="reps",
        gates=lambda n, reps: n + reps * (ring_edges(n) + n),
        bond_bits=lambda n, reps: min(n // 2, 2 * reps),
        min_qubits=2,
        angles=True,
    ),
}
"""The seeded families by name. User's circuits are the further family ``"file"``, which has no formulas."""


@dataclass(frozen=True, slots=True)
class CircuitSpec:
    """Recipe of one circuit.

    Attributes
    ----------
    family
        A name of `FAMILIES`, or ``"file"``.
    n_qubits
        Width.
    layers
        Depth or repetitions, whichever the family has; 0 if it has none.
    seed
        Seed of everything random about this circuit: its gates, and (another stream) its samples.
    angle
        Value of every angle of a family that has angles, in radians; None draws them from ``seed``.
    path
        File of a user's circuit; empty for the other families.
    index
        Position of the circuit within the file.
    """

    family: str
    n_qubits: int
    layers: int = 0
    seed: int = 0
    angle: float | None = None
    path: str = ""
    index: int = 0


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Recipe of any number of circuits that differ by their seeds.

    Attributes
    ----------
    family, n_qubits, layers, angle, path
        As in `CircuitSpec`.
    seed
        Seed of the ensemble; circuit ``i`` has `circuit_seed` ``(seed, i)``, wherever and with whomever it runs.
    programs
        Number of circuits in the file; circuit ``i`` is number ``i mod programs``.
    """

    family: str
    n_qubits: int
    layers: int = 0
    seed: int = 0
    angle: float | None = None
    path: str = ""
    programs: int = 1

    def spec(self, index: int) -> CircuitSpec:
        """Return the recipe of circuit ``index``."""
        return CircuitSpec(
            family=self.family,
            n_qubits=self.n_qubits,
            layers=self.layers,
            seed=circuit_seed(self.seed, index),
            angle=self.angle,
            path=self.path,
            index=index % self.programs,
        )


def circuit_seed(seed: int, index: int) -> int:
    """Return the seed of circuit ``index`` of the ensemble ``seed``, in [0, 2⁶³).

    SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) at state ``mix(seed) + index·γ``: for one ensemble seed, no two of
    the first 2⁶³ circuits are at the same state.
    """
    return _mix(_mix(seed & _MASK) + index * 0x9E3779B97F4A7C15) >> 1


def _mix(state: int) -> int:
    z = (state + 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def gate_count(spec: CircuitSpec | Ensemble) -> int:
    """Return the number of gates of a seeded circuit, without building it.

    Raises
    ------
    KeyError
        For the family ``"file"``, which has no formula.
    """
    return FAMILIES[spec.family].gates(spec.n_qubits, spec.layers)
