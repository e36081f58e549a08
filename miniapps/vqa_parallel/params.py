"""Parameters of C.3 and the rules they keep. Driver side."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from .._variational.devices import DeviceParams
from .._variational.params import unit


class VqaParallel(DeviceParams):
    """Which problem, what is split, and how the pieces are dealt to the devices."""

    optimiser: Literal["lbfgs", "adam", "descent"] = Field(
        "lbfgs", description="L-BFGS-B of scipy; Adam or plain descent of optax"
    )
    gradient: Literal["adjoint", "parameter_shift"] = Field(
        "parameter_shift",
        description="what is split: shifted circuits (parameter_shift), or the parts of the Hamiltonian (adjoint)",
    )
    starts: int = Field(1, ge=1, le=4096, description="searches that advance together, each from its own start")
    max_iterations: int = Field(200, ge=1, description="steps of the optimiser")
    learning_rate: float = Field(0.1, gt=0, le=10, description="of Adam and descent", json_schema_extra=unit("rad"))
    precision: float = Field(1e-6, gt=0, description="largest component of the gradient at the end")
    balance: Literal["even", "late", "measured"] = Field(
        "late",
        description="even = equal shares; late = portions, the next to whichever device is idle; measured = shares by "
        "the speed seen so far",
    )
    portion: int = Field(
        8, ge=1, description="pieces in a portion of balance = 'late'", json_schema_extra=unit("circuits")
    )

    @model_validator(mode="after")
    def _start_rules(self) -> VqaParallel:
        if self.starts > 1 and self.optimiser == "lbfgs":
            raise ValueError(f"starts = {self.starts}: searches that advance together take 'adam' or 'descent'")
        return self
