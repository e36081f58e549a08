"""Seeded random cases of circuit cutting, and a runtime that ends tasks in any order."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from miniapps import Measurement
from miniapps._circuits import dense
from miniapps.circuit_cutting import APP
from miniapps.circuit_cutting.choice import chosen
from miniapps.circuit_cutting.circuits import circuit_of
from miniapps.circuit_cutting.cutting import make_plan
from miniapps.circuit_cutting.observables import terms
from miniapps.circuit_cutting.params import CircuitCutting
from miniapps.circuit_cutting.plan import BadCuts

FAMILIES: tuple[dict[str, Any], ...] = (
    {"family": "efficient_su2", "reps": 1},
    {"family": "efficient_su2", "reps": 2},
    {"family": "qaoa_ring", "reps": 1},
    {"family": "random", "depth": 3},
    {"family": "ghz"},
    {"family": "qft"},
    {"family": "clustered", "depth": 4, "bridges": 1},
)
MOST_PUBLISHED = 36


class Shuffled:
    """A runtime whose tasks end in a seeded random order, and are handed over in that order."""

    def __init__(self, seed: int = 0, workers: int = 3) -> None:
        self.rng = np.random.default_rng(seed)
        self.workers = workers
        self.resources: list[Any] = []

    def pilots(self) -> tuple[SimpleNamespace, ...]:
        return (SimpleNamespace(workers=self.workers, gpus=0),)

    def stage(self, _name: str) -> AbstractContextManager[None]:
        return nullcontext()

    def submit_many(self, function: Callable[[Any], Any], items: list[Any], *, resources: Any) -> list[Any]:
        self.resources.append(resources)
        return [(function, pickle.dumps(item)) for item in items]

    def gather(self, tasks: list[Any]) -> list[Any]:
        return [tasks[i][0](pickle.loads(tasks[i][1])) for i in self.rng.permutation(len(tasks))]


def measured(params: CircuitCutting, seed: int = 0) -> Measurement:
    """Run a case on a `Shuffled` runtime."""
    return APP.run(params, Shuffled(seed))  # type: ignore[arg-type]  # a stand-in


def exact(params: CircuitCutting) -> float:
    """Return the value of the uncut circuit, by the dense state vector."""
    return _exact(circuit_of(params), params.observable)


@cache
def _exact(circuit: Any, observable: str) -> float:
    state = dense.statevector(circuit)
    return sum(factor * dense.expectation(state, pauli) for factor, pauli in terms(observable, circuit.n_qubits))


@cache
def case(number: int) -> CircuitCutting:
    """Return random case ``number``: a family, a way to cut it, an observable; for the executor amplitude."""
    rng = np.random.default_rng((20261124, number))
    while True:
        values = dict(FAMILIES[number % len(FAMILIES)])
        values["n_qubits"] = int(rng.integers(4, 8))
        values["seed"] = int(rng.integers(1 << 30))
        values["observable"] = _observable(rng, values["n_qubits"])
        values.update(_cuts(rng, values))
        params = CircuitCutting(**values)
        if _small(params):
            return params


def _observable(rng: np.random.Generator, n: int) -> str:
    if rng.random() < 0.3:
        return str(rng.choice(["z_last", "z_sum", "parity"]))
    strings = ["".join(rng.choice(list("IXYZ"), n, p=[0.4, 0.2, 0.2, 0.2])) for _ in range(rng.integers(1, 3))]
    return " + ".join(f"{factor:.3f}*{string}" for factor, string in zip(rng.random(3) + 0.1, strings, strict=False))


def _cuts(rng: np.random.Generator, values: dict[str, Any]) -> dict[str, Any]:
    n, way = values["n_qubits"], rng.integers(4)
    if way == 0:
        return {"cuts": int(rng.integers(1, 4)), "finder": str(rng.choice(["interval", "graph"]))}
    if way == 1:
        return {"subcircuit_size": int(rng.integers(n // 2, n))}
    if way == 2:
        return {"partition": "".join(rng.choice(list("AB"), n))}
    length = len(circuit_of(CircuitCutting(**values)).gates)
    wires = [(int(rng.integers(n)), int(rng.integers(length))) for _ in range(rng.integers(1, 3))]
    gates = {"cut_gates": str(rng.integers(length))} if rng.random() < 0.3 else {}
    return {"cut_wires": ",".join(f"{q}@{place}" for q, place in wires), **gates}


def _small(params: CircuitCutting) -> bool:
    try:
        circuit = circuit_of(params)
        cuts = chosen(params, circuit)
        plan = make_plan(circuit, cuts, terms(params.observable, params.n_qubits), reuse=False)
    except BadCuts:
        return False
    return bool(plan.cuts) and plan.published <= MOST_PUBLISHED


def sampled(params: CircuitCutting) -> Iterator[CircuitCutting]:
    """Yield the case for every executor that samples."""
    for values in (
        {"statistics": "distinct"},
        {"statistics": "rows"},
        {"executor": "distinct"},
        {"executor": "branching"},
        {"executor": "reference"},
    ):
        shots = 256 if values.get("executor") == "reference" else 512
        yield CircuitCutting(**{**params.model_dump(), **values, "shots": shots})
