"""Claims about circuit cutting (Figures 10 and 11) and about the model that chooses the cuts (Table 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from harness.labels import quantity
from harness.report.cutting import cuts, is_uncut, workers

from .base import UNTESTABLE, Claim, Evidence, Finding, no_records, sources, verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.report.summary import CaseSummary

APP: Final = "circuit_cutting"
_PUBLISHED_WAY: Final = "reference"
_NEAR_IDEAL: Final = 0.9
_BEST: Final = 2
_ENOUGH: Final = 56
_ACCURACY: Final = 0.82


def _published_way(evidence: Evidence, item: str) -> list[CaseSummary]:
    return [case for case in evidence.of(item, APP) if case.params["executor"] == _PUBLISHED_WAY]


def _time_s(case: CaseSummary) -> float:
    return case.main.median if case.main else 0.0


# ---------------------------------------------------------------- Figure 10


def _two_workers(evidence: Evidence) -> Finding:
    times = {workers(case): case for case in _published_way(evidence, "fig10") if cuts(case) == _BEST}
    if not {1, 2} <= times.keys():
        return no_records("fig10")
    speedup = _time_s(times[1]) / _time_s(times[2])
    measured = f"{speedup:.2f} x: {quantity(_time_s(times[1]), 's')} -> {quantity(_time_s(times[2]), 's')}"
    why = f"the published way at {times[1].params['n_qubits']} qubits, on cores instead of GPUs"
    return Finding(verdict(speedup >= 2 * _NEAR_IDEAL), measured, why, sources([times[1], times[2]]))


def _eight_workers(evidence: Evidence) -> Finding:
    times = {workers(case): case for case in _published_way(evidence, "fig10") if cuts(case) == 5}
    if not {1, 8} <= times.keys():
        return Finding(
            UNTESTABLE,
            _projection(evidence, 8),
            "five cuts on eight workers were not measured: qhpc paper fig10 --scale paper",
        )
    speedup = _time_s(times[1]) / _time_s(times[8])
    return Finding(
        verdict(speedup >= 8 * _NEAR_IDEAL), f"{speedup:.1f} x on 8", "the published way", sources([times[1], times[8]])
    )


def _diminishing(evidence: Evidence) -> Finding:
    times = {workers(case): case for case in _published_way(evidence, "fig10") if cuts(case) == 5}
    beyond = [count for count in times if count > _ENOUGH]
    if _ENOUGH not in times or not beyond:
        return Finding(
            UNTESTABLE,
            _projection(evidence, max(_ENOUGH, 224)),
            f"needs more than {_ENOUGH} cores: qhpc paper fig10 --scale paper",
        )
    most = max(beyond)
    gained = _time_s(times[_ENOUGH]) / _time_s(times[most])
    measured = f"{gained:.2f} x with {most / _ENOUGH:.1f} x the workers"
    holds = gained < most / _ENOUGH * _NEAR_IDEAL
    return Finding(verdict(holds), measured, "the published way", sources([times[_ENOUGH], times[most]]))


def _projection(evidence: Evidence, count: int) -> str:
    """Return what the figure projects for so many workers, of the published way with the most cuts."""
    points = evidence.points.get("fig10")
    if points is None:
        return ""
    rows: Any = points[(points["kind"] == "projected") & points["series"].str.startswith("published way")]
    rows = rows[rows["workers"] == count]
    if rows.empty:
        return ""
    row = rows.loc[rows["cuts"].idxmax()]
    return f"projected: {row['speedup']:.1f} x on {count} workers at {row['cuts']} cuts"


# ---------------------------------------------------------------- Figure 11


def _by_cuts(evidence: Evidence) -> dict[int, CaseSummary]:
    return {cuts(case): case for case in _published_way(evidence, "fig11")}


def _peak(evidence: Evidence) -> Finding:
    times = _by_cuts(evidence)
    if len(times) < 3:
        return no_records("fig11")
    best = min(times, key=lambda count: _time_s(times[count]))
    measured = ", ".join(f"k = {count}: {quantity(_time_s(case), 's')}" for count, case in sorted(times.items()))
    return Finding(
        verdict(best == _BEST),
        measured,
        f"the published way at {times[best].params['n_qubits']} qubits; best here: k = {best}. {_ours(evidence)}",
        sources(times.values()),
    )


def _ours(evidence: Evidence) -> str:
    cases = [case for case in evidence.of("fig11", APP) if case.params["executor"] == "amplitude"]
    if not cases:
        return ""
    best = min(cases, key=_time_s)
    return f"Of the amplitudes' way k = {cuts(best)} is best, {quantity(_time_s(best), 's')}"


def _degrades(evidence: Evidence) -> Finding:
    times = _by_cuts(evidence)
    if len(times) < 3:
        return no_records("fig11")
    best, most = min(times, key=lambda count: _time_s(times[count])), max(times)
    ratio = _time_s(times[most]) / _time_s(times[best])
    measured = f"k = {most} takes {ratio:.1f} x the time of k = {best}"
    holds = most > best > min(times) and ratio > 1
    return Finding(verdict(holds), measured, "the published way", sources([times[best], times[most]]))


def _faster_than_uncut(evidence: Evidence) -> Finding:
    times = _by_cuts(evidence)
    whole = [case for case in evidence.of("fig11", APP) if is_uncut(case) and case.params["executor"] == "full"]
    if not times or not whole:
        return no_records("fig11")
    best, full = min(times.values(), key=_time_s), min(whole, key=_time_s)
    ratio = _time_s(full) / _time_s(best)
    measured = (
        f"{ratio:.1f} x at k = {cuts(best)}: {quantity(_time_s(best), 's')} against {quantity(_time_s(full), 's')}"
    )
    why = "the uncut state vector with the same core and precision; MPS, which needs no cut here, is in the figure"
    return Finding(verdict(ratio > 1), measured, why, sources([best, full]))


# ---------------------------------------------------------------- Table 4


def _accuracy(evidence: Evidence) -> Finding:
    points = evidence.points.get("table4")
    if points is None:
        return no_records("table4")
    rows: Sequence[dict[Any, Any]] = points[points["kind"] == "measured"].to_dict("records")
    power = [row for row in rows if row["chooser"] == "power law (9^k tasks), 70% of the circuits"]
    if not power:
        return Finding(UNTESTABLE, why="too few decisions to fit the published law to 70 % of the circuits")
    texts = [f"power law {power[0]['top1']:.0%} of {power[0]['groups']} decisions on circuits it has not seen"]
    others = [row for row in rows if row["chooser"].startswith(("Q-Dreamer, micro", "best constant"))]
    texts += [f"{row['chooser']} {row['top1']:.0%}" for row in others]
    why = (
        "circuits of several families; uncut and MPS are among the choices; right = within 5 % or the noise of the best"
    )
    return Finding(verdict(power[0]["top1"] >= _ACCURACY), "; ".join(texts), why, ("table4",))


def _devices(evidence: Evidence) -> Finding:
    del evidence
    return Finding(UNTESTABLE, why="needs decisions measured on CPUs and on GPUs of one campaign")


CLAIMS: Final = (
    Claim(
        "fig10-two",
        "section 7.4, Figure 10",
        "With two cuts, two workers give nearly the ideal speedup.",
        "no time in the text; GPUs, 36 qubits",
        "at least 1.8 x with two workers",
        _two_workers,
    ),
    Claim(
        "fig10-eight",
        "section 7.4, Figure 10",
        "With five cuts it takes eight workers.",
        "no time in the text; GPUs, 36 qubits",
        "at least 7.2 x with eight workers",
        _eight_workers,
    ),
    Claim(
        "fig10-diminishing",
        "section 7.4, Figure 10",
        "On CPUs more than 56 workers gain little.",
        "up to 224 workers",
        "less than 0.9 of the ideal gain beyond 56 workers",
        _diminishing,
    ),
    Claim(
        "fig11-best",
        "section 7.4, Figure 11",
        "Two cuts are the best.",
        "36 qubits, 8 GPUs and 224 cores",
        "the published way is fastest with two cuts",
        _peak,
    ),
    Claim(
        "fig11-degrades",
        "section 7.4, Figure 11",
        "More cuts first help, then harm.",
        "36 qubits, one to five cuts",
        "the best number of cuts is neither the smallest nor the largest",
        _degrades,
    ),
    Claim(
        "fig11-uncut",
        "section 7.4, Figure 11",
        "Cutting is faster than simulating the whole circuit.",
        "no number in the text; the uncut circuit had one GPU or two threads",
        "faster at its best number of cuts than the uncut state vector",
        _faster_than_uncut,
    ),
    Claim(
        "table4-accuracy",
        "section 7.4, Table 4",
        "The model names the best number of cuts in up to 82 % of the cases.",
        "14 of 17 cases, 70 % of the data used for the fit",
        "the published law is right in 82 % or more of the decisions it has not seen",
        _accuracy,
    ),
    Claim(
        "table4-devices",
        "section 7.4, Table 4",
        "Models for one kind of device do no better than one for both.",
        "75 % against 87.5 % (GPU), 88.9 % against 77.8 % (CPU)",
        "decisions on CPUs and on GPUs",
        _devices,
    ),
)
