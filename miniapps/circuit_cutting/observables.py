"""Observables: sums of Pauli strings, from a name or from text. Both sides; standard library only."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

NAMED: Final = ("z_last", "z_sum", "zz_sum", "parity")
"""Z on the last qubit; the sum of Z over all; the sum of ZZ over neighbours; Z on every qubit at once."""
_NUMBER: Final = r"\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?"
_TERM: Final = re.compile(rf"\s*(?P<sign>[+-]?)\s*(?:(?P<factor>{_NUMBER})\s*\*)?\s*(?P<pauli>[IXYZ0-9 ]*[IXYZ0-9])\s*")
_SPARSE: Final = re.compile(r"([IXYZ])(\d+)")


@lru_cache(maxsize=64)
def terms(wanted: str, n_qubits: int) -> tuple[tuple[float, str], ...]:
    """Return coefficients and Pauli strings of full length, last letter = qubit 0; equal strings are added up.

    Parameters
    ----------
    wanted
        A name of `NAMED`, or a sum like ``"0.5*ZZII - XIXI"`` of full strings or ``"0.5*Z3 Z2 - X0"`` of letters with
        their qubits.

    Raises
    ------
    ValueError
        If it is neither; the message names the part that is wrong.
    """
    n = n_qubits
    named = {
        "z_last": [(1.0, {n - 1: "Z"})],
        "z_sum": [(1.0, {q: "Z"}) for q in range(n)],
        "zz_sum": [(1.0, {q: "Z", q + 1: "Z"}) for q in range(n - 1)],
        "parity": [(1.0, dict.fromkeys(range(n), "Z"))],
    }
    found = named[wanted] if wanted in named else _parsed(wanted, n)
    added: dict[str, float] = {}
    for factor, letters in found:
        string = "".join(letters.get(q, "I") for q in reversed(range(n)))
        added[string] = added.get(string, 0.0) + factor
    return tuple((factor, string) for string, factor in added.items())


def _parsed(wanted: str, n: int) -> list[tuple[float, dict[int, str]]]:
    found, place = [], 0
    while place < len(wanted):
        match = _TERM.match(wanted, place)
        if match is None or (place and not match["sign"]):
            raise ValueError(_wrong(wanted, wanted[place:].strip(), n))
        factor = float(match["factor"] or 1) * (-1 if match["sign"] == "-" else 1)
        found.append((factor, _letters(wanted, match["pauli"].strip(), n)))
        place = match.end()
    if not found:
        raise ValueError(_wrong(wanted, wanted, n))
    return found


def _letters(wanted: str, pauli: str, n: int) -> dict[int, str]:
    if len(pauli) == n and not set(pauli) - set("IXYZ"):
        return {q: letter for q, letter in enumerate(reversed(pauli)) if letter != "I"}
    pairs = _SPARSE.findall(pauli)
    letters = {int(q): letter for letter, q in pairs}
    whole = "".join(f"{letter}{q}" for letter, q in pairs) == pauli.replace(" ", "")
    if not pairs or not whole or len(letters) < len(pairs) or max(letters) >= n:
        raise ValueError(_wrong(wanted, pauli, n))
    return {q: letter for q, letter in letters.items() if letter != "I"}


def _wrong(wanted: str, part: str, n: int) -> str:
    return (
        f"observable = {wanted!r}: {part!r} is neither a string of {n} letters I, X, Y, Z, nor letters with qubits "
        f"below {n} like 'Z0 Z1', nor is the whole one of {', '.join(NAMED)}"
    )
