"""Parameters of C.4 and the rules they keep. Driver side."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from .._variational.devices import DeviceParams
from .._variational.params import unit


class VqaAsynchronous(DeviceParams):
    """Which problem, what the devices do on their own, and how far they may drift apart."""

    mode: Literal["gradient", "starts"] = Field(
        "gradient",
        description="gradient = a master moves one solution with whatever gradient arrives (EQC); starts = searches "
        "from several starts, the hopeless ones ended early",
    )
    learning_rate: float = Field(0.5, gt=0, le=10, description="of the descent of mode 'gradient'")
    max_updates: int = Field(2000, ge=1, description="gradients that arrive, or pieces of searches, at most")
    precision: float = Field(1e-4, gt=0, description="converged when no component of the last gradient known is larger")
    block: int = Field(
        1, ge=1, description="parameters whose slopes one task finds, in mode 'gradient'", json_schema_extra=unit("1")
    )
    staleness: int | None = Field(
        None,
        ge=0,
        description="a gradient is dropped if more updates came in since its task began; not given: no bound",
        json_schema_extra=unit("updates"),
    )
    worst_quality: float = Field(
        1.0,
        gt=0,
        le=1,
        description="share of the signal that the last device keeps (its noise depolarises); falls evenly from 1",
    )
    weights: Literal["equal", "quality"] = Field(
        "quality", description="by what a device's gradient is multiplied: 1, or its quality over the mean quality"
    )
    starts: int = Field(8, ge=1, le=4096, description="searches of mode 'starts'")
    chunk: int = Field(5, ge=1, description="steps of a search between two reports, in mode 'starts'")
    margin: float = Field(
        0.02,
        ge=0,
        description="a search that has reported twice and is worse than the best by more is ended, in the value's unit",
    )
    kill_at: int | None = Field(
        None, ge=0, description="injected fault: the task of this number kills its worker; not given: none"
    )

    @model_validator(mode="after")
    def _mode_rules(self) -> VqaAsynchronous:
        if self.mode == "starts" and self.worst_quality < 1:
            raise ValueError(f"worst_quality = {self.worst_quality}: belongs to mode = 'gradient'")
        if self.mode == "starts" and self.starts > 1 and not self.spread:
            raise ValueError("spread = 0: searches from several starts need a spread, or they are all alike")
        return self

    def qualities(self, devices: int) -> list[float]:
        """Return the share of the signal that each device keeps."""
        step = (1 - self.worst_quality) / max(1, devices - 1)
        return [1 - device * step for device in range(devices)]
