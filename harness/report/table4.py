"""Table 4, honestly: how often, and at what price, a model names the fastest way to a value.

A decision is a circuit, its shots and its workers; its choices are the cases that were measured for them. The cost
model's answer is the prediction that was stored with each case before it ran; the published power law is fitted to
other circuits' measurements, as often as there are splits. Whoever is judged on a circuit has not learned from it.

The same table by the paper's protocol, from a campaign whose cuts all run the published way, or not at all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from harness.filters import counting
from harness.state import MAIN_METRIC
from qdreamer import Observation, TooFewObservations, fit, laws
from qdreamer.validate import (
    Chooser,
    Group,
    Score,
    Split,
    best_constant,
    by_share,
    constant,
    leave_one_family_out,
    score,
    with_cuts,
)

from . import style
from .figures import Drawing, Request, View
from .published import PublishedNumbersMissing, published
from .tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from harness.record import Record
    from qdreamer.model import Features, Law

    from .summary import CaseSummary

APP: Final = "circuit_cutting"
NAME: Final = "table4"
SHARES: Final = (0.2, 0.5, 0.7)
"""Shares of the circuits that the paper trained on."""
_IDENTITY: Final = ("family", "n_qubits", "depth", "reps", "clusters", "bridges", "angle", "observable", "seed")
_COLUMNS: Final = ("chooser", "kind", *(field for field in Score.__dataclass_fields__), "source")
_MODEL: Final = "qdreamer"
_ROW_IN: Final = 0.24
_PLOT_IN: Final = 4.4
_LEFT_IN: Final = 3.7
"""Sizes of the figure: room for a row, for the axes, and for the names at the left."""
_FULL: Final = "full"
_PUBLISHED_WAY: Final = "reference"

Key = tuple[str, int, int]
"""Circuit, shots, workers."""
Learner = Callable[[Sequence["Decision"], Mapping[int, "Decision"]], Chooser]
"""Makes a chooser from some decisions; the mapping holds all of them by the identity of their groups."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A group with what the choosers may know of it.

    Attributes
    ----------
    group
        What was measured.
    predicted
        Seconds of each choice that were stored before it ran; empty if any is missing.
    features
        Of the power law, for each choice that cuts.
    """

    group: Group
    predicted: Mapping[str, float]
    features: Mapping[str, Features]


def applies(cases: Sequence[CaseSummary]) -> bool:
    """Tell whether these cases are decisions: the same circuits cut and uncut, of several families."""
    mine = [case for case in cases if case.app == APP and case.main]
    executors = {case.params["executor"] for case in mine}
    families = {case.params["family"] for case in mine}
    ours = len(executors) > 2 and _FULL in executors and len(families) > 2
    return ours or (executors == {_FULL, _PUBLISHED_WAY} and len({case.params["n_qubits"] for case in mine}) > 2)


def draw(request: Request) -> Drawing:
    """Draw the table and its figure from the records of a campaign, of which `applies` must be true."""
    found = decisions(request.records)
    rows = [*_zero_shot(found), *_constants(found), *_learned(found), *_published()]
    points = pd.DataFrame(rows, columns=list(_COLUMNS))
    caption = f"{_caption(found)} {request.origin.sentence()}"
    with style.styled():
        figure = _figure(points, caption)
    title = "share of decisions that were right"
    view = View("top1", "chooser", "top1_low", "top1_high", x_title=title, log="", rows=True)
    return Drawing(NAME, figure, points, caption, table(points, caption), view)


# ---------------------------------------------------------------- decisions


def decisions(records: Iterable[Record]) -> list[Decision]:
    """Return every circuit, shots and workers with two measured choices or more.

    The time of a choice is the median of its repeats; one that ran into its time limit counts with that limit, which
    is less than it would have taken.
    """
    samples: dict[tuple[Key, str], list[float]] = defaultdict(list)
    said: dict[tuple[Key, str], float] = {}
    features: dict[tuple[Key, str], Features] = {}
    family: dict[Key, str] = {}
    for record in sorted(counting(records), key=lambda one: one.repeat):
        seconds = _seconds(record)
        if record.app != APP or seconds is None:
            continue
        place = _key(record), _choice(record.params)
        family[place[0]] = record.params["family"]
        samples[place].append(seconds)
        if record.prediction is not None and record.prediction.model.startswith(_MODEL):
            said.setdefault(place, record.prediction.value)
        if record.metrics and record.params["executor"] not in (_FULL, "mps"):
            features[place] = _features(record, place[0][2])
    return [one for key in family if (one := _decision(key, family[key], samples, (said, features))) is not None]


def _decision(
    key: Key,
    family: str,
    samples: Mapping[tuple[Key, str], list[float]],
    known: tuple[Mapping[tuple[Key, str], float], Mapping[tuple[Key, str], Features]],
) -> Decision | None:
    mine = {choice: times for (where, choice), times in samples.items() if where == key}
    if len(mine) < 2:
        return None
    seconds = {choice: median(times) for choice, times in mine.items()}
    best = mine[min(seconds, key=lambda choice: seconds[choice])]
    noise_s = (max(best) - min(best)) / 2
    said = {choice: known[0][key, choice] for choice in mine if (key, choice) in known[0]}
    features = {choice: known[1][key, choice] for choice in mine if (key, choice) in known[1]}
    group = Group(key[0], family, key[1], key[2], seconds, noise_s)
    return Decision(group, said if len(said) == len(mine) else {}, features)


def _seconds(record: Record) -> float | None:
    if record.kind != "measured":
        return None
    if record.status == "timeout":
        return record.elapsed_s
    metric = record.metrics.get(MAIN_METRIC)
    return float(metric.value) if record.status == "ok" and metric is not None and metric.value else None


def _key(record: Record) -> Key:
    circuit = ", ".join(f"{name}={record.params[name]}" for name in _IDENTITY if record.params.get(name) is not None)
    workers = sum(1 if p.get("engine") == "inline" else int(p.get("cores_per_node") or 1) for p in record.pool)
    return circuit, int(record.params["shots"]), workers


def _choice(params: Mapping[str, Any]) -> str:
    executor, cuts = params["executor"], params["cuts"]
    return str(executor) if executor in (_FULL, "mps") else f"{executor} k={cuts}"


def _features(record: Record, workers: int) -> Features:
    numbers = {name: float(record.metrics[name].value or 0) for name in ("cuts", "width", "published")}
    return {
        "n_qubits": float(record.params["n_qubits"]),
        "subcircuit_qubits": numbers["width"],
        "cuts": numbers["cuts"],
        "tasks": numbers["published"],
        "workers": float(workers),
        "full_s": 1.0,
    }


# ---------------------------------------------------------------- choosers


def _row(name: str, found: Score, source: str) -> tuple[Any, ...]:
    return (name, "measured", *asdict(found).values(), source)


def _zero_shot(found: Sequence[Decision]) -> list[tuple[Any, ...]]:
    """Return how the stored predictions did: of all, and of each number of workers."""
    known = {id(one.group): one.predicted for one in found if one.predicted}
    groups = [one.group for one in found if one.predicted]

    def choose(group: Group) -> str:
        said = known[id(group)]
        return min(said, key=lambda choice: said[choice])

    sets = [("Q-Dreamer, micro-benchmarks only", groups)]
    workers = sorted({group.workers for group in groups})
    sets += [(f"  on {w} worker{'s' if w > 1 else ''}", [g for g in groups if g.workers == w]) for w in workers]
    sets += [(f"  family {f}", [g for g in groups if g.family == f]) for f in sorted({g.family for g in groups})]
    return [_row(name, score(some, choose), "predictions stored before the runs") for name, some in sets if some]


def _constants(found: Sequence[Decision]) -> list[tuple[Any, ...]]:
    groups = [one.group for one in found]
    name, _ = best_constant(groups)
    published_way = any(choice.startswith(_PUBLISHED_WAY) for group in groups for choice in group.seconds)
    prefix = _PUBLISHED_WAY if published_way else "amplitude"
    choosers: list[tuple[str, Chooser]] = [
        ("never cut: always the state vector", constant(_FULL)),
        *([] if published_way else [("always MPS", constant("mps"))]),
        ("always the fewest cuts", with_cuts(prefix, None)),
        ("always 2 cuts", with_cuts(prefix, 2)),
        (f"best constant in hindsight: {name}", constant(name)),
    ]
    return [_row(what, score(groups, choose), "needs no model") for what, choose in choosers]


def _learned(found: Sequence[Decision]) -> list[tuple[Any, ...]]:
    """Return how models did that have learned from records, on circuits and on families that these are not about."""
    groups, by_id = [one.group for one in found], {id(one.group): one for one in found}
    predicted = [one.group for one in found if one.predicted]
    learners: list[tuple[str, list[Group], Learner]] = [
        ("Q-Dreamer and records of", predicted, _corrected),
        ("power law (9^k tasks),", groups, partial(_power_law, laws.load("power_law"))),
        ("power law (true task counts),", groups, partial(_power_law, laws.load("power_law_counts"))),
    ]
    rows = []
    for name, mine, learn in learners:
        for share in SHARES:
            rows += _over(f"{name} {share:.0%} of the circuits", learn, list(by_share(mine, share)), by_id)
        rows += _over(f"{name} all other families", learn, list(leave_one_family_out(mine)), by_id)
    return rows


def _over(name: str, learn: Learner, splits: Sequence[Split], known: Mapping[int, Decision]) -> list[tuple[Any, ...]]:
    """Judge each split by its own fit, and all of them together."""
    judged: list[Group] = []
    chosen: dict[int, str] = {}
    for split in splits:
        choose = learn([known[id(group)] for group in split.train], known)
        for group in split.test:
            copy = Group(**{name: getattr(group, name) for name in Group.__dataclass_fields__})
            chosen[id(copy)] = choose(group)
            judged.append(copy)
    if not judged:
        return []
    return [_row(name, score(judged, lambda group: chosen[id(group)]), f"{len(splits)} splits by circuit")]


def _corrected(train: Sequence[Decision], known: Mapping[int, Decision]) -> Chooser:
    """Return the chooser of the stored predictions, each executor's times how long it took where records are known."""
    ratios: dict[str, list[float]] = defaultdict(list)
    for one in train:
        for choice, seconds in one.group.seconds.items():
            ratios[_executor(choice)].append(seconds / one.predicted[choice])
    factors = {executor: median(found) for executor, found in ratios.items()}

    def choose(group: Group) -> str:
        said = known[id(group)].predicted
        return min(said, key=lambda choice: said[choice] * factors.get(_executor(choice), 1.0))

    return choose


def _executor(choice: str) -> str:
    return choice.partition(" ")[0]


def _power_law(law: Law, train: Sequence[Decision], known: Mapping[int, Decision]) -> Chooser:
    """Return the chooser of the published model: the largest predicted speedup, 1 for the whole circuit.

    It knows no matrix-product states. With too few cuts to learn from it never cuts.
    """
    observed = [
        Observation(features, one.group.seconds[choice] / one.group.seconds[_FULL])
        for one in train
        if _FULL in one.group.seconds
        for choice, features in one.features.items()
    ]
    try:
        model = fit(law, observed, members=5)
    except TooFewObservations:
        return constant(_FULL)

    def choose(group: Group) -> str:
        relative = {choice: model.predict(f).value for choice, f in known[id(group)].features.items()}
        relative[_FULL] = 1.0
        return min((c for c in relative if c in group.seconds), key=lambda choice: relative[choice])

    return choose


def _published() -> list[tuple[Any, ...]]:
    try:
        paper = published(NAME)
    except PublishedNumbersMissing:
        return []
    rows = []
    for entry in paper.to_dict("records"):
        if entry["model"] == "general" and entry["test_set"] == "all":
            right = entry["accuracy_percent"] / 100
            name = f"published: power law, {entry['train_fraction']:.0%} of the measurements"
            counts = int(entry["n_cases_implied"]), 2
            rows.append((name, "published", *counts, right, *5 * (np.nan,), "paper, Table 4"))
    return rows


# ---------------------------------------------------------------- the table and the picture


def table(points: pd.DataFrame, caption: str) -> Table:
    """Return the table: one chooser a row."""
    columns = ("chooser", "decisions", "circuits", "right", "95 % interval", "regret", "regret p95", "regret max")
    rows = tuple(_cells(entry) for entry in points.to_dict("records"))
    title = "Table 4: how often the fastest way was named, and T(chosen)/T(best)"
    return Table(NAME, title, columns, rows, frozenset(columns[1:]), caption)


def _cells(entry: Mapping[Any, Any]) -> tuple[str, ...]:
    return (
        str(entry["chooser"]),
        str(entry["groups"]),
        str(entry["circuits"]),
        f"{entry['top1']:.1%}",
        _span(entry["top1_low"], entry["top1_high"]),
        *(_factor(entry[name]) for name in ("regret_mean", "regret_p95", "regret_max")),
    )


def _span(low: float, high: float) -> str:
    return "–" if np.isnan(low) else f"{low:.1%} – {high:.1%}"


def _factor(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.3g}"


def _figure(points: pd.DataFrame, caption: str) -> Figure:
    shown = points[~points["chooser"].str.startswith("  ")].iloc[::-1].reset_index(drop=True)
    figure, axes = style.new_figure(caption, (_PLOT_IN, _ROW_IN * len(shown)), left_in=_LEFT_IN)
    for place, entry in enumerate(shown.to_dict("records")):
        theirs = entry["kind"] == "published"
        color = style.PROJECTED if theirs else style.INK
        axes.plot([entry["top1"]], [place], "D" if theirs else "o", color=color, markersize=5)
        if not np.isnan(entry["top1_low"]):
            axes.plot([entry["top1_low"], entry["top1_high"]], [place, place], "-", color=color, linewidth=1.2)
    axes.set_yticks(range(len(shown)), list(shown["chooser"]), fontsize=8)
    axes.set_xlim(0, 1.02)
    axes.set_ylim(-0.7, len(shown) - 0.3)
    axes.set_xlabel("share of decisions that were right (95 % interval over circuits)")
    axes.grid(axis="y", visible=False)
    style.headline(figure, "Which way to a value is fastest?", "right within 5 % or the noise of the best")
    return figure


def _caption(found: Sequence[Decision]) -> str:
    groups = [one.group for one in found]
    name, share = best_constant(groups)
    circuits = len({group.circuit for group in groups})
    return (
        f"{len(groups)} decisions about {circuits} circuits that were not used for calibration. Right: within 5 % or "
        f"half the range of the best choice's repeats. Regret: T(chosen)/T(best), geometric mean. The best constant "
        f"answer ({name}) is right in {share:.0%}. With records of other circuits, stored predictions are multiplied "
        "by how long each executor took there. Power laws choose among the state vector and cuts. Published: other "
        "circuits and machines, cuts of the published way only."
    )
