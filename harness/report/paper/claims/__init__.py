"""The paper's claims as tests: what it says, when that counts as holding, and what the records here say.

A claim is judged from records alone. What cannot be tested on the machine that made them says why, and how it could be.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from harness.report.tables import Table

from . import cutting, execution, motifs
from .base import FAILS, HOLDS, UNTESTABLE, Claim, Evidence, Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["CLAIMS", "FAILS", "HOLDS", "UNTESTABLE", "Claim", "Evidence", "Finding", "as_dicts", "judge", "table"]

CLAIMS: Final = (*execution.CLAIMS, *motifs.CLAIMS, *cutting.CLAIMS)
Judged = list[tuple[Claim, Finding]]
_COLUMNS: Final = ("claim", "published", "here", "verdict", "why")
_CAPTION: Final = (
    "The rule of each claim stands in claims.json, with the cases behind its numbers. Not testable here: the machine "
    "that made these records has not what the claim is about, or nothing was recorded yet."
)


def judge(evidence: Evidence, items: Iterable[str]) -> Judged:
    """Return the verdicts on the claims about these tables and figures, in the paper's order."""
    wanted = set(items)
    return [(claim, claim.judge(evidence)) for claim in CLAIMS if claim.name.split("-")[0] in wanted]


def table(judged: Judged, origin: str = "") -> Table:
    """Return the verdicts as a table."""
    rows = tuple(
        (f"{claim.says} ({claim.place})", claim.published, finding.measured or "–", finding.verdict, finding.why)
        for claim, finding in judged
    )
    return Table("claims", "The paper's claims", _COLUMNS, rows, frozenset(), f"{_CAPTION} {origin}".strip())


def as_dicts(judged: Judged) -> list[dict[str, Any]]:
    """Return the verdicts as plain JSON values."""
    return [
        {
            "claim": claim.name,
            "place": claim.place,
            "says": claim.says,
            "published": claim.published,
            "rule": claim.rule,
            **asdict(finding),
        }
        for claim, finding in judged
    ]
