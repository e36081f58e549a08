"""The published power law of circuit cutting, exactly: one formula for the fit and for the prediction.

The speedup over the full circuit is ``S = 2^(n - n_sub) · η(R) / R`` with ``R = ⌈tasks / W⌉`` rounds and efficiency
``η(R) = η_max / R^p``, η_max in (0, 1] and p ≥ 0 (paper, section 6.2, equations 1 and 2). In seconds and logarithms::

    ln seconds = ln T_full - (n - n_sub)·ln 2 + ln R  +  (-ln η_max) · 1  +  p · ln R

so both coefficients are non-negative and the paper's bounds hold by themselves. The paper takes ``tasks = 9^k``
(``LAW``); the same law with the number of subexperiments that are really run is ``LAW_COUNTS``. An uncut circuit
(``cuts = 0``) takes ``T_full``.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, exp, log

from qdreamer.model import Features, Law, Model

_Count = Callable[[Features], float]


def published_tasks(features: Features) -> float:
    """Return 9^k, the paper's number of subexperiments of k cuts."""
    return float(9.0 ** features["cuts"])


def _true_tasks(features: Features) -> float:
    return features["tasks"]


def _rounds(features: Features, count: _Count) -> int:
    return max(1, ceil(count(features) / max(1.0, features["workers"])))


def _law(name: str, tasks: str, count: _Count, features: tuple[str, ...]) -> Law:
    def design(given: Features) -> tuple[float, ...]:
        if given["cuts"] == 0:
            return 0.0, 0.0
        return 1.0, log(_rounds(given, count))

    def offset(given: Features) -> float:
        if given["cuts"] == 0:
            return log(given["full_s"])
        narrower = given["n_qubits"] - given["subcircuit_qubits"]
        return log(given["full_s"]) - narrower * log(2.0) + log(_rounds(given, count))

    return Law(
        name=name,
        summary=f"T_full·2^(n_sub-n)·R^(1+p)/η_max, R = ⌈{tasks} / workers⌉ (the paper's equation 2)",
        features=("n_qubits", "subcircuit_qubits", "cuts", "workers", "full_s", *features),
        terms=("-ln η_max", "p"),
        design=design,
        link="log",
        offset=offset,
    )


LAW = _law("power_law", "9^k", published_tasks, ())
LAW_COUNTS = _law("power_law_counts", "tasks", _true_tasks, ("tasks",))


def efficiency(model: Model) -> tuple[float, float]:
    """Return (η_max, p) of a fitted power law."""
    return exp(-float(model.coefficients[0])), float(model.coefficients[1])
