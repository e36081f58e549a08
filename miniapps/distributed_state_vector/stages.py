"""Elements gathered into stages: phases, one map of indices, phases, rotations. Standard library only.

A stage multiplies by phases (`before`), moves amplitudes by one linear map over GF(2) (`moves`), multiplies by phases
(`after`), and rotates wires by RY (`turns`), in this order. Each element goes into the earliest place that keeps its
order with the elements it shares a wire with. A layer of ``StronglyEntanglingLayers`` is one stage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from .elements import Element

_PLACES: Final = {"z": (0, 2), "cx": (1,), "y": (3,)}
_LEVELS: Final = 4


@dataclass(slots=True)
class Stage:
    """One stage; each list in order of application."""

    before: list[Element] = field(default_factory=list)
    moves: list[Element] = field(default_factory=list)
    after: list[Element] = field(default_factory=list)
    turns: list[Element] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Parts:
    """A circuit on |0…0⟩ in three parts.

    Attributes
    ----------
    start
        At most one rotation of each wire, of a basis state: what comes out is a product.
    core
        What lies between, in the original order.
    end
        Index maps that no later rotation depends on, in order: observables of Z absorb them. The phases there change
        no such observable and are left out, as are those in front of the start.
    """

    start: tuple[Element, ...]
    core: tuple[Element, ...]
    end: tuple[Element, ...]


def parts_of(n_qubits: int, items: Sequence[Element]) -> Parts:
    """Split a circuit into its product start, its core and its end."""
    places = _places(n_qubits, items)
    tail = _tail(n_qubits, items)
    first = {index for index, place in enumerate(places) if place < _LEVELS}
    return Parts(
        start=tuple(items[index] for index in sorted(first) if items[index].kind == "y"),
        core=tuple(item for index, item in enumerate(items) if index not in first and index not in tail),
        end=tuple(items[index] for index in sorted(tail - first) if items[index].kind == "cx"),
    )


def stages_of(n_qubits: int, items: Sequence[Element]) -> list[Stage]:
    """Gather elements into as few stages as their order allows."""
    places = _places(n_qubits, items)
    stages = [Stage() for _ in range(max(places, default=-1) // _LEVELS + 1)]
    for item, place in zip(items, places, strict=True):
        stage = stages[place // _LEVELS]
        (stage.before, stage.moves, stage.after, stage.turns)[place % _LEVELS].append(item)
    return [stage for stage in stages if stage != Stage()]


def _places(n_qubits: int, items: Sequence[Element]) -> list[int]:
    """Return the earliest place of each element: 4·stage + level."""
    reached = [0] * n_qubits
    places = []
    for item in items:
        stage, level = divmod(max(reached[wire] for wire in item.wires), _LEVELS)
        later = [candidate for candidate in _PLACES[item.kind] if candidate >= level]
        place = stage * _LEVELS + later[0] if later else (stage + 1) * _LEVELS + _PLACES[item.kind][0]
        places.append(place)
        for wire in item.wires:
            reached[wire] = place
    return places


def _tail(n_qubits: int, items: Sequence[Element]) -> set[int]:
    """Return the positions of elements that no later rotation depends on."""
    blocked = [False] * n_qubits
    found = set()
    for index in range(len(items) - 1, -1, -1):
        item = items[index]
        if item.kind == "y" or any(blocked[wire] for wire in item.wires):
            for wire in item.wires:
                blocked[wire] = True
        else:
            found.add(index)
    return found
