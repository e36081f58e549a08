"""``qhpc compare``: what became better or worse between two sets of records."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from harness.errors import Exit

from ._common import Json, emit, escaped, note, out, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.compare import Comparison, ComparisonSet
    from harness.record import Record

_ORDER: Final = ("worse", "better", "undecided", "same")
_COLOURS: Final = {"worse": "bold red", "better": "green", "undecided": "yellow", "same": "dim"}
_ROWS_SHOWN: Final = 60

_Filters = Annotated[
    list[str] | None,
    typer.Option(
        "--filter", metavar="KEY=VALUE", help="Only these records, on both sides: n_qubits=12, machine=login1."
    ),
]
_Baseline = Annotated[
    list[str] | None, typer.Option("--baseline", metavar="KEY=VALUE", help="Only these records of A: commit=1a2b3c.")
]
_Candidate = Annotated[
    list[str] | None, typer.Option("--candidate", metavar="KEY=VALUE", help="Only these records of B: commit=9f8e7d.")
]


def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help="Baseline: a results directory or a record file.")],
    b: Annotated[
        Path | None, typer.Argument(metavar="B", help="Candidate. Default: A again, with --candidate.")
    ] = None,
    *,
    filters: _Filters = None,
    baseline: _Baseline = None,
    candidate: _Candidate = None,
    metric: Annotated[
        list[str] | None,
        typer.Option("--metric", metavar="NAME", help="Only this metric. Default: all with a direction."),
    ] = None,
    threshold: Annotated[
        float, typer.Option("--threshold", min=0.0, max=10.0, help="Smallest relevant change, 0.05 = 5 %.")
    ] = 0.05,
    show_all: Annotated[bool, typer.Option("--all", help="Show every row of a long table.")] = False,
    as_json: Json = False,
) -> int:
    """Compare measured records of two results directories, or of two commits in one.

    A verdict needs 7 repeats a side. Exit code 5: something is worse; 6: there was nothing to compare.
    """
    from harness.errors import UserError

    try:
        from harness import compare as library
        from harness.effects import Rules
    except ImportError as error:
        raise UserError(
            f"{error.name} is not installed; comparing needs: pip install 'qhpc-miniapps[report]'"
        ) from error

    if (b is None or b == a) and sorted(baseline or []) == sorted(candidate or []):
        raise UserError("A and B are the same records; name B, or choose with --baseline commit=… --candidate commit=…")
    both = filters or []
    sides = [
        _read(a, [*both, *(baseline or [])]),
        _read(b or a, [*both, *(candidate or [])]),
    ]
    gc.freeze()  # the records stay to the end: no need for the collector to look at them again and again
    found = library.compare(*sides, metrics=metric or (), rules=Rules(threshold=threshold))
    if as_json:
        emit(_as_dict(found))
    else:
        _show(found, everything=show_all)
    return _exit_code(found)


def _read(path: Path, filters: Sequence[str]) -> list[Record]:
    from harness.filters import Filter, select
    from harness.store import read_records

    stored = read_records(path)
    for line in stored.damaged:
        note(f"not a record: {line.file}:{line.line_number}: {line.reason}")
    return select(stored.records, [Filter.parse(text) for text in filters])


def _exit_code(found: ComparisonSet) -> int:
    if not found.comparisons:
        note(f"nothing to compare: {_why_nothing(found)}")
        return Exit.NOTHING_MEASURED
    return Exit.REGRESSION if found.count("worse") else Exit.OK


def _why_nothing(found: ComparisonSet) -> str:
    if found.only_a and found.only_b:
        return f"no case is on both sides ({len(found.only_a)} only in A, {len(found.only_b)} only in B)"
    empty = [name for name, keys in (("A", found.only_a), ("B", found.only_b)) if not keys]
    return f"no measured record that is ok in {' and '.join(empty)}" if not found.answers_differ else "no common metric"


# ---------------------------------------------------------------- for people


def _show(found: ComparisonSet, *, everything: bool) -> None:
    from harness.labels import axes, pool_names

    rows = sorted(found.comparisons, key=lambda c: _ORDER.index(c.verdict))
    hidden = 0 if everything else max(0, len(rows) - _ROWS_SHOWN)
    rows = rows[: len(rows) - hidden]
    if rows:
        varying, pools = list(axes(rows)), pool_names(c.pool for c in rows)
        several = len({c.app for c in rows}) > 1
        columns = [*(["app"] if several else []), *varying, "pilots", "metric", "n", "A", "B", "B/A", "interval"]
        cells = [_row(c, varying, pools, several=several) for c in rows]
        table([*columns, "verdict", ""], cells, right=" ".join(["n", "A", "B", "B/A", *varying]), markup=True)
    _summary(found, hidden)


def _row(c: Comparison, varying: Sequence[str], pools: dict[str, str], *, several: bool) -> list[str]:
    from harness.labels import pool_id, quantity, value

    effect = c.effect
    interval = "–" if effect.low is None or effect.high is None else f"{effect.low:.3f} – {effect.high:.3f}"
    identity = [*([c.app] if several else []), *(value(c.params.get(name)) for name in varying), pools[pool_id(c.pool)]]
    numbers = [
        c.metric,
        str(effect.n_a) if effect.n_a == effect.n_b else f"{effect.n_a}, {effect.n_b}",
        quantity(effect.median_a, c.unit),
        quantity(effect.median_b, c.unit),
        "–" if effect.ratio is None else f"{effect.ratio:.3f}",
        interval,
    ]
    verdict = f"[{_COLOURS[c.verdict]}]{c.verdict}[/]"
    differ = "[bold red]ANSWERS DIFFER[/] " if c.answers == "differ" else ""
    return [*map(escaped, [*identity, *numbers]), verdict, differ + escaped(c.reason)]


def _summary(found: ComparisonSet, hidden: int) -> None:
    console = out()
    counts = ", ".join(f"{found.count(v)} {v}" for v in _ORDER if found.count(v)) or "nothing compared"
    console.print(
        f"B against A: {counts}{f' (the last {hidden:,} rows are not shown: --all)' if hidden else ''}", style="bold"
    )
    if found.answers_differ:
        keys = ", ".join(found.answers_differ[:5]) + (" …" if len(found.answers_differ) > 5 else "")
        console.print(f"ANSWERS DIFFER in {len(found.answers_differ)} case(s): {keys}", style="bold red", markup=False)
    for text in _left_out(found):
        console.print(text, markup=False)
    for text in found.notes:
        console.print(f"note: {text}", markup=False, style="yellow")


def _left_out(found: ComparisonSet) -> list[str]:
    lines = []
    for name, keys, ignored in (("A", found.only_a, found.ignored_a), ("B", found.only_b, found.ignored_b)):
        if keys:
            lines.append(f"only in {name}: {len(keys)} case(s)")
        if ignored:
            lines.append(f"not counted in {name}: " + ", ".join(f"{n} with {why}" for why, n in ignored.items()))
    return lines


# ---------------------------------------------------------------- for scripts


def _as_dict(found: ComparisonSet) -> dict[str, Any]:
    from dataclasses import asdict

    counts = {verdict: found.count(verdict) for verdict in _ORDER}
    return {"counts": counts, **asdict(found)}
