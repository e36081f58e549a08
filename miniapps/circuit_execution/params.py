"""Parameters of B.1 and the rules they keep.

Driver side. Reads a file only where the family is ``"file"``, to take its width and hash into the parameters.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, model_validator

from .._app import Params
from .._circuits import FAMILIES
from .observables import paulis

FamilyName = Literal["random", "ghz", "qft", "efficient_su2", "qaoa_ring", "file"]
Method = Literal["automatic", "statevector", "density_matrix", "matrix_product_state", "stabilizer"]

_DEFAULT_LAYERS: Final = {"depth": 10, "reps": 1}
_DENSE: Final = ("automatic", "statevector", "density_matrix")


def _unit(unit: str) -> dict[str, Any]:
    return {"unit": unit}


class CircuitExecution(Params):
    """What to run: which circuits, what to ask of each, on which simulator, in which portions."""

    family: FamilyName = Field("random", description="circuit family; file = the user's own circuits, see path")
    n_qubits: int = Field(8, ge=1, le=10_000, description="width of each circuit", json_schema_extra=_unit("qubits"))
    depth: int | None = Field(
        None, ge=1, description="layers of the random family (10 if not given)", json_schema_extra=_unit("layers")
    )
    reps: int | None = Field(
        None,
        ge=1,
        description="repetitions of efficient_su2 and qaoa_ring (1 if not given)",
        json_schema_extra=_unit("1"),
    )
    angle: float | None = Field(
        None,
        allow_inf_nan=False,
        description="all angles of efficient_su2 and qaoa_ring; not given: drawn from the circuit's seed",
        json_schema_extra=_unit("rad"),
    )
    path: str | None = Field(None, description="OpenQASM 2, OpenQASM 3 (.qasm) or QPY (.qpy) file of the family file")
    file_sha256: str | None = Field(None, description="hash of the file's bytes; filled in, and checked if given")
    n_circuits: int = Field(64, ge=1, description="circuits in the batch", json_schema_extra=_unit("circuits"))
    primitive: Literal["sampler", "estimator"] = Field("sampler", description="bit strings or expectation values")
    shots: int = Field(
        1024,
        ge=0,
        description="shots of each circuit, or of each observable; 0 = exact",
        json_schema_extra=_unit("shots"),
    )
    observables: str | None = Field(
        None,
        description="of the estimator: z_last, z_all, parity (Z on every qubit), or Pauli strings separated by commas, "
        "last letter = qubit 0 (z_last if not given)",
    )
    seed: int = Field(0, ge=0, lt=2**63, description="seed of the batch; every circuit gets its own from it")
    device: Literal["aer", "pilot"] = Field(
        "aer", description="what runs the circuits: Aer in the workers, or the quantum devices that the pilots hold"
    )
    method: Method = Field("statevector", description="simulation method of the device")
    precision: Literal["double", "single"] = Field("double", description="of amplitudes, in the dense methods")
    gpu: bool | Literal["auto"] = Field(False, description="run on GPUs; auto = if the pilots have any")
    circuits_per_task: int | Literal["auto"] = Field(
        "auto", description="circuits one task carries: 1 or more, or auto", json_schema_extra=_unit("circuits")
    )
    threads: int = Field(
        1, ge=1, le=1024, description="cores and threads of one task", json_schema_extra=_unit("cores")
    )
    check_fraction: float = Field(
        0.05, ge=0, le=1, description="share of the circuits that is checked, at least four; 0 = none"
    )
    tolerance: float | None = Field(
        None, gt=0, description="largest error of an exact value; not given: 1e-9, or what the method can hold"
    )
    false_alarm_rate: float = Field(
        1e-6, gt=0, le=0.1, description="probability that the check of shots fails although all is well"
    )

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, data: Any) -> Any:
        """Write down what is implied, so that equal work has equal parameters."""
        if not isinstance(data, dict):
            return data
        filled = dict(data)
        family = FAMILIES.get(str(data.get("family", "random")))
        if family is not None and family.layers and data.get(family.layers) is None:
            filled[family.layers] = _DEFAULT_LAYERS[family.layers]
        if data.get("primitive") == "estimator" and data.get("observables") is None:
            filled["observables"] = "z_last"
        if data.get("family") == "file" and isinstance(data.get("path"), str):
            filled = {**_facts_of(data["path"]), **{key: value for key, value in filled.items() if value is not None}}
        return filled

    @model_validator(mode="after")
    def _family_rules(self) -> CircuitExecution:
        family = FAMILIES.get(self.family)
        layers, angles = (family.layers, family.angles) if family is not None else ("", False)
        for name, value, used in (
            ("depth", self.depth, layers == "depth"),
            ("reps", self.reps, layers == "reps"),
            ("angle", self.angle, angles),
            ("path", self.path, self.family == "file"),
            ("file_sha256", self.file_sha256, self.family == "file"),
        ):
            if value is not None and not used:
                users = ", ".join(_users(name))
                raise ValueError(f"{name} = {value!r}: family {self.family!r} has none; {name} belongs to {users}")
        if family is not None and self.n_qubits < family.min_qubits:
            raise ValueError(f"n_qubits = {self.n_qubits}: family {self.family!r} needs {family.min_qubits} or more")
        self._file_rules()
        return self

    def _file_rules(self) -> None:
        if self.family != "file":
            return
        if self.path is None:
            raise ValueError("path = None: family 'file' needs the path of an OpenQASM or QPY file")
        for name, value in _facts_of(self.path).items():
            given = getattr(self, name)
            if given != value:
                raise ValueError(f"{name} = {given!r}: the file {self.path!r} has {value!r}")

    @model_validator(mode="after")
    def _primitive_rules(self) -> CircuitExecution:
        if self.primitive == "sampler":
            if self.shots == 0:
                raise ValueError("shots = 0: a sampler needs 1 or more; exact values come from primitive 'estimator'")
            if self.observables is not None:
                raise ValueError(f"observables = {self.observables!r}: only the primitive 'estimator' measures them")
        else:
            self.paulis()
        return self

    @model_validator(mode="after")
    def _simulator_rules(self) -> CircuitExecution:
        family = FAMILIES.get(self.family)
        if self.method == "stabilizer" and family is not None and not family.clifford:
            clifford = ", ".join([*(name for name, entry in FAMILIES.items() if entry.clifford), "file"])
            raise ValueError(
                f"method = 'stabilizer': needs Clifford gates, which family {self.family!r} is not made of; "
                f"choose family {clifford}, or another method"
            )
        if self.method not in _DENSE:
            for name, value, plain in (("precision", self.precision, "double"), ("gpu", self.gpu, False)):
                if value != plain:
                    raise ValueError(f"{name} = {value!r}: needs one of the methods {', '.join(_DENSE)}")
        if isinstance(self.circuits_per_task, int) and self.circuits_per_task < 1:
            raise ValueError(f"circuits_per_task = {self.circuits_per_task}: must be 1 or more, or 'auto'")
        return self

    @model_validator(mode="after")
    def _device_rules(self) -> CircuitExecution:
        if self.device != "pilot":
            return self
        for name, plain in (("method", "statevector"), ("precision", "double"), ("gpu", False), ("threads", 1)):
            if getattr(self, name) != plain:
                rule = "is a setting of device 'aer'; the devices of a pilot have their own in the pilot's description"
                raise ValueError(f"{name} = {getattr(self, name)!r}: {rule}")
        if self.shots == 0 and self.primitive == "sampler":
            raise ValueError("shots = 0: the devices of a pilot need 1 or more")
        return self

    @property
    def layers(self) -> int:
        """Depth or repetitions, whichever the family has; 0 if it has none."""
        return self.depth or self.reps or 0

    def paulis(self) -> tuple[str, ...]:
        """Return the observables as Pauli strings of full length; none for a sampler.

        Raises
        ------
        ValueError
            If one is not a Pauli string of ``n_qubits`` letters.
        """
        return () if self.observables is None else paulis(self.observables, self.n_qubits)


def _users(name: str) -> list[str]:
    """Return the families that have this parameter."""
    if name == "angle":
        return [family for family, entry in FAMILIES.items() if entry.angles]
    return [family for family, entry in FAMILIES.items() if entry.layers == name] or ["file"]


def _facts_of(path: str) -> dict[str, Any]:
    """Return what the parameters say about a user's file: its width and its hash."""
    from .._circuits.qiskit_io import load_circuits

    widths = sorted({circuit.num_qubits for circuit in load_circuits(path)})
    if len(widths) > 1:
        raise ValueError(f"path = {path!r}: its circuits have {', '.join(map(str, widths))} qubits, not one width")
    return {"n_qubits": widths[0], "file_sha256": sha256(Path(path).read_bytes()).hexdigest()}
