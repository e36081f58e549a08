"""Parameters of B.3 and the rules they keep.

Driver side. Reads a file only where the family is ``"file"``, to take its width and hash into the parameters.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, model_validator

from .._app import Params
from .._circuits import FAMILIES
from .observables import terms

FamilyName = Literal["random", "ghz", "qft", "efficient_su2", "qaoa_ring", "clustered", "file"]
ExecutorName = Literal["reference", "distinct", "branching", "amplitude", "full", "mps", "auto"]

_DEFAULT_LAYERS: Final = {"depth": 4, "reps": 1}
_CLUSTERED: Final = {"depth": 10, "clusters": 2, "bridges": 2}
_SAMPLING: Final = ("reference", "distinct", "branching")
_WHOLE: Final = ("full", "mps")


def _unit(unit: str) -> dict[str, Any]:
    return {"unit": unit}


class CircuitCutting(Params):
    """What to compute: which circuit and observable, cut where, executed how."""

    family: FamilyName = Field("efficient_su2", description="circuit family; file = the user's own circuit, see path")
    n_qubits: int = Field(16, ge=2, le=10_000, description="width of the circuit", json_schema_extra=_unit("qubits"))
    depth: int | None = Field(
        None,
        ge=1,
        description="layers of random (4 if not given) and clustered (10)",
        json_schema_extra=_unit("layers"),
    )
    reps: int | None = Field(
        None, ge=1, description="repetitions of efficient_su2 and qaoa_ring (1)", json_schema_extra=_unit("1")
    )
    angle: float | None = Field(
        None,
        allow_inf_nan=False,
        description="all angles of efficient_su2 and qaoa_ring; not given: drawn from the seed",
        json_schema_extra=_unit("rad"),
    )
    clusters: int | None = Field(None, ge=1, description="clusters of the family clustered (2)")
    bridges: int | None = Field(None, ge=0, description="gates between neighbouring clusters (2)")
    path: str | None = Field(None, description="OpenQASM 2, OpenQASM 3 (.qasm) or QPY (.qpy) file of the family file")
    index: int = Field(0, ge=0, description="position of the circuit within a QPY file")
    file_sha256: str | None = Field(None, description="hash of the file's bytes; filled in, and checked if given")
    observable: str = Field(
        "z_last",
        description="z_last, z_sum, zz_sum, parity, or a sum like '0.5*Z0 Z1 - X3' or '0.5*ZZII - XIXI' "
        "(last letter = qubit 0)",
    )
    seed: int = Field(0, ge=0, lt=2**63, description="seed of the circuit and of everything that is sampled")
    executor: ExecutorName = Field(
        "amplitude", description="how the value is computed; see the README. auto = full, mps or amplitude, by cost"
    )
    cuts: int | Literal["auto"] = Field(
        "auto", description="largest number of cuts, 0 = uncut; auto = as many as pay", json_schema_extra=_unit("cuts")
    )
    subcircuit_size: int | None = Field(
        None, ge=1, description="most qubits of a fragment", json_schema_extra=_unit("qubits")
    )
    finder: Literal["auto", "interval", "graph", "addon"] = Field("auto", description="who proposes the cuts")
    cut_gates: str | None = Field(None, description="own cuts: positions of gates, separated by commas")
    cut_wires: str | None = Field(None, description="own cuts: qubit@gate, separated by commas: before that gate")
    partition: str | None = Field(
        None, description="own cuts: a letter a qubit, qubit 0 first; equal letters stay together"
    )
    shots: int = Field(
        0,
        ge=0,
        description="0 = exact; of each published subexperiment (reference, statistics rows), of each distinct one on "
        "average (distinct, branching, amplitude), of each Pauli string (full, mps)",
        json_schema_extra=_unit("shots"),
    )
    statistics: Literal["distinct", "rows"] = Field(
        "distinct", description="whose shots amplitude reproduces: those of distinct or of reference (rows)"
    )
    backend: Literal["auto", "numpy", "aer", "jax"] = Field("auto", description="what computes amplitude's states")
    precision: Literal["double", "single"] = Field("double", description="of amplitudes")
    gpu: bool | Literal["auto"] = Field(False, description="run on GPUs; auto = if the pilots have any")
    threads: int | Literal["auto"] = Field(
        1, description="cores of one task; auto = all of them for full, else 1", json_schema_extra=_unit("cores")
    )
    tolerance: float | None = Field(
        None, gt=0, description="largest error of an exact value; not given: 1e-10 for each unit of the observable"
    )
    false_alarm_rate: float = Field(
        1e-6, gt=0, le=0.1, description="probability that the check of a sampled value fails although all is well"
    )

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, data: Any) -> Any:
        """Write down what is implied, so that equal work has equal parameters."""
        if not isinstance(data, dict):
            return data
        filled = dict(data)
        name = str(data.get("family", "efficient_su2"))
        family = FAMILIES.get(name)
        defaults = _CLUSTERED if name == "clustered" else {}
        if family is not None and family.layers:
            defaults = {family.layers: _DEFAULT_LAYERS[family.layers]}
        filled.update({key: value for key, value in defaults.items() if data.get(key) is None})
        if name == "file" and isinstance(data.get("path"), str):
            facts = _facts_of(data["path"], data.get("index", 0))
            filled = {**facts, **{key: value for key, value in filled.items() if value is not None}}
        if str(data.get("executor", "amplitude")) in _WHOLE and data.get("cuts") in (None, "auto"):
            filled["cuts"] = 0
        return filled

    @model_validator(mode="after")
    def _family_rules(self) -> CircuitCutting:
        used = ("depth", "reps", "angle", "clusters", "bridges", "path", "file_sha256")
        users = {name: _users(name) for name in used}
        for name in used:
            value = getattr(self, name)
            if value is not None and self.family not in users[name]:
                raise ValueError(
                    f"{name} = {value!r}: family {self.family!r} has none; it belongs to {', '.join(users[name])}"
                )
        if self.family == "clustered" and self.n_qubits < 2 * (self.clusters or 1):
            raise ValueError(f"clusters = {self.clusters}: {self.n_qubits} qubits make no clusters of 2 or more")
        if self.family == "file":
            if self.path is None:
                raise ValueError("path = None: family 'file' needs the path of an OpenQASM or QPY file")
            for name, value in _facts_of(self.path, self.index).items():
                if getattr(self, name) != value:
                    raise ValueError(f"{name} = {getattr(self, name)!r}: the file {self.path!r} has {value!r}")
        terms(self.observable, self.n_qubits)
        return self

    @model_validator(mode="after")
    def _executor_rules(self) -> CircuitCutting:
        own = [name for name in ("cut_gates", "cut_wires", "partition") if getattr(self, name) is not None]
        if self.executor == "auto" and (self.cuts != "auto" or own or self.subcircuit_size):
            given = own[0] if own else "cuts" if self.cuts != "auto" else "subcircuit_size"
            raise ValueError(f"{given} = {getattr(self, given)!r}: executor 'auto' decides about cuts itself")
        if self.executor in _WHOLE and (self.cuts != 0 or own or self.subcircuit_size):
            given = own[0] if own else "cuts" if self.cuts else "subcircuit_size"
            raise ValueError(f"{given} = {getattr(self, given)!r}: executor {self.executor!r} runs the uncut circuit")
        if self.executor not in _WHOLE and self.cuts == 0:
            raise ValueError(f"cuts = 0: executor {self.executor!r} cuts; uncut are the executors {', '.join(_WHOLE)}")
        if isinstance(self.cuts, int) and self.cuts < 0:
            raise ValueError(f"cuts = {self.cuts}: must be 0 or more, or 'auto'")
        if self.executor in _SAMPLING and self.shots == 0:
            raise ValueError(f"shots = 0: executor {self.executor!r} samples; exact are amplitude, full and mps")
        if self.statistics != "distinct" and (self.executor != "amplitude" or self.shots == 0):
            raise ValueError(f"statistics = {self.statistics!r}: only for executor 'amplitude' with shots")
        if self.backend != "auto" and self.executor != "amplitude":
            raise ValueError(f"backend = {self.backend!r}: only for executor 'amplitude'")
        if own and (self.finder != "auto" or self.cuts != "auto" or self.subcircuit_size):
            raise ValueError(
                f"{own[0]} = {getattr(self, own[0])!r}: own cuts go with no finder, cuts or subcircuit_size"
            )
        if isinstance(self.threads, int) and self.threads < 1:
            raise ValueError(f"threads = {self.threads}: must be 1 or more, or 'auto'")
        self._own_cut_rules()
        return self

    def _own_cut_rules(self) -> None:
        if self.partition is not None and (len(self.partition) != self.n_qubits or self.cut_gates is not None):
            raise ValueError(
                f"partition = {self.partition!r}: needs {self.n_qubits} letters, and no cut_gates beside it"
            )
        self.own_gates()
        self.own_wires()

    @property
    def layers(self) -> int:
        """Depth or repetitions, whichever the family has; 0 if it has none."""
        return self.depth or self.reps or 0

    def own_gates(self) -> tuple[int, ...]:
        """Return the positions in ``cut_gates``."""
        return tuple(_whole("cut_gates", self.cut_gates, part) for part in _split(self.cut_gates))

    def own_wires(self) -> tuple[tuple[int, int], ...]:
        """Return the pairs (qubit, gate) in ``cut_wires``."""
        found = []
        for part in _split(self.cut_wires):
            qubit, _, place = part.partition("@")
            found.append((_whole("cut_wires", self.cut_wires, qubit), _whole("cut_wires", self.cut_wires, place)))
            if found[-1][0] >= self.n_qubits:
                raise ValueError(f"cut_wires = {self.cut_wires!r}: there is no qubit {qubit}")
        return tuple(found)


def _split(text: str | None) -> list[str]:
    return [part.strip() for part in text.split(",")] if text else []


def _whole(name: str, text: str | None, part: str) -> int:
    if not part.isdecimal():
        raise ValueError(
            f"{name} = {text!r}: {part!r} is no whole number; examples: cut_gates = '3,17', cut_wires = '2@9'"
        )
    return int(part)


def _users(name: str) -> list[str]:
    """Return the families that have this parameter."""
    if name in ("path", "file_sha256"):
        return ["file"]
    if name == "angle":
        return [family for family, entry in FAMILIES.items() if entry.angles]
    own = ["clustered"] if name in _CLUSTERED else []
    return [*(family for family, entry in FAMILIES.items() if entry.layers == name), *own]


def _facts_of(path: str, index: int) -> dict[str, Any]:
    """Return what the parameters say about a user's file: the circuit's width and the file's hash."""
    from .._circuits.qiskit_io import load_circuits

    circuits = load_circuits(path)
    if not 0 <= index < len(circuits):
        raise ValueError(f"index = {index}: the file {path!r} holds {len(circuits)} circuits")
    return {"n_qubits": circuits[index].num_qubits, "file_sha256": sha256(Path(path).read_bytes()).hexdigest()}
