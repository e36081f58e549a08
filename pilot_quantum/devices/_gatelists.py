"""Compiled circuits as lists of a few plain gates, for libraries that speak another language than Qiskit."""

from __future__ import annotations

from typing import Any, Final

from ._compile import Compiler
from .base import DeviceError

BASIS: Final = ("h", "x", "rx", "ry", "rz", "cx")

Step = tuple[str, tuple[float, ...], tuple[int, ...]]


def compiler() -> Compiler:
    """Return a compiler for `BASIS` with any coupling."""
    from qiskit import transpile

    return Compiler(lambda c: transpile(c, basis_gates=list(BASIS), optimization_level=1, seed_transpiler=7))


def steps(circuit: Any) -> tuple[list[Step], list[int]]:
    """Return the gates of a compiled circuit, and the measured qubit of each classical bit.

    Raises
    ------
    DeviceError
        If it is more than gates followed by measurements.
    """
    gates: list[Step] = []
    read: dict[int, int] = {}
    for item in circuit.data:
        name = item.operation.name
        qubits = tuple(circuit.find_bit(bit).index for bit in item.qubits)
        if name == "barrier":
            continue
        if name == "measure":
            read[circuit.find_bit(item.clbits[0]).index] = qubits[0]
        elif name in BASIS and not set(qubits) & set(read.values()):
            gates.append((name, tuple(float(value) for value in item.operation.params), qubits))
        else:
            raise DeviceError(f"circuit {circuit.name!r}: {name!r} is not a gate before the final measurements")
    if len(read) != circuit.num_clbits:
        raise DeviceError(f"circuit {circuit.name!r}: {len(read)} of {circuit.num_clbits} classical bits are measured")
    return gates, [read[bit] for bit in range(circuit.num_clbits)]
