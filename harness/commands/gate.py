"""``qhpc gate``: whether a commit is slower than another one, measured in turn on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ._common import Json, emit, note, table

if TYPE_CHECKING:
    from harness.compare import Comparison
    from harness.gate import GateResult

_Base = Annotated[str, typer.Option("--base", metavar="REV", help="The commit to compare with: main, HEAD~1, a tag.")]
_Head = Annotated[str, typer.Option("--head", metavar="REV", help="The commit to judge.")]
_Campaign = Annotated[
    Path | None, typer.Option("--campaign", metavar="FILE", help="Campaign. Default: the base's own gate.toml.")
]
_Only = Annotated[str, typer.Option("--only", metavar="EXPR", help="Only cases for which EXPR holds.")]
_Rounds = Annotated[int, typer.Option("--rounds", min=7, help="Repeats a side; as many again of what looks worse.")]
_Threshold = Annotated[
    float, typer.Option("--threshold", min=0.0, max=10.0, help="Smallest relevant slowdown, 0.1 = 10 %.")
]
_Metrics = Annotated[
    list[str] | None, typer.Option("--metric", metavar="NAME", help="Compare this metric. Default: time_to_value_s.")
]
_Instructions = Annotated[
    bool | None,
    typer.Option("--instructions/--no-instructions", help="Count instructions. Default: where valgrind is."),
]
_Repository = Annotated[Path, typer.Option("--repository", metavar="DIR", help="A checkout of this project.")]
_Cache = Annotated[
    Path | None, typer.Option("--cache", metavar="DIR", help="Builds and runs. Default: ~/.cache/qhpc-gate.")
]


def gate(
    base: _Base,
    *,
    head: _Head = "HEAD",
    campaign: _Campaign = None,
    only: _Only = "",
    rounds: _Rounds = 10,
    threshold: _Threshold = 0.1,
    metric: _Metrics = None,
    instructions: _Instructions = None,
    repository: _Repository = Path(),
    cache: _Cache = None,
    as_json: Json = False,
) -> int:
    """Build two commits and measure them in turn; some minutes, on a quiet machine.

    A regression is what is significantly slower, by more than the threshold, twice: in rounds of their own. Counts that
    do not vary by themselves must be equal. Exit code 5: a regression; 6: nothing could be compared.
    """
    from harness.errors import UserError
    from harness.state import MAIN_METRIC

    try:
        from harness import gate as library
    except ImportError as error:
        needed = "the gate needs: pip install 'qhpc-miniapps[report]'"
        raise UserError(f"{error.name} is not installed; {needed}") from error
    request = library.Request(
        repository=library.toplevel(repository),
        base=base,
        head=head,
        campaign=campaign,
        only=only,
        rounds=rounds,
        threshold=threshold,
        metrics=tuple(metric or [MAIN_METRIC]),
        instructions=instructions,
        cache=(cache or library.default_cache()).resolve(),
    )
    found = library.gate(request, note)
    if as_json:
        emit(found.as_dict())
    else:
        _show(found)
    return int(found.code)


def _show(found: GateResult) -> None:
    from harness.labels import axes, value

    varying = list(axes(found.first))
    again = {(c.key, c.metric): c for c in found.again}
    rows = [
        [c.app, *(value(c.params.get(name)) for name in varying), c.metric, *_numbers(c), _verdict(c, again)]
        for c in found.first
    ]
    table(
        ["app", *varying, "metric", "base", "head", "head/base", "interval", ""], rows, title="Times", right="base head"
    )
    counts = [[c.case, c.name, _whole(c.base), _whole(c.head), c.change] for c in found.counts]
    if counts:
        table(["case", "count", "base", "head", ""], counts, title="Counts that differ or vary", right="base head")
    for text in found.notes:
        note(f"note: {text}")
    for status, number in found.broken.items():
        note(f"{number} repeat(s) of the head ended as {status}, in cases that are ok on the base")
    note(_sentence(found))


def _numbers(c: Comparison) -> list[str]:
    from harness.labels import quantity

    effect = c.effect
    interval = "–" if effect.low is None or effect.high is None else f"{effect.low:.3f} – {effect.high:.3f}"
    ratio = "–" if effect.ratio is None else f"{effect.ratio:.3f}"
    return [quantity(effect.median_a, c.unit), quantity(effect.median_b, c.unit), ratio, interval]


def _verdict(c: Comparison, again: dict[tuple[str, str], Comparison]) -> str:
    second = again.get((c.key, c.metric))
    if second is None:
        return f"{c.verdict}: {c.reason}"
    ratio = "–" if second.effect.ratio is None else f"{second.effect.ratio:.3f}"
    return (
        f"REGRESSION, {ratio} again" if second.verdict == "worse" else f"slower once, {second.verdict} again ({ratio})"
    )


def _whole(number: float | None) -> str:
    return "varies" if number is None else f"{number:g}"


def _sentence(found: GateResult) -> str:
    if not found.first:
        return "nothing to compare: no case is ok on both sides"
    slower, counts = len(found.regressions), len(found.worse_counts)
    if not (slower or counts or found.broken):
        return f"no regression in {len(found.first)} case(s)"
    return f"{slower} of {len(found.first)} case(s) are slower, {counts} count(s) are worse"
