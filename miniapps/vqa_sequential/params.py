"""Parameters of C.2 and the rules they keep. Driver side."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from .._variational.params import VariationalParams, unit


class VqaSequential(VariationalParams):
    """Which problem, which optimiser, and how far the optimiser is from the circuits."""

    optimiser: Literal["lbfgs", "adam", "cobyla"] = Field(
        "lbfgs", description="L-BFGS-B or COBYLA of scipy, Adam of optax; COBYLA takes no gradient"
    )
    gradient: Literal["adjoint", "parameter_shift", "none"] = Field(
        "adjoint", description="adjoint = from the simulator's state; parameter_shift = from circuits a QPU could run"
    )
    max_iterations: int = Field(200, ge=1, description="steps of L-BFGS and Adam, evaluations of COBYLA")
    learning_rate: float = Field(0.1, gt=0, le=10, description="of Adam", json_schema_extra=unit("rad"))
    precision: float = Field(1e-6, gt=0, description="largest component of the gradient at the end")
    placement: Literal["colocated", "session", "queued"] = Field(
        "session",
        description="colocated = the loop runs beside the circuits, as one task; session = each evaluation is a task "
        "to waiting workers; queued = as session, and each evaluation first waits queue_s",
    )
    queue_s: float = Field(
        0.0,
        ge=0,
        le=3600,
        allow_inf_nan=False,
        description="wait before each evaluation of a queued device, injected",
        json_schema_extra=unit("s"),
    )

    @model_validator(mode="after")
    def _optimiser_rules(self) -> VqaSequential:
        if (self.optimiser == "cobyla") != (self.gradient == "none"):
            raise ValueError(
                f"gradient = {self.gradient!r}: cobyla takes 'none', the others 'adjoint' or 'parameter_shift'"
            )
        if self.queue_s and self.placement != "queued":
            raise ValueError(f"queue_s = {self.queue_s}: belongs to placement = 'queued'")
        return self
