"""From rounds to a verdict: what is flagged is measured again, and only what shows twice is a regression."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from harness import environment
from harness.compare import Comparison, compare
from harness.effects import Rules
from harness.errors import Exit, UserError
from harness.expressions import LONGEST
from harness.labels import axes
from harness.state import MAIN_METRIC
from harness.store import settled

from . import probing
from .build import Side, build, changed, default_cache
from .counts import Count, compared, of_records
from .rounds import Tell, Work, interleaved, records_of

if TYPE_CHECKING:
    from harness.record import Record

CAMPAIGN: Final = Path("harness") / "campaigns" / "gate.toml"
_BAD: Final = ("failed", "timeout", "check_failed")


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of the gate.

    Attributes
    ----------
    repository
        The checkout.
    base, head
        Revisions.
    campaign
        TOML file; None takes the gate campaign of the base, or of the head where the base has none.
    only
        Condition as for ``qhpc run --only``; empty means all cases.
    rounds
        Repeats a side; what is flagged gets as many again.
    threshold
        Smallest relative change that counts.
    metrics
        Metrics that are compared.
    instructions
        Whether to count instructions; None means where callgrind is.
    cache
        Where builds and runs are kept.
    """

    repository: Path
    base: str
    head: str = "HEAD"
    campaign: Path | None = None
    only: str = ""
    rounds: int = 10
    threshold: float = 0.1
    metrics: tuple[str, ...] = (MAIN_METRIC,)
    instructions: bool | None = None
    cache: Path = field(default_factory=default_cache)


@dataclass(slots=True)
class GateResult:
    """What the gate found.

    Attributes
    ----------
    base, head
        Full hashes.
    first
        All comparisons of the first rounds.
    again
        Those of what was flagged, from new rounds alone.
    counts
        Counts that changed, or vary by themselves.
    broken
        How many repeats of the head ended badly, by status, in cases that are ok on the base.
    notes
        What a reader should know.
    """

    base: str
    head: str
    first: list[Comparison] = field(default_factory=list)
    again: list[Comparison] = field(default_factory=list)
    counts: list[Count] = field(default_factory=list)
    broken: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def regressions(self) -> list[Comparison]:
        """What was slower both times."""
        return [c for c in self.again if c.verdict == "worse"]

    @property
    def worse_counts(self) -> list[Count]:
        """Counts that went up, or changed where no direction is known."""
        return [count for count in self.counts if count.change == "worse"]

    @property
    def code(self) -> Exit:
        """The exit code: 4 wrong answers, 6 nothing compared, 3 cases fail, 5 something is worse, 0 none of these."""
        if self.broken.get("check_failed"):
            return Exit.CHECK_FAILED
        if not self.first:
            return Exit.NOTHING_MEASURED
        if self.broken:
            return Exit.CASES_FAILED
        return Exit.REGRESSION if self.regressions or self.worse_counts else Exit.OK

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        verdict = {"exit_code": int(self.code), "regressions": [asdict(c) for c in self.regressions]}
        return {**verdict, **asdict(self)}


def gate(request: Request, tell: Tell = lambda _: None) -> GateResult:
    """Build both sides, measure them in turn, measure again what looks worse, and compare the counts.

    Raises
    ------
    UserError
        If a revision does not exist, or a side refuses the campaign.
    """
    sides = [
        build(name, revision, repository=request.repository, cache=request.cache)
        for name, revision in (("base", request.base), ("head", request.head))
    ]
    run = _Run(request, sides, tell)
    run.first()
    run.again()
    run.count()
    return run.result


class _Run:
    """One run of the gate."""

    def __init__(self, request: Request, sides: Sequence[Side], tell: Tell) -> None:
        base, head = sides
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
        self._request, self._sides, self._tell = request, sides, tell
        self._place = request.cache / "runs" / f"{stamp}-{base.commit[:10]}-{head.commit[:10]}"
        self._place.mkdir(parents=True)
        self._campaign = _campaign(request, base, head)
        self._rules = Rules(threshold=request.threshold)
        self.result = GateResult(base.commit, head.commit, notes=_notes(request, base, head))
        (self._place / "environment.json").write_text(json.dumps(environment.describe(), indent=2), "utf-8")

    def first(self) -> None:
        """Measure all cases."""
        self._interleave("first", (self._request.only,))
        base, head = self._records("first")
        found = compare(base, head, metrics=self._request.metrics, rules=self._rules)
        self.result.first, self.result.broken = found.comparisons, _broken(base, head)
        self.result.notes += found.notes
        if found.answers_differ:
            keys = ", ".join(found.answers_differ)
            self.result.notes.append(f"answers differ in {len(found.answers_differ)} case(s): {keys}")
        self.result.counts += _notable(compared(of_records(base), of_records(head)))

    def again(self) -> None:
        """Measure what was flagged once more, and forget the first samples of it."""
        flagged = [c for c in self.result.first if c.verdict == "worse"]
        if not flagged:
            return
        self._tell(f"{len(flagged)} case(s) look slower: measured again")
        self._interleave("again", conditions(flagged, self.result.first))
        keys = {c.key for c in flagged}
        base, head = ([r for r in records if r.key in keys] for records in self._records("again"))
        self.result.again = compare(base, head, metrics=self._request.metrics, rules=self._rules).comparisons

    def count(self) -> None:
        """Weigh the probe and, where callgrind is, count its instructions."""
        self._tell("bytes")
        self.result.counts += _notable(probing.weighed(self._sides))
        wanted = self._request.instructions
        if wanted or (wanted is None and probing.can_count()):
            self._tell("instructions")
            self.result.counts += _notable(probing.instructed(self._sides))
        elif wanted is None:
            self.result.notes.append("instructions are not counted: valgrind is not installed")

    def _interleave(self, name: str, only: tuple[str, ...]) -> None:
        work, place = Work(self._campaign, only), self._place / name
        interleaved(self._sides, work, place, rounds=self._request.rounds, tell=self._tell)

    def _records(self, name: str) -> list[list[Record]]:
        return [records_of(side, self._place / name) for side in self._sides]


def conditions(flagged: Iterable[Comparison], all_cases: Sequence[Comparison]) -> tuple[str, ...]:
    """Return conditions that choose the flagged cases of each mini-app, by what differs among its cases."""
    by_app: dict[str, list[str]] = defaultdict(list)
    for one in flagged:
        varying = axes([c for c in all_cases if c.app == one.app])
        parts = [f"{name} == {one.params.get(name)!r}" for name in varying if _can_be_written(one.params.get(name))]
        by_app[one.app].append(" and ".join([f"app == {one.app!r}", *parts]))
    return tuple(_either(app, list(dict.fromkeys(some))) for app, some in by_app.items())


def _either(app: str, parts: Sequence[str]) -> str:
    """Return one condition for any of these; for all cases of the app where that would be too long."""
    text = f"({') or ('.join(parts)})"
    return text if len(text) <= LONGEST else f"app == {app!r}"


def _can_be_written(value: object) -> bool:
    return isinstance(value, int | float | str)


def _campaign(request: Request, base: Side, head: Side) -> Path:
    if request.campaign is not None:
        return request.campaign.resolve()
    for side in (base, head):
        if (side.source / CAMPAIGN).is_file():
            return side.source / CAMPAIGN
    raise UserError(f"neither commit has {CAMPAIGN}: name a campaign that both understand with --campaign")


def _notes(request: Request, base: Side, head: Side) -> list[str]:
    facts: list[tuple[bool, str]] = [
        (base.commit == head.commit, "both sides are the same commit"),
        (base.lock() != head.lock(), "requirements.lock differs: both sides ran with the packages installed here"),
        (request.head == "HEAD" and changed(request.repository), "changes that are not committed were not measured"),
    ]
    return [text for holds, text in facts if holds]


def _broken(base: Sequence[Record], head: Sequence[Record]) -> dict[str, int]:
    """Count the repeats of the head that ended badly in cases that are ok on the base."""
    good = {record.key for record in settled(base).values() if record.status == "ok"}
    ended = [record for record in settled(head).values() if record.key in good]
    return dict(Counter(record.status for record in ended if record.status in _BAD))


def _notable(counts: Iterable[Count]) -> list[Count]:
    return [count for count in counts if count.change != "same"]
