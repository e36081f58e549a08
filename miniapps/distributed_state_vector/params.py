"""Parameters of distributed simulation and the rules they keep. Driver side."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, model_validator

from .._app import Params
from .._circuits import FAMILIES
from .observables import Term, terms

FamilyName = Literal["strongly_entangling", "random", "qft", "efficient_su2", "qaoa_ring", "ghz", "file"]
Method = Literal["statevector", "tensor_network", "stabilizer"]
SimulatorName = Literal["jax", "lightning", "aer", "cudaq", "quimb", "stim"]

SIMULATORS: Final[dict[str, tuple[str, ...]]] = {
    "statevector": ("jax", "lightning", "aer", "cudaq"),
    "tensor_network": ("aer", "quimb"),
    "stabilizer": ("stim", "aer"),
}
"""Simulators of each method; the first is the default."""
_GRADIENTS: Final = ("jax", "lightning")
_DEFAULT_LAYERS: Final = {"depth": 4, "reps": 2}


def _unit(unit: str) -> dict[str, Any]:
    return {"unit": unit}


class DistributedStateVector(Params):
    """Which circuit, what to ask of it, on which simulator, over how many ranks."""

    family: FamilyName = Field("strongly_entangling", description="circuit family; file = the user's own, see path")
    n_qubits: int = Field(16, ge=2, le=10_000, description="width", json_schema_extra=_unit("qubits"))
    depth: int | None = Field(None, ge=1, description="layers of random (4 if not given)")
    reps: int | None = Field(None, ge=1, description="layers of the other layered families (2 if not given)")
    angle: float | None = Field(
        None,
        allow_inf_nan=False,
        description="all angles; not given: drawn from the seed",
        json_schema_extra=_unit("rad"),
    )
    path: str | None = Field(None, description="OpenQASM or QPY file of the family file; its first circuit")
    file_sha256: str | None = Field(None, description="hash of the file's bytes; filled in, and checked if given")
    seed: int = Field(0, ge=0, lt=2**63, description="seed of the circuit")
    observables: str = Field(
        "z_all", description="z_all, z_last, parity, or Pauli strings with factors: 0.5*ZZI,XXI; last letter = qubit 0"
    )
    mode: Literal["expval", "vjp", "jacobian"] = Field(
        "expval",
        description="values; values and gradient of their weighted sum; values and gradient of each",
    )
    method: Method = Field("statevector", description="how the state is held")
    simulator: SimulatorName | None = Field(None, description="what computes; not given: the method's default")
    precision: Literal["single", "double"] = Field("single", description="of amplitudes: complex64 or complex128")
    ranks: int = Field(1, ge=1, le=65_536, description="processes of the gang", json_schema_extra=_unit("ranks"))
    shards_per_rank: int = Field(1, ge=1, le=256, description="devices of each process that hold a shard")
    threads: int = Field(1, ge=1, le=1024, description="cores and threads of a rank", json_schema_extra=_unit("cores"))
    gpu: bool = Field(False, description="hold the shards on GPUs, one each")
    evaluations: int = Field(3, ge=1, le=1000, description="timed evaluations after compilation")
    limits: bool = Field(True, description="measure bandwidths and compare with what they allow")
    start_timeout_s: float = Field(20.0, gt=0, le=3600, description="for ranks to find each other")
    tolerance: float | None = Field(None, gt=0, description="largest error; not given: 1e-9 double, 1e-5 single")

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, data: Any) -> Any:
        """Write down what is implied, so that equal work has equal parameters."""
        if not isinstance(data, dict):
            return data
        filled = dict(data)
        family = FAMILIES.get(str(data.get("family", "strongly_entangling")))
        if family is not None and family.layers and data.get(family.layers) is None:
            filled[family.layers] = _DEFAULT_LAYERS[family.layers]
        if data.get("simulator") is None:
            filled["simulator"] = SIMULATORS.get(str(data.get("method", "statevector")), ("jax",))[0]
        if data.get("family") == "file" and isinstance(data.get("path"), str):
            filled = {**_facts_of(data["path"]), **{key: value for key, value in filled.items() if value is not None}}
        return filled

    @model_validator(mode="after")
    def _family_rules(self) -> DistributedStateVector:
        family = FAMILIES.get(self.family)
        layers, angles = (family.layers, family.angles) if family is not None else ("", False)
        used = {
            "depth": layers == "depth",
            "reps": layers == "reps",
            "angle": angles,
            "path": self.family == "file",
            "file_sha256": self.family == "file",
        }
        for name, wanted in used.items():
            if getattr(self, name) is not None and not wanted:
                raise ValueError(f"{name} = {getattr(self, name)!r}: family {self.family!r} has no {name}")
        if self.family == "file":
            if self.path is None:
                raise ValueError("path = None: family 'file' needs the path of an OpenQASM or QPY file")
            for name, value in _facts_of(self.path).items():
                if getattr(self, name) != value:
                    raise ValueError(f"{name} = {getattr(self, name)!r}: the file {self.path!r} has {value!r}")
        self.terms()
        return self

    @model_validator(mode="after")
    def _simulator_rules(self) -> DistributedStateVector:
        if self.simulator not in SIMULATORS[self.method]:
            raise ValueError(
                f"simulator = {self.simulator!r}: method {self.method!r} has {', '.join(SIMULATORS[self.method])}"
            )
        if self.mode != "expval" and (self.simulator not in _GRADIENTS or self.method != "statevector"):
            raise ValueError(
                f"mode = {self.mode!r}: simulator {self.simulator!r} has no gradient here; choose "
                f"{' or '.join(_GRADIENTS)} with method 'statevector', or mode 'expval'"
            )
        family = FAMILIES.get(self.family)
        if self.method == "stabilizer" and family is not None and not family.clifford:
            raise ValueError(f"method = 'stabilizer': family {self.family!r} is not made of Clifford gates")
        if self.gpu and self.simulator not in ("jax", "aer", "cudaq"):
            raise ValueError(
                f"gpu = true: simulator {self.simulator!r} has no GPU version here; choose jax, aer or cudaq"
            )
        if self.simulator == "cudaq" and not self.gpu and self.precision == "single":
            raise ValueError("precision = 'single': simulator 'cudaq' has only complex128 on CPUs; choose 'double'")
        return self

    @model_validator(mode="after")
    def _shard_rules(self) -> DistributedStateVector:
        if self.method != "statevector":
            return self
        if self.simulator == "cudaq" and self.gpu and self.shards_per_rank == 1:
            return self
        if self.simulator != "jax":
            for name in ("ranks", "shards_per_rank"):
                if getattr(self, name) > 1:
                    raise ValueError(
                        f"{name} = {getattr(self, name)}: the packages of {self.simulator} on PyPI are built without "
                        "MPI and hold a state in one process; choose 1, or simulator 'jax'"
                    )
            return self
        if self.shards & (self.shards - 1):
            raise ValueError(f"ranks x shards_per_rank = {self.shards}: shards are a power of two")
        if self.n_qubits < 2 * self.n_global:
            raise ValueError(
                f"n_qubits = {self.n_qubits}: {self.shards} shards need {2 * self.n_global} qubits or more"
            )
        return self

    @property
    def shards(self) -> int:
        """Number of shards of the state."""
        return self.ranks * self.shards_per_rank

    @property
    def n_global(self) -> int:
        """Qubits that are spread over the shards at a time."""
        return self.shards.bit_length() - 1

    @property
    def layers(self) -> int:
        """Depth or repetitions, whichever the family has; 0 if it has none."""
        return self.depth or self.reps or 0

    @property
    def amplitude_bytes(self) -> int:
        """Bytes of one amplitude."""
        return 16 if self.precision == "double" else 8

    @property
    def largest_error(self) -> float:
        """The tolerance, or what goes with the precision and the method."""
        if self.tolerance is not None:
            return self.tolerance
        if self.method == "tensor_network":
            return 1e-6
        return 1e-9 if self.precision == "double" else 1e-5

    def terms(self) -> tuple[Term, ...]:
        """Return the observables as factors and Pauli strings.

        Raises
        ------
        ValueError
            If one is not a Pauli string of ``n_qubits`` letters, with or without a factor.
        """
        return terms(self.observables, self.n_qubits)


def _facts_of(path: str) -> dict[str, Any]:
    """Return what the parameters say about a user's file: its width and its hash."""
    from .._circuits.qiskit_io import load_circuit

    return {"n_qubits": load_circuit(path, 0).n_qubits, "file_sha256": sha256(Path(path).read_bytes()).hexdigest()}
