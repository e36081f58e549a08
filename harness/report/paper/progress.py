"""How much of a campaign is recorded, counted in repeats; nothing is started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.cases import expand
from harness.errors import CampaignError
from harness.spec import find, load
from harness.store import settled

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.record import Record
    from harness.spec import Campaign


@dataclass(frozen=True, slots=True)
class Progress:
    """Repeats of a campaign.

    Attributes
    ----------
    wanted
        How many it asks for.
    ok, unsupported, failed
        How many are recorded with a value; as something this machine cannot run; with any other end.
    """

    wanted: int
    ok: int
    unsupported: int
    failed: int

    @property
    def missing(self) -> int:
        """Repeats that a run would try."""
        return self.wanted - self.ok - self.unsupported

    def sentence(self) -> str:
        """Return the state in words, for a caption."""
        if self.missing == 0 and self.unsupported == 0:
            return f"Complete: {self.wanted} repeats."
        parts = [f"{self.ok} of {self.wanted} repeats"]
        parts += [f"{self.unsupported} cannot run on the machine that was used"] if self.unsupported else []
        parts += [f"{self.failed} failed"] if self.failed else []
        parts += [f"{left} not tried yet"] if (left := self.missing - self.failed) else []
        return f"{'Incomplete' if self.missing else 'Complete'}: {', '.join(parts)}."


def progress(campaign: Campaign, records: Iterable[Record]) -> Progress | None:
    """Return how much of a campaign is recorded; None if its cases cannot be told here (an app is not installed)."""
    try:
        cases = expand(campaign).cases
    except CampaignError:
        return None
    done = settled(record for record in records if record.kind != "published")
    ends = [done.get((case.key, repeat)) for case in cases for repeat in range(case.repeats)]
    statuses = [record.status for record in ends if record is not None]
    ok, unsupported = statuses.count("ok"), statuses.count("unsupported")
    return Progress(len(ends), ok, unsupported, len(statuses) - ok - unsupported)


def shipped_campaign(name: str) -> Campaign:
    """Return a shipped campaign."""
    return load(find(name)).campaign
