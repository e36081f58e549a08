"""Parameters of the compression stage and the rules they keep. Driver side; reads no file."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field, model_validator

from .._app import Params

MAX_PHOTOGRAPHS: Final = 1_000_000
CIFAR_IMAGES: Final = {"train": 50_000, "test": 10_000}


def _unit(unit: str) -> dict[str, Any]:
    return {"unit": unit}


class QmlCompression(Params):
    """Which images, into which circuit, by which method, in which portions."""

    source: Literal["photographs", "cifar10"] = Field(
        "photographs", description="crops of photographs that travel with scikit-image and scikit-learn, or CIFAR-10"
    )
    path: str | None = Field(
        None, description="of cifar10: folder of its binary or Python version, cifar-10-python.tar.gz, or one file"
    )
    split: Literal["train", "test"] = Field("train", description="part of the data set")
    first_image: int = Field(0, ge=0, description="number of the first image", json_schema_extra=_unit("images"))
    n_images: int = Field(8, ge=1, description="images to compress", json_schema_extra=_unit("images"))
    image_size: Literal[4, 8, 16, 32] = Field(
        32, description="pixels along a side, to which images are averaged", json_schema_extra=_unit("pixels")
    )
    indexing: Literal["row", "hierarchical"] = Field(
        "row", description="numbering of pixels: row by row (published), or by interleaved bits of row and column"
    )
    seed: int = Field(0, ge=0, lt=2**63, description="of the crops")
    layers: int = Field(4, ge=1, le=64, description="depth of the circuit", json_schema_extra=_unit("layers"))
    method: Literal["dense", "published"] = Field(
        "dense", description="dense = our own; published = the method of the paper's mini-app, for comparison"
    )
    sweeps: int = Field(100, ge=0, description="of stage 1", json_schema_extra=_unit("sweeps"))
    refinement: Literal["none", "sweeps", "bfgs", "lbfgs"] = Field("lbfgs", description="method of stage 2")
    iterations: int = Field(50, ge=1, description="of stage 2", json_schema_extra=_unit("iterations"))
    device: Literal["cpu", "gpu"] = Field("cpu", description="gpu = all images of a task at once, by vmap")
    images_per_task: int | Literal["auto"] = Field(
        "auto", description="images one task carries: 1 or more, or auto", json_schema_extra=_unit("images")
    )
    check_fraction: float = Field(
        0.1, ge=0, le=1, description="share of the circuits that is simulated again, at least two; 0 = none"
    )

    @model_validator(mode="before")
    @classmethod
    def _published_refinement(cls, data: Any) -> Any:
        """Let the published method refine by BFGS if nothing else is said."""
        if isinstance(data, dict) and data.get("method") == "published" and "refinement" not in data:
            return {**data, "refinement": "bfgs"}
        return data

    @model_validator(mode="after")
    def _data_rules(self) -> QmlCompression:
        if (self.path is not None) != (self.source == "cifar10"):
            raise ValueError(f"path = {self.path!r}: source {self.source!r} " + _path_rule(self.source))
        end, most = self.first_image + self.n_images, self._most()
        if end > most:
            raise ValueError(
                f"n_images = {self.n_images} from first_image = {self.first_image}: "
                f"source {self.source!r}, split {self.split!r}, has {most:,} images"
            )
        return self

    @model_validator(mode="after")
    def _method_rules(self) -> QmlCompression:
        if isinstance(self.images_per_task, int) and self.images_per_task < 1:
            raise ValueError(f"images_per_task = {self.images_per_task}: must be 1 or more, or 'auto'")
        if self.device == "gpu" and (self.refinement not in ("none", "sweeps") or self.method != "dense"):
            raise ValueError(
                f"device = 'gpu': needs method 'dense' and refinement 'none' or 'sweeps', which run for many images at "
                f"once; got {self.method!r} and {self.refinement!r}"
            )
        if self.method == "published" and self.refinement not in ("none", "bfgs"):
            raise ValueError(f"refinement = {self.refinement!r}: method 'published' has 'bfgs' or 'none'")
        if self.sweeps == 0 and self.refinement == "none":
            raise ValueError("sweeps = 0 with refinement 'none': nothing would be fitted; choose at least one stage")
        return self

    def _most(self) -> int:
        return CIFAR_IMAGES[self.split] if self.source == "cifar10" else MAX_PHOTOGRAPHS

    @property
    def n_wires(self) -> int:
        """Qubits of one state: three for colours, the rest addresses pixels."""
        return 3 + 2 * (self.image_size.bit_length() - 1)


def _path_rule(source: str) -> str:
    return "needs the path of the user's files" if source == "cifar10" else "is embedded and takes no path"
