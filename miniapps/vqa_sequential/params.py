"""Parameters of C.2 and the rules they keep. Driver side."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field, model_validator

from .._variational.params import VariationalParams, unit
from .._variational.problem import SUBSPACES

_OF_VQA: Final = (
    *("optimiser", "gradient", "max_iterations", "learning_rate", "placement", "queue_s", "parts", "spread"),
)
_OF_SQD: Final = ("shots", "noise", "subspaces", "samples", "rounds")


class VqaSequential(VariationalParams):
    """Which problem, which optimiser, and how far the optimiser is from the circuits."""

    method: Literal["vqa", "sqd"] = Field(
        "vqa",
        description="vqa = parameters are optimised; sqd = sample-based quantum diagonalisation of lih, h4 or n2: one "
        "circuit is sampled, its configurations are recovered and diagonalised as tasks",
    )
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

    shots: int = Field(20000, ge=1, le=10**7, description="sqd: samples of the state", json_schema_extra=unit("shots"))
    noise: float = Field(0.05, ge=0, le=0.5, description="sqd: probability that a sampled bit is flipped")
    subspaces: int = Field(
        4, ge=1, le=1024, description="sqd: subspaces of an iteration, each a task", json_schema_extra=unit("1")
    )
    samples: int = Field(
        300, ge=1, description="sqd: samples that span a subspace", json_schema_extra=unit("configurations")
    )

    rounds: int = Field(8, ge=1, le=1000, description="sqd: iterations at most", json_schema_extra=unit("iterations"))

    @model_validator(mode="after")
    def _method_rules(self) -> VqaSequential:
        for name in _OF_SQD if self.method == "vqa" else _OF_VQA:
            if getattr(self, name) != type(self).model_fields[name].default:
                owner = "sqd" if self.method == "vqa" else "vqa"
                raise ValueError(f"{name} = {getattr(self, name)!r}: belongs to method = {owner!r}")
        if self.method == "sqd" and self.problem not in SUBSPACES:
            raise ValueError(f"problem = {self.problem!r}: method 'sqd' takes one of {', '.join(SUBSPACES)}")
        return self

    def molecules(self) -> tuple[str, ...]:
        """Return the molecules that this case could be of."""
        return tuple(SUBSPACES) if self.method == "sqd" else super().molecules()

    @model_validator(mode="after")
    def _optimiser_rules(self) -> VqaSequential:
        if (self.optimiser == "cobyla") != (self.gradient == "none"):
            raise ValueError(
                f"gradient = {self.gradient!r}: cobyla takes 'none', the others 'adjoint' or 'parameter_shift'"
            )
        if self.queue_s and self.placement != "queued":
            raise ValueError(f"queue_s = {self.queue_s}: belongs to placement = 'queued'")
        return self
