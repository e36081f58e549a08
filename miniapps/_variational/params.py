"""Parameters that the variational mini-apps share, and the rules they keep. Driver side."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field, model_validator

from .._app import Params
from .problem import MOLECULES, SUBSPACES, Problem

ProblemName = Literal["h2", "lih", "h4", "beh2", "n2", "ring", "regular3"]
_KNOWN: Final = MOLECULES | SUBSPACES
WIDEST_GRAPH = 24
_DEFAULT_NODES = 8


def unit(name: str) -> dict[str, Any]:
    """Return the metadata of a field with a unit."""
    return {"unit": name}


class VariationalParams(Params):
    """Which problem, from where, and along which gradient."""

    problem: ProblemName = Field(
        "h2",
        description="VQE of a molecule (h2, lih, h4, beh2), or QAOA of the largest cut (ring, regular3); n2 for "
        "subspace diagonalisation",
    )
    n_qubits: int | None = Field(
        None,
        ge=3,
        le=WIDEST_GRAPH,
        description="nodes of a graph (8 if not given); a molecule has its own",
        json_schema_extra=unit("qubits"),
    )
    layers: int | None = Field(
        None, ge=1, le=64, description="p of QAOA (1 if not given)", json_schema_extra=unit("layers")
    )
    warm: bool = Field(False, description="QAOA from a classical relaxation instead of the uniform superposition")
    parts: int = Field(
        1, ge=1, le=64, description="sums of terms that the Hamiltonian is divided into", json_schema_extra=unit("1")
    )
    spread: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="of the random start around the usual one",
        json_schema_extra=unit("rad"),
    )
    seed: int = Field(0, ge=0, lt=2**63, description="of the random graph and of the start")
    tolerance: float | None = Field(
        None,
        gt=0,
        description="largest error of the result: hartree, or share of the optimum; not given: by problem",
    )

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, data: Any) -> Any:
        """Write down what is implied, so that equal work has equal parameters."""
        if not isinstance(data, dict):
            return data
        name = data.get("problem", "h2")
        filled = dict(data)
        if name in _KNOWN and data.get("n_qubits") is None:
            filled["n_qubits"] = _KNOWN[name].n_qubits
        elif name not in _KNOWN:
            filled["n_qubits"] = data.get("n_qubits") or _DEFAULT_NODES
            filled["layers"] = data.get("layers") or 1
        return filled

    @model_validator(mode="after")
    def _problem_rules(self) -> VariationalParams:
        n = self.n_qubits or 0
        if self.problem in _KNOWN:
            self._molecule_rules(n)
        elif n % 2:
            raise ValueError(f"n_qubits = {n}: {self.problem} has an even number of nodes")
        elif self.problem == "ring" and n < 2 * (self.layers or 1) + 2:
            least = 2 * (self.layers or 1) + 2
            raise ValueError(
                f"n_qubits = {n}: a ring at p = {self.layers} needs at least {least} nodes to look infinite"
            )
        return self

    def _molecule_rules(self, n: int) -> None:
        allowed = self.molecules()
        if self.problem not in allowed:
            raise ValueError(
                f"problem = {self.problem!r}: its circuit is too wide here; choose from {', '.join(allowed)}"
            )
        known = _KNOWN[self.problem]
        if n != known.n_qubits:
            raise ValueError(f"n_qubits = {n}: {known.label} has {known.n_qubits}")
        for name, value in (("layers", self.layers), ("warm", self.warm)):
            if value:
                raise ValueError(f"{name} = {value!r}: belongs to graphs; {self.problem!r} is a molecule")

    def molecules(self) -> tuple[str, ...]:
        """Return the molecules that this case could be of."""
        return tuple(MOLECULES)

    def recipe(self) -> Problem:
        """Return the recipe of circuit and Hamiltonian."""
        layers = self.layers or 1
        seed = 0 if self.problem in (*MOLECULES, "ring") else self.seed
        return Problem(self.problem, self.n_qubits or 0, layers, seed, self.warm, self.parts)
