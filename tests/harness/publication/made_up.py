"""Records of shipped campaigns with made-up numbers: real cases and keys, times from a formula, nothing run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from harness.cases import Case, expand
from harness.record import CheckRecord, MetricRecord, Record
from harness.spec import find, load

Numbers = dict[str, float]
Formula = Callable[[Case], Numbers]

ENVIRONMENT: dict[str, Any] = {
    "git": {"commit": "1a2b3c4d5e6f", "dirty": False},
    "python": "CPython 3.11.7",
    "packages": {"numpy": "2.2.6"},
    "machine": {"hostname": "node1", "cpu": "made up", "cores_usable": 2},
    "threads": {"variables": {}, "blas": "none"},
    "load_before": {"load_1min": 0.1, "running": 1},
}
CUTTING_S = {1: 40.0, 2: 10.0, 3: 30.0}
"""Seconds of the published way by cuts: two are best, as in the paper."""


def workers(case: Case) -> int:
    return sum(pilot.nodes * (pilot.cores_per_node or 1) for pilot in case.pool.pilots)


def dispatch(case: Case) -> Numbers:
    n, value = case.values["n_tasks"], case.values
    each = {"noop": 1e-5, "sleep": 7e-4}[value["task"]]
    return {"time_to_value_s": 0.01 + each * n}


def circuits(case: Case) -> Numbers:
    each = 1e-3 + 2e-8 * 2.0 ** case.values["n_qubits"]
    seconds = 0.005 + each * case.values["n_circuits"] / workers(case)
    return {"time_to_value_s": seconds, "throughput": case.values["n_circuits"] / seconds}


def state_vector(case: Case) -> Numbers:
    each = 1e-8 * 2.0 ** case.values["n_qubits"] * (3.5 if case.values["mode"] == "vjp" else 1)
    return {"time_to_value_s": 5 + 2 * each, "execute_s": each, "exchanged_bytes": 8.0 * 2 ** case.values["n_qubits"]}


def compression(case: Case) -> Numbers:
    rate = 4.0 * workers(case) ** 0.95
    return {
        "time_to_value_s": case.values["n_images"] / rate,
        "throughput": rate,
        "sweep_per_image_s": 0.15,
        "refine_per_image_s": 0.1,
        "image_max_s": 0.5,
    }


def classifier(case: Case) -> Numbers:
    batch = case.values["batch_size"]
    each = {"sequential": 0.4 * batch, "lightning": 0.1 * batch, "vmap": 1.0, "jit": 4e-3 * batch}
    step_s = each.get(case.values["mode"], 2e-3)
    return {"time_to_value_s": 10 + step_s, "step_s": step_s}


def cutting(case: Case) -> Numbers:
    executor, cuts = case.values["executor"], case.values["cuts"]
    if executor == "reference":
        alone = CUTTING_S[cuts]
    else:
        alone = {"branching": 1.0, "amplitude": 0.01, "full": 100.0, "mps": 0.005, "distinct": 2.0}[executor]
    seconds = alone * (0.05 + 0.95 / workers(case))
    return {
        "time_to_value_s": seconds,
        "cuts": cuts,
        "published": 12.0,
        "distinct": 10.0,
        "standard_error": 0.01,
        "task_s_sum": 0.95 * alone,
        "task_s_longest": alone / 100,
        "width": 12.0,
    }


FORMULAS: dict[str, Formula] = {
    "table3": dispatch,
    "fig6": circuits,
    "fig7": state_vector,
    "fig8": compression,
    "fig9": classifier,
    "fig10": cutting,
    "fig11": cutting,
}


def records(campaign: str, formula: Formula | None = None, *, repeats: int | None = None) -> list[Record]:
    """Every repeat of a shipped campaign, a little apart from each other."""
    item = campaign.split("-", maxsplit=1)[0]
    made = formula or FORMULAS[item]
    return [
        _record(case, campaign, made(case), repeat)
        for case in expand(load(find(campaign)).campaign).cases
        for repeat in range(case.repeats if repeats is None else min(repeats, case.repeats))
    ]


def _record(case: Case, campaign: str, numbers: Numbers, repeat: int) -> Record:
    times = {name: value * (1 + 0.01 * repeat) if name.endswith("_s") else value for name, value in numbers.items()}
    return Record(
        key=case.key,
        campaign=campaign,
        app=case.app.name,
        app_version=case.app.version,
        params=case.values,
        pool=case.pool.as_record(),
        seed=case.seed,
        repeat=repeat,
        status="ok",
        check=CheckRecord(verdict="pass", oracle="made up"),
        metrics={name: MetricRecord(value=value, unit=_unit(name), better="lower") for name, value in times.items()},
        digest=case.key,
        environment=ENVIRONMENT,
        started_at=f"2026-01-0{1 + repeat % 9}T00:00:00+00:00",
    )


def _unit(name: str) -> str:
    return {"throughput": "circuits/s"}.get(name, "s" if name.endswith("_s") else "1")


def write(directory: Path, rows: Iterable[Record], *, file: str = "made-up.jsonl") -> Path:
    """Write records as a results directory of their campaigns; return ``directory``."""
    for row in rows:
        place = directory / row.campaign / "records" / file
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("a", encoding="utf-8") as stream:
            stream.write(row.to_line())
    return directory
