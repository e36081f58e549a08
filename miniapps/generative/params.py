"""Parameters of C.5 and the rules they keep. Driver side."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field, model_validator

from .._variational.devices import EmulatedDevices
from .._variational.params import unit
from .._variational.problem import MOLECULES
from .images import PIXELS

DISTRIBUTIONS: Final = ("bars_and_stripes", "gaussian")
WIDEST: Final = 10
_BATCH, _RATE = 32, {"gqe": 1e-3, "qcbm": 0.1}
_OF_GQE: Final = ("length", "times", "width", "heads", "blocks", "scale", "coldness", "updates", "replay", "trainer")
_OF_ASYNCHRONOUS: Final = ("staleness", "split", "trainers")


class Generative(EmulatedDevices):
    """What proposes circuits, what they are judged by, and how proposing and judging keep pace."""

    model: Literal["gqe", "qcbm"] = Field(
        "gqe",
        description="gqe = a transformer proposes sequences of operators (GPT-QE); qcbm = a circuit Born machine "
        "learns a distribution",
    )
    problem: Literal["h2", "lih", "h4", "beh2", "bars_and_stripes", "gaussian"] = Field(
        "h2", description="molecule of gqe; distribution of qcbm (bars_and_stripes if not given)"
    )
    n_qubits: int | None = Field(
        None,
        ge=2,
        le=WIDEST,
        description="qcbm: width (4 if not given), bars_and_stripes 4, 6 or 9",
        json_schema_extra=unit("qubits"),
    )
    circuits: int = Field(
        2048, ge=2, description="budget of the search, and of its control", json_schema_extra=unit("circuits")
    )
    batch: int = Field(
        _BATCH,
        ge=2,
        description="circuits between two updates; of qcbm those of one gradient: 1 + 2 for each angle",
        json_schema_extra=unit("circuits"),
    )
    learning_rate: float | None = Field(None, gt=0, le=10, description="of Adam; not given: 0.001, of qcbm 0.1")
    exchange: Literal["synchronous", "asynchronous"] = Field(
        "synchronous",
        description="synchronous = propose, evaluate and learn in turn, on all devices; asynchronous = some devices "
        "learn while the others evaluate",
    )
    staleness: int = Field(
        3,
        ge=0,
        description="asynchronous: batches under way beside the one that is learnt from; what is further behind is not "
        "learnt from",
        json_schema_extra=unit("updates"),
    )
    split: Literal["measured", "fixed"] = Field(
        "measured", description="asynchronous: the number of devices that learn follows the measured loads, or is fixed"
    )
    trainers: int = Field(
        1, ge=1, description="asynchronous: devices that learn, at the start", json_schema_extra=unit("devices")
    )
    portion: int = Field(8, ge=1, description="circuits that one task evaluates", json_schema_extra=unit("circuits"))
    shards: int = Field(
        2, ge=1, le=64, description="tasks that share a proposal or an update", json_schema_extra=unit("1")
    )
    length: int = Field(10, ge=1, le=256, description="gqe: operators of a circuit", json_schema_extra=unit("1"))
    times: tuple[float, ...] = Field(
        (0.05, 0.1, 0.2, 0.4),
        min_length=1,
        description="gqe: angles of each excitation in the pool, both signs of each",
        json_schema_extra=unit("rad"),
    )
    width: int = Field(48, ge=4, le=4096, description="gqe: of the transformer", json_schema_extra=unit("1"))
    heads: int = Field(2, ge=1, description="gqe: of each attention; must divide width", json_schema_extra=unit("1"))
    blocks: int = Field(2, ge=1, le=64, description="gqe: of the transformer", json_schema_extra=unit("1"))
    scale: float = Field(50.0, gt=0, description="gqe: logits for a hartree", json_schema_extra=unit("1/hartree"))
    coldness: tuple[float, float] = Field(
        (1.0, 20.0), description="gqe: inverse temperature of sampling at the start and at the end"
    )
    updates: int = Field(2, ge=1, le=1024, description="gqe: steps of Adam for a batch", json_schema_extra=unit("1"))
    replay: int = Field(
        1024,
        ge=0,
        description="gqe: last circuits that are learnt from again, as many as are new; 0 = none",
        json_schema_extra=unit("circuits"),
    )
    trainer: Literal["cpu", "gpu"] = Field("cpu", description="gqe: what the transformer runs on")
    layers: int = Field(3, ge=1, le=64, description="qcbm: repetitions of the layer", json_schema_extra=unit("layers"))
    loss: Literal["mmd", "kl"] = Field(
        "mmd", description="qcbm: squared maximum mean discrepancy, or Kullback-Leibler divergence"
    )
    tolerance: float | None = Field(
        None, gt=0, description="error that the result must reach: hartree, or loss; not given: none"
    )
    seed: int = Field(0, ge=0, lt=2**63, description="of the weights, the samples and the control")

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, data: Any) -> Any:
        """Write down what is implied, so that equal work has equal parameters."""
        if not isinstance(data, dict):
            return data
        filled = dict(data)
        model = data.get("model", "gqe")
        if data.get("learning_rate") is None and model in _RATE:
            filled["learning_rate"] = _RATE[model]
        if model == "qcbm":
            filled.setdefault("problem", DISTRIBUTIONS[0])
            filled["n_qubits"] = 4 if data.get("n_qubits") is None else data["n_qubits"]
            if isinstance(filled["n_qubits"], int) and isinstance(data.get("layers", 3), int):
                filled.setdefault("batch", 1 + 6 * filled["n_qubits"] * data.get("layers", 3))
        return filled

    @model_validator(mode="after")
    def _model_rules(self) -> Generative:
        if (self.problem in MOLECULES) != (self.model == "gqe"):
            fitting = ", ".join(MOLECULES if self.model == "gqe" else DISTRIBUTIONS)
            raise ValueError(f"problem = {self.problem!r}: model {self.model!r} takes one of {fitting}")
        if self.model == "gqe":
            self._refuse(("n_qubits", "layers", "loss"), "model = 'qcbm'")
            self._transformer_rules()
        else:
            self._refuse(_OF_GQE, "model = 'gqe'")
            self._born_rules()
        if self.exchange == "synchronous":
            self._refuse(_OF_ASYNCHRONOUS, "exchange = 'asynchronous'")
        if self.circuits < self.batch:
            raise ValueError(f"circuits = {self.circuits}: the budget must hold a batch of {self.batch}")
        return self

    def _refuse(self, names: tuple[str, ...], owner: str) -> None:
        for name in names:
            if getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name} = {getattr(self, name)!r}: belongs to {owner}")

    def _transformer_rules(self) -> None:
        if self.width % self.heads:
            raise ValueError(f"heads = {self.heads}: must divide width = {self.width}")
        if self.batch % self.shards:
            raise ValueError(f"shards = {self.shards}: must divide batch = {self.batch}")
        if not all(0 < time < 10 for time in self.times) or len(set(self.times)) < len(self.times):
            raise ValueError(f"times = {list(self.times)}: distinct angles above 0 and below 10 rad")
        if not 0 < self.coldness[0] <= self.coldness[1] < 1e6:
            raise ValueError(f"coldness = {list(self.coldness)}: positive and not falling")

    def _born_rules(self) -> None:
        n = self.n_qubits or 0
        needed = 1 + 6 * n * self.layers
        if self.batch != needed:
            raise ValueError(f"batch = {self.batch}: a gradient of this circuit takes {needed} circuits")
        if self.problem == "bars_and_stripes" and n not in PIXELS:
            raise ValueError(f"n_qubits = {n}: bars_and_stripes takes {', '.join(map(str, PIXELS))}")
        if self.n_qubits == 2:
            raise ValueError("n_qubits = 2: a ring needs at least 3 qubits")

    @property
    def batches(self) -> int:
        """Whole batches that the budget allows."""
        return self.circuits // self.batch
