"""Claims about dispatch (Table 3) and circuit execution (Figure 6)."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

import numpy as np

from harness.labels import pool_id, quantity
from harness.report.published import PublishedNumbersMissing, published

from .base import UNTESTABLE, Claim, Evidence, Finding, no_records, on_gpu, sources, verdict, with_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.report.summary import CaseSummary

_WIDE: Final = 14
"""Below this many qubits what does not depend on the width (dispatch, compilation) takes most of the time."""
_GROWTH: Final = 1.5
_GPU: Final = 10.0
_CHEAP_S: Final = 4e-3
_LESS: Final = 0.9


# ---------------------------------------------------------------- Table 3


def _sleeps(evidence: Evidence) -> list[CaseSummary]:
    cases = evidence.of("table3", "dispatch")
    return [case for case in cases if case.params["task"] == "sleep" and case.params["measure"] == "throughput"]


def _rate(case: CaseSummary) -> float:
    return float(case.params["n_tasks"]) / case.main.median if case.main else 0.0


def _published_rates() -> dict[int, float]:
    try:
        rows = published("table3").to_dict("records")
    except PublishedNumbersMissing:
        return {}
    return {int(row["n_tasks"]): float(row["throughput_tasks_per_s"]) for row in rows}


def _rates(evidence: Evidence) -> Finding:
    paper = _published_rates()
    cases = [case for case in _sleeps(evidence) if int(case.params["n_tasks"]) in paper]
    if not cases:
        return no_records("table3")
    factors = {id(case): _rate(case) / paper[int(case.params["n_tasks"])] for case in cases}
    worst = min(cases, key=lambda case: factors[id(case)])
    rates = [_rate(case) for case in cases]
    measured = f"{min(rates):,.0f} to {max(rates):,.0f} tasks/s, at least {factors[id(worst)]:.1f} x the published rate"
    why = "every engine and every published number of tasks; two workers on this machine, 1,024 threads there"
    return Finding(verdict(factors[id(worst)] >= 1), measured, why, sources(cases))


def _falls(evidence: Evidence) -> Finding:
    groups: dict[str, list[CaseSummary]] = defaultdict(list)
    for case in _sleeps(evidence):
        groups[str(case.pool[0]["engine"])].append(case)
    ends = {engine: _ends(cases, "n_tasks") for engine, cases in groups.items() if len(cases) > 1}
    if "ray" not in ends:
        return no_records("table3")
    texts = [f"{engine} {_rate(few):,.0f} -> {_rate(many):,.0f} tasks/s" for engine, (few, many) in ends.items()]
    few, many = ends["ray"]
    why = f"from {few.params['n_tasks']:,} to {many.params['n_tasks']:,} tasks"
    used = [case for pair in ends.values() for case in pair]
    return Finding(verdict(_rate(many) < _LESS * _rate(few)), "; ".join(texts), why, sources(used))


def _cheap(evidence: Evidence) -> Finding:
    cases = _sleeps(evidence)
    if not cases:
        return no_records("table3")
    worst = min(cases, key=_rate)
    measured = f"at most {quantity(1 / _rate(worst), 's')} a task, spawning the process included"
    return Finding(verdict(1 / _rate(worst) < _CHEAP_S), measured, "the slowest engine and size", sources([worst]))


def _ends(cases: Sequence[CaseSummary], name: str) -> tuple[CaseSummary, CaseSummary]:
    ordered = sorted(cases, key=lambda case: case.params[name])
    return ordered[0], ordered[-1]


# ---------------------------------------------------------------- Figure 6


def _circuit_s(case: CaseSummary) -> float:
    return case.main.median / int(case.params["n_circuits"]) if case.main else 0.0


def _exponential(evidence: Evidence) -> Finding:
    groups: dict[str, list[CaseSummary]] = defaultdict(list)
    for case in evidence.of("fig6", "circuit_execution"):
        if int(case.params["n_qubits"]) >= _WIDE and case.params.get("device") == "aer":
            groups[pool_id(case.pool)].append(case)
    wide = {key: cases for key, cases in groups.items() if len({case.params["n_qubits"] for case in cases}) >= 3}
    if not wide:
        if not evidence.of("fig6", "circuit_execution"):
            return no_records("fig6")
        return Finding(UNTESTABLE, why=f"fewer than three widths of {_WIDE} qubits or more were measured")
    factors = {cases[0].pool[0]["engine"]: _per_qubit(cases) for cases in wide.values()}
    measured = "; ".join(f"{engine}: x {factor:.2f} a qubit" for engine, factor in factors.items())
    used = [case for cases in wide.values() for case in cases]
    most = max(int(case.params["n_qubits"]) for case in used)
    why = f"slope of log2(time of a circuit) over {_WIDE} to {most} qubits; 2 is the growth of the state"
    return Finding(verdict(min(factors.values()) >= _GROWTH), measured, why, sources(used))


def _per_qubit(cases: Sequence[CaseSummary]) -> float:
    widths = [float(case.params["n_qubits"]) for case in cases]
    slope = np.polyfit(widths, np.log2([_circuit_s(case) for case in cases]), 1)[0]
    return float(2.0**slope)


def _gpu(evidence: Evidence) -> Finding:
    cases = with_value(evidence.everything, "circuit_execution")
    fastest = [_fastest(case for case in cases if on_gpu(case) == gpu) for gpu in (True, False)]
    shared = fastest[0].keys() & fastest[1].keys()
    if not shared:
        missing = "no circuits were run on a GPU" if not fastest[0] else "no width was run on a CPU and on a GPU"
        return Finding(UNTESTABLE, why=f"{missing}; on a machine with one: qhpc run fig6-gpu")
    widest = max(shared)
    gpu, cpu = fastest[0][widest], fastest[1][widest]
    ratio = _circuit_s(cpu) / _circuit_s(gpu)
    times = " against ".join(quantity(_circuit_s(case), "s") for case in (gpu, cpu))
    measured = f"{ratio:.1f} x at {widest[0]} qubits: {times}"
    return Finding(verdict(ratio >= _GPU), measured, "time of a circuit, the fastest of each", sources([gpu, cpu]))


def _fastest(cases: Iterable[CaseSummary]) -> dict[tuple[int, object, object], CaseSummary]:
    """Return the fastest case of each width, depth and number of shots."""
    found: dict[tuple[int, object, object], CaseSummary] = {}
    for case in cases:
        what = int(case.params["n_qubits"]), case.params.get("depth"), case.params.get("shots")
        if what not in found or _circuit_s(case) < _circuit_s(found[what]):
            found[what] = case
    return found


def _cloud(evidence: Evidence) -> Finding:
    del evidence
    return Finding(
        UNTESTABLE,
        why="needs an account of IonQ's cloud; its interface runs here against a local service (campaign fig6-devices)",
    )


def _qpu(evidence: Evidence) -> Finding:
    emulated = [
        case
        for case in evidence.everything
        if case.app == "circuit_execution" and case.kind == "projected" and case.main is not None
    ]
    missing = "no QPU here"
    if len({case.params["n_qubits"] for case in emulated}) < 2:
        return Finding(UNTESTABLE, why=f"{missing}; the campaign fig6-devices projects an Eagle")
    few, many = _ends(emulated, "n_qubits")
    ratio = _circuit_s(many) / _circuit_s(few)
    widths = f"{few.params['n_qubits']} to {many.params['n_qubits']} qubits"
    return Finding(
        UNTESTABLE, f"projected: x {ratio:.2f} from {widths}", f"{missing}; simulated clock", sources([few, many])
    )


CLAIMS: Final = (
    Claim(
        "table3-rate",
        "section 7.1, Table 3",
        "The runtime dispatches some hundred zero-compute tasks a second.",
        "298 to 418 tasks/s",
        "every engine is at least as fast at every published number of tasks",
        _rates,
    ),
    Claim(
        "table3-falls",
        "section 7.1",
        "On Ray, throughput falls as the number of tasks grows.",
        "418 tasks/s at 256 tasks, 298 at 8,192",
        "on Ray, less than 0.9 x as many tasks a second with the most tasks as with the fewest",
        _falls,
    ),
    Claim(
        "table3-cheap",
        "section 7.1",
        "Dispatching a task costs less than 4 ms, which is nothing against a circuit of seconds.",
        "< 4 ms",
        "the slowest rate is above 250 tasks/s",
        _cheap,
    ),
    Claim(
        "fig6-exponential",
        "section 7.2.1, Figure 6",
        "The time of a simulator grows exponentially with the qubits.",
        "IonQ's simulator 175.8 s at 2 qubits, 4260 s at 28",
        f"at least x {_GROWTH} a qubit from {_WIDE} qubits on, on every engine",
        _exponential,
    ),
    Claim(
        "fig6-gpu",
        "section 7.2.1, Figure 6",
        "A GPU is 10 x faster than the CPUs.",
        "49 s against 469.7 s at 28 qubits",
        "at least 10 x at the widest circuit that both ran",
        _gpu,
    ),
    Claim(
        "fig6-cloud",
        "section 7.2.1, Figure 6",
        "The cloud simulator takes longer than Aer on CPUs.",
        "4260 s against 469.7 s at 28 qubits",
        "slower at the widest circuit that both ran",
        _cloud,
    ),
    Claim(
        "fig6-qpu",
        "section 7.2.1, Figure 6",
        "The time of a QPU does not grow exponentially with the qubits.",
        "no number in the text",
        "measured on a QPU",
        _qpu,
    ),
)
