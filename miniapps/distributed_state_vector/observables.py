"""Observables: sums of Pauli strings, and groups of them that share a basis. Standard library only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, pi
from typing import Final

from .elements import Gate

NAMED: Final = ("z_all", "z_last", "parity")
"""Z on each qubit, one value each; Z on the last qubit; Z on every qubit at once."""


@dataclass(frozen=True, slots=True)
class Term:
    """One observable: ``factor`` times a Pauli string, whose last letter acts on qubit 0."""

    factor: float
    pauli: str

    @property
    def support(self) -> dict[int, str]:
        """The letters other than I by qubit."""
        n = len(self.pauli)
        return {n - 1 - place: letter for place, letter in enumerate(self.pauli) if letter != "I"}


@dataclass(frozen=True, slots=True)
class Group:
    """Terms that become products of Z after one rotation of each qubit.

    Attributes
    ----------
    places
        Positions of the terms among all terms.
    basis
        Gates to append to the circuit.
    supports
        Qubits of each term.
    """

    places: tuple[int, ...]
    basis: tuple[Gate, ...]
    supports: tuple[frozenset[int], ...]


def terms(wanted: str, n_qubits: int) -> tuple[Term, ...]:
    """Return the terms of a name of `NAMED`, or of a comma-separated list of Pauli strings with or without factors.

    Raises
    ------
    ValueError
        If a string is not made of ``n_qubits`` letters I, X, Y, Z, or a factor is no number.
    """
    n = n_qubits
    if wanted == "z_all":
        return tuple(Term(1.0, "I" * (n - 1 - q) + "Z" + "I" * q) for q in range(n))
    if wanted == "z_last":
        return (Term(1.0, "Z" + "I" * (n - 1)),)
    if wanted == "parity":
        return (Term(1.0, "Z" * n),)
    return tuple(_term(part.strip(), wanted, n) for part in wanted.split(","))


def _term(text: str, wanted: str, n: int) -> Term:
    factor, star, pauli = text.rpartition("*")
    try:
        value = float(factor) if star else 1.0
    except ValueError:
        value = float("nan")
    if not isfinite(value) or len(pauli.strip()) != n or set(pauli.strip()) - set("IXYZ"):
        raise ValueError(
            f"observables = {wanted!r}: {text!r} is neither a string of {n} letters I, X, Y, Z (one a qubit), alone or "
            f"as 0.5*…, nor one of {', '.join(NAMED)}"
        )
    return Term(value, pauli.strip())


def groups(found: Sequence[Term]) -> list[Group]:
    """Sort terms into groups that agree qubit by qubit, each into the first that it fits (greedy)."""
    bases: list[dict[int, str]] = []
    members: list[list[int]] = []
    for place, term in enumerate(found):
        support = term.support
        at = next((i for i, basis in enumerate(bases) if all(basis.get(q, x) == x for q, x in support.items())), None)
        if at is None:
            at = len(bases)
            bases.append({})
            members.append([])
        bases[at].update(support)
        members[at].append(place)
    return [
        Group(tuple(places), _rotations(basis), tuple(frozenset(found[place].support) for place in places))
        for basis, places in zip(bases, members, strict=True)
    ]


def _rotations(basis: dict[int, str]) -> tuple[Gate, ...]:
    """Return what turns X and Y into Z: RY(-π/2) and RX(π/2)."""
    turns = {"X": ("ry", -pi / 2), "Y": ("rx", pi / 2)}
    letters = ((qubit, turns[letter]) for qubit, letter in sorted(basis.items()) if letter in turns)
    return tuple((name, (qubit,), (angle,)) for qubit, (name, angle) in letters)
