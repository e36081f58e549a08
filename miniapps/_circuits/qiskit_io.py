"""Gate lists to and from Qiskit, and user's circuit files.

Worker side, and the driver where a user's file is validated. Reads files, each content once per process; qiskit is
imported by the functions that need it.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .gates import GATES, Circuit, Gate

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

SUFFIXES: Final = (".qasm", ".qasm2", ".qasm3", ".qpy")
_NO_EFFECT: Final = frozenset({"barrier", "delay"})
_DYNAMIC: Final = frozenset({"reset", "if_else", "while_loop", "for_loop", "switch_case", "box", "store", "initialize"})


class NotAGateList(ValueError):
    """The circuit measures before its end, resets, branches, leaves classical bits unwritten or parameters unbound."""


class BadCircuitFile(ValueError):
    """The file cannot be read as circuits; the message says why."""


def to_qiskit(circuit: Circuit, *, measure: bool = False) -> QuantumCircuit:
    """Return the circuit as a ``QuantumCircuit``, with its final measurements if asked."""
    from qiskit import QuantumCircuit

    made = QuantumCircuit(circuit.n_qubits, len(circuit.bits) if measure else 0)
    for name, qubits, params in circuit.gates:
        getattr(made, name)(*params, *qubits)
    if measure:
        made.measure(circuit.bits, range(len(circuit.bits)))
    return made


def from_qiskit(source: QuantumCircuit) -> Circuit:
    """Return a ``QuantumCircuit`` as a gate list; other gates than `GATES` are decomposed by Qiskit's transpiler.

    Barriers, delays and the global phase are dropped. A circuit without any measurement is measured on every qubit.

    Raises
    ------
    NotAGateList
        If it is more than gates followed by one measurement into every classical bit.
    """
    if source.parameters:
        raise NotAGateList(f"circuit {source.name!r} has unbound parameters: {', '.join(map(str, source.parameters))}")
    plain = _in_known_gates(source)
    gates: list[Gate] = []
    reads: dict[int, int] = {}
    for instruction in plain.data:
        name = instruction.operation.name
        qubits = tuple(plain.find_bit(bit).index for bit in instruction.qubits)
        if name in _NO_EFFECT:
            continue
        if name not in GATES and name != "measure":
            raise NotAGateList(f"circuit {source.name!r} holds {name!r}, which is no gate")
        if set(qubits) & set(reads.values()):
            raise NotAGateList(f"circuit {source.name!r} uses qubit {qubits[0]} after measuring it")
        if name == "measure":
            reads[plain.find_bit(instruction.clbits[0]).index] = qubits[0]
        else:
            gates.append((name, qubits, tuple(map(float, instruction.operation.params))))
    return Circuit(source.num_qubits, tuple(gates), _measured(source, reads))


def _in_known_gates(source: QuantumCircuit) -> QuantumCircuit:
    names = set(source.count_ops())
    if names & _DYNAMIC:
        raise NotAGateList(f"circuit {source.name!r} holds {', '.join(sorted(names & _DYNAMIC))}")
    if names <= GATES.keys() | _NO_EFFECT | {"measure"}:
        return source
    from qiskit import transpile

    return transpile(source, basis_gates=list(GATES), optimization_level=0)


def _measured(source: QuantumCircuit, reads: dict[int, int]) -> tuple[int, ...] | None:
    if not reads:
        return None
    if len(reads) < source.num_clbits:
        raise NotAGateList(f"circuit {source.name!r} writes {len(reads)} of {source.num_clbits} classical bits")
    measured = tuple(reads[bit] for bit in range(source.num_clbits))
    return None if measured == tuple(range(source.num_qubits)) else measured


def load_circuits(path: str | Path) -> tuple[QuantumCircuit, ...]:
    """Return the circuits of a file: one of OpenQASM 2 or 3 (told apart by its first line), any number of QPY.

    Raises
    ------
    BadCircuitFile
        If there is no such file, its suffix is none of `SUFFIXES`, or it does not parse.
    """
    return _load_circuits(*_identity(path))


def load_circuit(path: str | Path, index: int = 0) -> Circuit:
    """Return circuit ``index`` of a file as a gate list.

    Raises
    ------
    BadCircuitFile
        As `load_circuits`.
    NotAGateList
        As `from_qiskit`.
    """
    return _load_circuit(_identity(path), index)


def _identity(path: str | Path) -> tuple[str, int, int]:
    """Return the path with the file's time of change and size, so that an edited file is read again."""
    found = Path(path)
    if found.suffix not in SUFFIXES:
        raise BadCircuitFile(f"path = {str(path)!r}: the suffix must be one of {', '.join(SUFFIXES)}")
    if not found.is_file():
        raise BadCircuitFile(f"path = {str(path)!r}: there is no such file")
    status = found.stat()
    return str(found), status.st_mtime_ns, status.st_size


@lru_cache(maxsize=256)
def _load_circuit(identity: tuple[str, int, int], index: int) -> Circuit:
    return from_qiskit(_load_circuits(*identity)[index])


@lru_cache(maxsize=16)
def _load_circuits(path: str, _modified_ns: int, _size: int) -> tuple[QuantumCircuit, ...]:
    from qiskit.exceptions import QiskitError

    try:
        loaded = _read_qpy(path) if path.endswith(".qpy") else (_read_qasm(Path(path).read_text("utf-8")),)
    except (QiskitError, struct.error, UnicodeDecodeError) as error:
        reason = str(error).strip().partition("\n")[0].strip("\"' ")
        raise BadCircuitFile(f"path = {path!r}: {reason}") from error
    if not loaded:
        raise BadCircuitFile(f"path = {path!r}: holds no circuit")
    return loaded


def _read_qpy(path: str) -> tuple[QuantumCircuit, ...]:
    from qiskit import qpy

    with Path(path).open("rb") as file:
        if file.read(6) != b"QISKIT":
            raise BadCircuitFile(f"path = {path!r}: is not QPY")
        file.seek(0)
        return tuple(qpy.load(file))


def _read_qasm(text: str) -> QuantumCircuit:
    from qiskit import qasm2, qasm3
    from qiskit.exceptions import QiskitError

    lines = (line.strip() for line in text.splitlines())
    first = next((line for line in lines if line and not line.startswith("//")), "")
    if not first.startswith("OPENQASM 3"):
        return qasm2.loads(text, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)
    try:
        from openqasm3.parser import QASM3ParsingError
    except ImportError:
        return qasm3.loads(text)  # raises, naming the package that is missing
    try:
        return qasm3.loads(text)
    except QASM3ParsingError as error:
        raise QiskitError("is not valid OpenQASM 3") from error
