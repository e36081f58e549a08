"""Gates as elements: CX, exp(-i·a/2·Z…Z) and RY(a), up to a global phase. Standard library only.

Every gate of the neutral gate list is a short product of these three. What they have in common makes a sharded state
vector cheap: a phase is diagonal, RY is real, and any network of CX is one linear map of indices. A swap only renames
wires, and an X is moved through all that follows it to the observables, where it is a sign.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import pi
from typing import Final, Literal

Gate = tuple[str, tuple[int, ...], tuple[float, ...]]
"""Name, qubits, parameters (radians), as in the shared gate lists."""


@dataclass(frozen=True, slots=True)
class Angle:
    """An angle that is linear in at most one parameter of the circuit: ``constant + factor·parameter``.

    Attributes
    ----------
    constant
        Radians.
    parameter
        Position among all parameters of the circuit; -1 for none.
    factor
        Coefficient of the parameter.
    """

    constant: float = 0.0
    parameter: int = -1
    factor: float = 0.0

    def value(self, parameters: Sequence[float]) -> float:
        """Return the angle in radians."""
        return self.constant + (self.factor * parameters[self.parameter] if self.parameter >= 0 else 0.0)


@dataclass(frozen=True, slots=True)
class Element:
    """One element.

    Attributes
    ----------
    kind
        ``"cx"`` (control, target), ``"z"`` (phase by the parity of all its wires), ``"y"`` (rotation RY); ``"x"`` only
        before `elements_of` returns.
    wires
        On which wires.
    angle
        Of ``"z"`` and ``"y"``.
    """

    kind: Literal["cx", "x", "z", "y"]
    wires: tuple[int, ...]
    angle: Angle = Angle()

    @property
    def moves(self) -> int | None:
        """The wire that must not be spread over ranks: the target of a CX or RY; None if there is none."""
        return self.wires[-1] if self.kind in ("cx", "y") else None


@dataclass(frozen=True, slots=True)
class Elements:
    """A circuit as elements.

    Attributes
    ----------
    n_qubits
        Width.
    items
        In order of application.
    wire_of
        ``wire_of[q]`` is the wire that carries qubit ``q`` at the end; swaps have only renamed wires.
    flipped
        The wires whose bits read inverted at the end.
    parameters
        Values of all gates' parameters, in order.
    """

    n_qubits: int
    items: tuple[Element, ...]
    wire_of: tuple[int, ...]
    flipped: frozenset[int]
    parameters: tuple[float, ...]


def elements_of(n_qubits: int, gates: Iterable[Gate]) -> Elements:
    """Write a gate list as elements.

    Raises
    ------
    KeyError
        If a gate is not one of the shared gate list's.
    """
    wire_of = list(range(n_qubits))
    items: list[Element] = []
    parameters: list[float] = []
    for name, qubits, params in gates:
        if name == "swap":
            a, b = qubits
            wire_of[a], wire_of[b] = wire_of[b], wire_of[a]
            continue
        first = len(parameters)
        parameters.extend(params)
        angles = [Angle(0.0, first + index, 1.0) for index in range(len(params))]
        items.extend(_RULES[name](*(wire_of[q] for q in qubits), *angles))
    kept, flipped = _without_x(items)
    return Elements(n_qubits, tuple(kept), tuple(wire_of), flipped, tuple(parameters))


def _without_x(items: Iterable[Element]) -> tuple[list[Element], frozenset[int]]:
    """Move every X to the end: through a CX to both wires, through phases and rotations by a change of their sign."""
    kept: list[Element] = []
    flipped: set[int] = set()
    for item in items:
        odd = len(flipped.intersection(item.wires)) % 2 == 1
        if item.kind == "x":
            flipped ^= set(item.wires)
        elif item.kind == "cx":
            flipped ^= {item.wires[1]} if item.wires[0] in flipped else set()
            kept.append(item)
        else:
            kept.append(Element(item.kind, item.wires, _times(item.angle, -1.0)) if odd else item)
    return kept, frozenset(flipped)


def _fixed(value: float) -> Angle:
    return Angle(value)


def _times(angle: Angle, factor: float) -> Angle:
    return Angle(angle.constant * factor, angle.parameter, angle.factor * factor)


def _cx(control: int, target: int) -> list[Element]:
    return [Element("cx", (control, target))]


def _z(angle: Angle, *wires: int) -> list[Element]:
    return [Element("z", wires, angle)]


def _y(wire: int, angle: Angle) -> list[Element]:
    return [Element("y", (wire,), angle)]


def _phase(value: float) -> Callable[[int], list[Element]]:
    return lambda q: _z(_fixed(value), q)


def _h(q: int) -> list[Element]:
    """H = RY(π/2)·Z."""
    return [*_z(_fixed(pi), q), *_y(q, _fixed(pi / 2))]


def _rx(q: int, angle: Angle) -> list[Element]:
    """RX(a) = RZ(-π/2)·RY(a)·RZ(π/2)."""
    return [*_z(_fixed(pi / 2), q), *_y(q, angle), *_z(_fixed(-pi / 2), q)]


def _u(q: int, theta: Angle, phi: Angle, lam: Angle) -> list[Element]:
    return [*_z(lam, q), *_y(q, theta), *_z(phi, q)]


def _cp(a: int, b: int, angle: Angle) -> list[Element]:
    """Give a phase to both bits set: a·b = (a + b - a⊕b)/2."""
    half = _times(angle, 0.5)
    return [*_z(half, a), *_z(half, b), *_z(_times(angle, -0.5), a, b)]


def _ccz(a: int, b: int, c: int) -> list[Element]:
    """a·b·c = (a + b + c - a⊕b - a⊕c - b⊕c + a⊕b⊕c)/4."""
    plus, minus = _fixed(pi / 4), _fixed(-pi / 4)
    ones = [*_z(plus, a), *_z(plus, b), *_z(plus, c)]
    return [*ones, *_z(minus, a, b), *_z(minus, a, c), *_z(minus, b, c), *_z(plus, a, b, c)]


def _ccx(a: int, b: int, target: int) -> list[Element]:
    return [*_h(target), *_ccz(a, b, target), *_h(target)]


def _cry(control: int, target: int, angle: Angle) -> list[Element]:
    there, back = _times(angle, 0.5), _times(angle, -0.5)
    return [*_y(target, there), *_cx(control, target), *_y(target, back), *_cx(control, target)]


def _crx(control: int, target: int, angle: Angle) -> list[Element]:
    around, back = _z(_fixed(pi / 2), target), _z(_fixed(-pi / 2), target)
    return [*around, *_cry(control, target, angle), *back]


def _crz(control: int, target: int, angle: Angle) -> list[Element]:
    return [*_z(_times(angle, 0.5), target), *_z(_times(angle, -0.5), control, target)]


def _cy(control: int, target: int) -> list[Element]:
    return [*_phase(-pi / 2)(target), *_cx(control, target), *_phase(pi / 2)(target)]


def _rxx(a: int, b: int, angle: Angle) -> list[Element]:
    turn = [*_y(a, _fixed(-pi / 2)), *_y(b, _fixed(-pi / 2))]
    back = [*_y(a, _fixed(pi / 2)), *_y(b, _fixed(pi / 2))]
    return [*turn, *_z(angle, a, b), *back]


def _ryy(a: int, b: int, angle: Angle) -> list[Element]:
    turn = [*_rx(a, _fixed(pi / 2)), *_rx(b, _fixed(pi / 2))]
    back = [*_rx(a, _fixed(-pi / 2)), *_rx(b, _fixed(-pi / 2))]
    return [*turn, *_z(angle, a, b), *back]


def _cswap(control: int, a: int, b: int) -> list[Element]:
    return [*_cx(b, a), *_ccx(control, a, b), *_cx(b, a)]


_RULES: Final[dict[str, Callable[..., list[Element]]]] = {
    "id": lambda _q: [],
    "x": lambda q: [Element("x", (q,))],
    "y": lambda q: [*_z(_fixed(pi), q), Element("x", (q,))],
    "z": _phase(pi),
    "h": _h,
    "s": _phase(pi / 2),
    "sdg": _phase(-pi / 2),
    "t": _phase(pi / 4),
    "tdg": _phase(-pi / 4),
    "sx": lambda q: _rx(q, _fixed(pi / 2)),
    "sxdg": lambda q: _rx(q, _fixed(-pi / 2)),
    "p": lambda q, angle: _z(angle, q),
    "rx": _rx,
    "ry": _y,
    "rz": lambda q, angle: _z(angle, q),
    "u": _u,
    "cx": _cx,
    "cy": _cy,
    "cz": lambda a, b: _cp(a, b, _fixed(pi)),
    "cp": _cp,
    "crx": _crx,
    "cry": _cry,
    "crz": _crz,
    "rxx": _rxx,
    "ryy": _ryy,
    "rzz": lambda a, b, angle: _z(angle, a, b),
    "ccx": _ccx,
    "cswap": _cswap,
}
