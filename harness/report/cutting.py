"""What the figures of circuit cutting have in common: their cases, how series are called, and projected workers."""

from __future__ import annotations

from math import isnan, nan
from typing import TYPE_CHECKING, Any, Final

from harness.labels import quantity

from . import series

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from .summary import CaseSummary

APP: Final = "circuit_cutting"
UNCUT: Final = ("full", "mps")
NAMES: Final = {
    "reference": "published way (addon, in order)",
    "distinct": "distinct circuits",
    "branching": "distinct, branching",
    "amplitude": "amplitudes",
    "full": "uncut, state vector",
    "mps": "uncut, MPS",
}


def usable(cases: Sequence[CaseSummary]) -> list[CaseSummary]:
    """Return the cases of circuit cutting that have a time."""
    return [case for case in cases if case.app == APP and case.main is not None and case.unit == "s"]


def name_of(case: CaseSummary) -> str:
    """Return what the case's executor is called in a figure."""
    executor = str(case.params["executor"])
    drawn = {"distinct": ", drawn shots", "rows": ", drawn as published"}
    extra = drawn[case.params["statistics"]] if executor == "amplitude" and case.params["shots"] else ""
    return NAMES.get(executor, executor) + extra


def is_uncut(case: CaseSummary) -> bool:
    """Tell whether the case ran the whole circuit."""
    return case.params["executor"] in UNCUT


def cuts(case: CaseSummary) -> int:
    """Return the number of cuts that were made."""
    return round(case.metrics["cuts"].median)


def workers(case: CaseSummary) -> int:
    """Return the number of workers of the case's pilots."""
    return sum(_workers(pilot) for pilot in case.pool)


def _workers(pilot: dict[str, object]) -> int:
    cores = pilot.get("cores_per_node")
    nodes = pilot.get("nodes")
    return 1 if pilot.get("engine") == "inline" else int(str(nodes or 1)) * int(str(cores or 1))


def projected_s(case: CaseSummary, count: int) -> float:
    """Return the time with so many workers, from a case that was measured with one.

    What is not in tasks stays; tasks take their sum divided by the workers, but no less than the longest of them. List
    scheduling, longest first, is within 4/3 of that.
    """
    total, longest = case.metrics["task_s_sum"].median, case.metrics["task_s_longest"].median
    serial = max(0.0, case.metrics["time_to_value_s"].median - total)
    return serial + max(total / count, longest)


def setting(cases: Sequence[CaseSummary]) -> str:
    """Return circuit and shots in words, as far as all cases agree."""
    texts = {
        "family": "{}",
        "n_qubits": "{} qubits",
        "reps": "reps = {}",
        "angle": "angles {}",
        "depth": "depth {}",
        "precision": "{} precision",
    }
    parts = []
    for name, text in texts.items():
        found = {case.params.get(name) for case in cases}
        if len(found) == 1 and None not in found:
            parts.append(text.format(str(found.pop()).replace("_", " ")))
    shots = sorted({int(case.params["shots"]) for case in cases} - {0})
    return ", ".join([*parts, *([f"{'/'.join(f'{n:,}' for n in shots)} shots"] if shots else [])])


def measured_words(cases: Sequence[CaseSummary]) -> str:
    """Return the sentence that says what the measured points are."""
    few = " (fewer than 6 repeats: their range)" if any(case.main and case.main.n < 6 for case in cases) else ""
    return f"Measured: median and its 95 % interval{few}; planning, execution and reconstruction together."


def looks_of(points: pd.DataFrame) -> dict[str, series.Look]:
    """Return a look for each series of the points."""
    names = list(dict.fromkeys(points["series"]))
    found = series.looks([(name, "") for name in names])
    return {name: found[name, ""] for name in names}


def cell(row: Any) -> str:
    """Return time and speedup of a point, for a table; a dash without a point."""
    if row is None:
        return "–"
    speedup = "" if isnan(row.speedup or nan) else f" ({row.speedup:,.3g} ×)"
    return quantity(row.time_s, "s") + speedup


def fairness(cases: Sequence[CaseSummary]) -> str:
    """Return the sentence that says what the uncut circuit was given."""
    whole = [case for case in cases if case.params["executor"] == "full"]
    if not whole:
        return "No uncut state vector was measured."
    threads = {case.params["threads"] for case in whole}
    given = "all workers' cores" if threads == {"auto"} else f"{', '.join(map(str, sorted(map(str, threads))))} core(s)"
    return f"The uncut state vector gets {given} and the same precision."
