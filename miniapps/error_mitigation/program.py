"""What travels to a worker: circuits in moments, their noise, and what is to be measured. Both sides; no simulator.

Every error probability here is that of *some* Pauli error after a gate, uniform over the 4ᵏ - 1 that are none, as in
mitiq (``noise_level``). Qiskit's ``depolarizing_error(λ, k)`` counts the identity too: λ = ε · 4ᵏ / (4ᵏ - 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .._circuits.gates import Gate


@dataclass(frozen=True, slots=True)
class Noise:
    """The shipped noise model.

    Attributes
    ----------
    error_1q, error_2q
        Probability of a Pauli error after a gate of one or two qubits, uniform over all of them.
    read_1_for_0, read_0_for_1
        Probability that a qubit in state 0 is read as 1, and the other way round.
    detuning
        Of the qubits' common frequency, constant within a shot and normally distributed between shots: standard
        deviation of the angle about Z that each qubit turns in a moment, in rad.
    """

    error_1q: float = 0.0
    error_2q: float = 0.0
    read_1_for_0: float = 0.0
    read_0_for_1: float = 0.0
    detuning: float = 0.0

    def depolarizing(self, n_qubits: int) -> float:
        """Return λ of Qiskit's ``depolarizing_error`` after a gate of one or two qubits."""
        error = self.error_1q if n_qubits == 1 else self.error_2q
        paulis = float(4**n_qubits)
        return error * paulis / (paulis - 1)


@dataclass(frozen=True, slots=True)
class Program:
    """A circuit whose time counts: moments one after the other, in each of which a qubit has one gate at most.

    Attributes
    ----------
    n_qubits
        Width.
    moments
        Their gates, each followed by its noise.
    measured
        Qubits that are read at the end; bit ``j`` of an outcome reads qubit ``measured[j]``.
    """

    n_qubits: int
    moments: tuple[tuple[Gate, ...], ...]
    measured: tuple[int, ...]

    @property
    def gates(self) -> tuple[Gate, ...]:
        """All gates, moment by moment."""
        return tuple(gate for moment in self.moments for gate in moment)


@dataclass(frozen=True, slots=True)
class Batch:
    """Variants of one program.

    Attributes
    ----------
    program
        Without the variants' Pauli operators.
    frames
        Of each variant a byte for each gate: number of the Pauli operator that follows it, without noise of its own
        since it is merged into the next gate. I, X, Y, Z are 0, 1, 2, 3 for the gate's first qubit, and four times that
        for its second. Empty bytes mean none anywhere.
    shots
        Of each variant; all 0 for exact probabilities.
    seeds
        Of each variant's samples.
    """

    program: Program
    frames: tuple[bytes, ...]
    shots: tuple[int, ...]
    seeds: tuple[int, ...]
