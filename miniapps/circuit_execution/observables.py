"""Names of observables, as Pauli strings. Both sides; standard library only."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

NAMED: Final = ("z_last", "z_all", "parity")
"""Z on the last qubit; Z on each qubit, one value each; Z on every qubit at once."""


@lru_cache(maxsize=16)
def paulis(wanted: str, n_qubits: int) -> tuple[str, ...]:
    """Return Pauli strings of full length, last letter = qubit 0, for a name of `NAMED` or a comma-separated list.

    Raises
    ------
    ValueError
        If a string is not made of ``n_qubits`` letters I, X, Y, Z.
    """
    n = n_qubits
    if wanted == "z_last":
        return ("Z" + "I" * (n - 1),)
    if wanted == "z_all":
        return tuple("I" * (n - 1 - q) + "Z" + "I" * q for q in range(n))
    if wanted == "parity":
        return ("Z" * n,)
    strings = tuple(part.strip() for part in wanted.split(","))
    for string in strings:
        if len(string) != n or set(string) - set("IXYZ"):
            raise ValueError(
                f"observables = {wanted!r}: {string!r} is neither a string of {n} letters I, X, Y, Z (one a qubit) "
                f"nor one of {', '.join(NAMED)}"
            )
    return strings
