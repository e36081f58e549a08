"""Parameters of the classifier and the rules they keep. Driver side; reads no file."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field, model_validator

from .._app import Params

Mode = Literal["sequential", "vmap", "jit", "vmap_jit", "fused", "direct", "lightning"]
CLASSES: Final = 10


def _unit(unit: str) -> dict[str, Any]:
    return {"unit": unit}


class QmlClassifier(Params):
    """What to do (time steps, train, search), on which images, in which mode."""

    task: Literal["step", "train", "search"] = Field(
        "step", description="time single training steps; train; or train with several drawn settings"
    )
    mode: Mode = Field(
        "direct",
        description="sequential, vmap, jit, vmap_jit: as published; fused: one compiled function on PennyLane; "
        "direct: dense linear algebra; lightning: lightning.qubit with adjoint gradients",
    )
    batch_size: int = Field(64, ge=1, description="images of one step", json_schema_extra=_unit("images"))
    layers: int = Field(1, ge=1, le=32, description="layers of rotations and CNOT ring", json_schema_extra=_unit("1"))
    precision: Literal["double", "single"] = Field("double", description="single = complex64, in mode direct only")
    device: Literal["cpu", "gpu"] = Field("cpu", description="what computes")
    learning_rate: float = Field(1e-3, gt=0, le=10, description="of Adam")
    steps: int = Field(5, ge=1, description="timed steps of task step", json_schema_extra=_unit("steps"))
    source: Literal["photographs", "cifar10"] = Field("photographs", description="images, see qml_compression")
    path: str | None = Field(None, description="of cifar10, see qml_compression")
    image_size: Literal[16, 32] = Field(32, description="pixels along a side", json_schema_extra=_unit("pixels"))
    n_train: int = Field(320, ge=1, description="images to train on", json_schema_extra=_unit("images"))
    n_validation: int = Field(
        80, ge=0, description="images that choose among the trials of a search", json_schema_extra=_unit("images")
    )
    n_test: int = Field(200, ge=1, description="images of the other regions to test on", json_schema_extra=_unit("1"))
    epochs: int = Field(10, ge=1, description="passes over the training images", json_schema_extra=_unit("1"))
    shards: int = Field(1, ge=1, description="tasks that share each batch of a training", json_schema_extra=_unit("1"))
    n_trials: int = Field(4, ge=1, description="trainings of a search", json_schema_extra=_unit("1"))
    seed: int = Field(0, ge=0, lt=2**63, description="of crops, weights, order of batches and trials")

    @model_validator(mode="after")
    def _rules(self) -> QmlClassifier:
        if (self.path is not None) != (self.source == "cifar10"):
            rule = "needs the path of the user's files" if self.path is None else "is embedded and takes no path"
            raise ValueError(f"path = {self.path!r}: source {self.source!r} {rule}")
        if self.precision == "single" and self.mode != "direct":
            raise ValueError(f"precision = 'single': needs mode 'direct'; mode {self.mode!r} computes in double")
        if self.device == "gpu" and self.mode == "lightning":
            raise ValueError("device = 'gpu': mode 'lightning' computes on CPUs; choose another mode")
        if self.task != "step" and self.batch_size > self.n_train:
            raise ValueError(f"batch_size = {self.batch_size}: more than n_train = {self.n_train}")
        return self._shard_rules()

    def _shard_rules(self) -> QmlClassifier:
        if self.shards > 1 and (self.task != "train" or self.mode != "direct"):
            raise ValueError(f"shards = {self.shards}: needs task 'train' and mode 'direct'")
        if self.batch_size % self.shards:
            raise ValueError(f"shards = {self.shards}: must divide batch_size = {self.batch_size}")
        if self.task == "search" and self.n_validation == 0:
            raise ValueError("n_validation = 0: a search needs images to choose by; 1 or more")
        return self

    @property
    def n_wires(self) -> int:
        """Qubits of one image: three for colours, the rest addresses pixels."""
        return 3 + 2 * (self.image_size.bit_length() - 1)
