"""Parameters of the pipeline and the rules they keep. Driver side; reads no file."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from .._app import Params


def _unit(unit: str) -> dict[str, Any]:
    return {"unit": unit}


class QmlPipeline(Params):
    """Which data, which circuit and training, and how stages share resources."""

    source: Literal["photographs", "cifar10"] = Field("photographs", description="images, see qml_compression")
    path: str | None = Field(None, description="of cifar10, see qml_compression")
    image_size: Literal[16, 32] = Field(32, description="pixels along a side", json_schema_extra=_unit("pixels"))
    n_train: int = Field(32, ge=1, description="images to train on", json_schema_extra=_unit("images"))
    n_test: int = Field(32, ge=1, description="images to test on", json_schema_extra=_unit("images"))
    shard_size: int = Field(
        8, ge=1, description="images of one task of encoding and compression", json_schema_extra=_unit("images")
    )
    layers: int = Field(4, ge=1, le=64, description="of the compression circuit", json_schema_extra=_unit("layers"))
    sweeps: int = Field(100, ge=1, description="of compression, stage 1", json_schema_extra=_unit("sweeps"))
    refinement: Literal["none", "sweeps", "bfgs", "lbfgs"] = Field("lbfgs", description="of compression, stage 2")
    iterations: int = Field(50, ge=1, description="of compression, stage 2", json_schema_extra=_unit("iterations"))
    classifier_layers: int = Field(1, ge=1, le=32, description="of rotations and CNOT ring")
    batch_size: int = Field(8, ge=1, description="images of one training step", json_schema_extra=_unit("images"))
    learning_rate: float = Field(0.05, gt=0, le=10, description="of Adam")
    epochs_per_shard: int = Field(
        2, ge=0, description="passes over all images so far when a shard has arrived", json_schema_extra=_unit("1")
    )
    final_epochs: int = Field(10, ge=0, description="passes over all images at the end", json_schema_extra=_unit("1"))
    schedule: Literal["streaming", "staged"] = Field(
        "streaming", description="streaming = a task starts when its own inputs are there; staged = stage after stage"
    )
    allocation: Literal["adaptive", "static"] = Field(
        "adaptive", description="hold the wide pilot for the wide stage only, or from start to end"
    )
    wide_cores: int = Field(1, ge=1, description="cores of the added pilot", json_schema_extra=_unit("cores"))
    train_device: Literal["cpu", "gpu"] = Field("cpu", description="what trains and evaluates")
    seed: int = Field(0, ge=0, lt=2**63, description="of crops, weights and order of batches")

    @model_validator(mode="after")
    def _rules(self) -> QmlPipeline:
        if (self.path is not None) != (self.source == "cifar10"):
            rule = "needs the path of the user's files" if self.path is None else "is embedded and takes no path"
            raise ValueError(f"path = {self.path!r}: source {self.source!r} {rule}")
        if self.batch_size > self.shard_size or self.n_train % self.shard_size:
            raise ValueError(
                f"shard_size = {self.shard_size}: must divide n_train = {self.n_train} and be no smaller than "
                f"batch_size = {self.batch_size}, so that training can start on one shard"
            )
        if self.epochs_per_shard + self.final_epochs == 0:
            raise ValueError("epochs_per_shard = 0 and final_epochs = 0: nothing would be trained")
        return self

    @property
    def n_wires(self) -> int:
        """Qubits of one image: three for colours, the rest addresses pixels."""
        return 3 + 2 * (self.image_size.bit_length() - 1)
