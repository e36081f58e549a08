"""A claim of the paper, and what the records here say about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import pandas as pd

    from harness.report.summary import CaseSummary

Verdict = Literal["holds", "does not hold here", "not testable here"]
HOLDS: Final[Verdict] = "holds"
FAILS: Final[Verdict] = "does not hold here"
UNTESTABLE: Final[Verdict] = "not testable here"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What claims are judged by.

    Attributes
    ----------
    cases
        Cases of the campaign behind each table or figure, by its name; what has no records is not in it.
    points
        Points of each table or figure that was drawn from it.
    everything
        Cases of every campaign that has records.
    """

    cases: Mapping[str, Sequence[CaseSummary]]
    points: Mapping[str, pd.DataFrame]
    everything: Sequence[CaseSummary]

    def of(self, item: str, app: str) -> list[CaseSummary]:
        """Return the measured cases of an app with a value, from the campaign behind an item."""
        return with_value(self.cases.get(item, ()), app)


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict on one claim.

    Attributes
    ----------
    verdict
        ``holds``, ``does not hold here`` or ``not testable here``.
    measured
        The numbers that were found here; empty without any.
    why
        What the verdict rests on, or what is missing.
    sources
        Where the numbers stand: ``campaign/case key``.
    """

    verdict: Verdict
    measured: str = ""
    why: str = ""
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement of the paper that numbers can contradict.

    Attributes
    ----------
    name
        Short name, first the table or figure: ``fig9-jit``.
    place
        Where the paper says so.
    says
        The statement.
    published
        The paper's numbers behind it.
    rule
        When it counts as holding here.
    judge
        Evidence -> finding.
    """

    name: str
    place: str
    says: str
    published: str
    rule: str
    judge: Callable[[Evidence], Finding]


def with_value(cases: Iterable[CaseSummary], app: str) -> list[CaseSummary]:
    """Return the cases of an app that were measured (not projected) and have a value."""
    return [case for case in cases if case.app == app and case.kind == "measured" and case.main is not None]


def verdict(holds: bool) -> Verdict:
    """Return the verdict of a claim that was tested."""
    return HOLDS if holds else FAILS


def sources(cases: Iterable[CaseSummary]) -> tuple[str, ...]:
    """Return where cases stand, each once."""
    return tuple(dict.fromkeys(f"{case.campaign}/{case.key}" for case in cases))


def no_records(item: str) -> Finding:
    """Return the finding of a claim whose campaign has no records."""
    return Finding(UNTESTABLE, why=f"no records yet: qhpc paper {item}")


def workers(case: CaseSummary) -> int:
    """Return the cores of a case's pilots: nodes x cores of a node, summed up."""
    return sum(int(pilot.get("nodes") or 1) * int(pilot.get("cores_per_node") or 1) for pilot in case.pool)


def nodes(case: CaseSummary) -> int:
    """Return the nodes of a case's pilots."""
    return sum(int(pilot.get("nodes") or 1) for pilot in case.pool)


def on_gpu(case: CaseSummary) -> bool:
    """Tell whether a case ran on GPUs."""
    if case.params.get("gpu") == "auto":
        return any(int(pilot.get("gpus_per_node") or 0) for pilot in case.pool)
    return case.params.get("gpu") is True or case.params.get("device") == "gpu"
