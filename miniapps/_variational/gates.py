"""Gates on many states at a time: arrays of shape (states, circuits), with an angle for each circuit.

Every operation works element by element, so that a circuit's amplitudes do not depend, to the last bit, on which other
circuits are computed beside it. That is what makes a parallel trajectory equal to the sequential one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol, final

import numpy as np
from numpy.typing import NDArray

States = NDArray[Any]
"""Amplitudes, shape (d, B): real for molecules, complex for graphs. Column b belongs to circuit b."""
Angles = NDArray[np.float64]
"""One angle for each circuit, shape (B,), in rad."""
Index = NDArray[np.intp]

TWO_TERMS: Final = ((np.pi / 2, 0.5), (-np.pi / 2, -0.5))
"""Shift and weight: generators with the eigenvalues ±1/2."""
_NEAR, _FAR = (np.sqrt(2) + 1) / (4 * np.sqrt(2)), (np.sqrt(2) - 1) / (4 * np.sqrt(2))
FOUR_TERMS: Final = (
    (np.pi / 2, _NEAR),
    (-np.pi / 2, -_NEAR),
    (3 * np.pi / 2, -_FAR),
    (-3 * np.pi / 2, _FAR),
)
"""The same for the eigenvalues 0 and ±1/2 of excitations (Anselmetti et al., New J. Phys. 23, 113010, 2021)."""


def columns_sum(values: States) -> NDArray[Any]:
    """Return the sum of each column, added in an order that does not depend on the number of columns."""
    total: NDArray[Any] = np.ascontiguousarray(values.T).sum(axis=1)
    return total


class Gate(Protocol):
    """A unitary exp(-iθG) that is applied in place.

    ``shifts`` are the shifts and weights of its parameter-shift rule; empty where it has none.
    """

    @property
    def shifts(self) -> tuple[tuple[float, float], ...]:
        """Shifts and weights, see above."""
        ...

    def apply(self, states: States, angles: Angles) -> None:
        """Apply the gate with an angle for each circuit."""
        ...

    def slope(self, left: States, states: States) -> NDArray[np.float64]:
        """Return 2·Re⟨left|-iG|states⟩ for each circuit, where ``states`` are those after the gate."""
        ...


@final
@dataclass(frozen=True, slots=True, eq=False)
class Excitation:
    """A rotation by half the angle between pairs of basis states: a single or double excitation of PennyLane.

    Attributes
    ----------
    low, high
        Places of the states that are mixed, pairwise. |low⟩ becomes cos(θ/2)|low⟩ + sin(θ/2)|high⟩.
    """

    low: Index
    high: Index
    shifts: tuple[tuple[float, float], ...] = FOUR_TERMS

    def apply(self, states: States, angles: Angles) -> None:
        """See `Gate`."""
        c, s = np.cos(angles / 2), np.sin(angles / 2)
        a, b = states[self.low], states[self.high]
        states[self.low] = c * a - s * b
        states[self.high] = s * a + c * b

    def slope(self, left: States, states: States) -> NDArray[np.float64]:
        """See `Gate`."""
        return columns_sum(left[self.high] * states[self.low] - left[self.low] * states[self.high])


@final
@dataclass(frozen=True, slots=True, eq=False)
class Phase:
    """exp(-iθD) of a diagonal D that has few distinct values.

    Attributes
    ----------
    levels
        The distinct values.
    place
        Which of them each basis state has.
    """

    levels: NDArray[np.float64]
    place: Index
    shifts: tuple[tuple[float, float], ...] = ()

    def apply(self, states: States, angles: Angles) -> None:
        """See `Gate`."""
        states *= np.exp(-1j * np.multiply.outer(self.levels, angles))[self.place]

    def slope(self, left: States, states: States) -> NDArray[np.float64]:
        """See `Gate`."""
        return 2 * columns_sum((left.conj() * states).imag * self.levels[self.place, None])


@final
@dataclass(frozen=True, slots=True, eq=False)
class Mixer:
    """exp(-iθ/2·Σ(x_q·X_q + z_q·Z_q)) over some qubits, with x² + z² = 1 for each.

    Attributes
    ----------
    axes
        Qubit, x and z.
    """

    axes: tuple[tuple[int, float, float], ...]
    shifts: tuple[tuple[float, float], ...] = ()

    def apply(self, states: States, angles: Angles) -> None:
        """See `Gate`."""
        c, s = np.cos(angles / 2), -1j * np.sin(angles / 2)
        for qubit, x, z in self.axes:
            zero, one = _halves(states, qubit)
            kept = zero.copy()
            zero *= c + z * s
            zero += (x * s) * one
            one *= c - z * s
            one += (x * s) * kept

    def slope(self, left: States, states: States) -> NDArray[np.float64]:
        """See `Gate`."""
        total = np.zeros(states.shape[1])
        for qubit, x, z in self.axes:
            zero, one = _halves(states, qubit)
            bra_zero, bra_one = _halves(left, qubit)
            mixed = bra_zero.conj() * (x * one + z * zero) + bra_one.conj() * (x * zero - z * one)
            total += columns_sum(mixed.imag.reshape(-1, states.shape[1]))
        return total


@final
@dataclass(frozen=True, slots=True, eq=False)
class Transverse:
    """exp(-iθ/2·ΣX_q) over all qubits of states that flipping all qubits does not change.

    Such states are held by the half of their amplitudes in which the last qubit is 0. Two qubits are turned at a time:
    of their four states only |00⟩ + |11⟩ and |01⟩ + |10⟩ are mixed.

    Attributes
    ----------
    n_qubits
        The states have 2^(n-1) amplitudes.
    """

    n_qubits: int
    shifts: tuple[tuple[float, float], ...] = ()

    def apply(self, states: States, angles: Angles) -> None:
        """See `Gate`."""
        kept, crossed = (np.cos(angles) - 1) / 2, -0.5j * np.sin(angles)
        for qubit in range(0, self.n_qubits - 1, 2):
            a, b, c, d = self._quarters(states, qubit)
            even, odd = a + d, b + c
            more_even = kept * even + crossed * odd
            more_odd = kept * odd + crossed * even
            a += more_even
            d += more_even
            b += more_odd
            c += more_odd
        if self.n_qubits % 2:
            Mixer(((self.n_qubits - 1, 1.0, 0.0),)).apply(states, angles)

    def slope(self, left: States, states: States) -> NDArray[np.float64]:
        """See `Gate`."""
        total = states[::-1].copy()
        for qubit in range(self.n_qubits - 1):
            zero, one = _halves(states, qubit)
            to_zero, to_one = _halves(total, qubit)
            to_zero += one
            to_one += zero
        return columns_sum((left.conj() * total).imag)

    def _quarters(self, states: States, qubit: int) -> tuple[States, States, States, States]:
        """Return views of the amplitudes with two neighbouring qubits in 00, 01, 10 and 11."""
        if qubit == self.n_qubits - 2:  # flipping the last qubit is flipping all others
            quarter = len(states) // 4
            one, both = states[3 * quarter :], states[quarter : 2 * quarter]
            return states[:quarter], states[2 * quarter : 3 * quarter], one[::-1], both[::-1]
        view = states.reshape(-1, 2, 2, 2**qubit, states.shape[1])
        return view[:, 0, 0], view[:, 0, 1], view[:, 1, 0], view[:, 1, 1]


def _halves(states: States, qubit: int) -> tuple[States, States]:
    """Return views of the amplitudes with a qubit in 0 and in 1, each of shape (2^(n-1-q), 2^q, B).

    A qubit more than there are is the last one of `Transverse`.
    """
    half = len(states) // 2
    if 2**qubit == len(states):
        return states[:half], states[half:][::-1]
    view = states.reshape(-1, 2, 2**qubit, states.shape[1])
    return view[:, 0], view[:, 1]
