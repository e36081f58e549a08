"""What is exported: the records, and the files they came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import NothingMeasured
from harness.filters import Filter, select
from harness.store import RECORDS, read_records, record_files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.record import Record


@dataclass(frozen=True, slots=True)
class Source:
    """Records to export.

    Attributes
    ----------
    place
        The results directory or record file.
    records
        In file and line order.
    files
        Record files and campaigns, in order.
    """

    place: Path
    records: list[Record]
    files: list[Path] = field(default_factory=list)


def read(place: Path, filters: Sequence[str] = ()) -> Source:
    """Read what is to be exported.

    Raises
    ------
    harness.store.StoreError
        If there is no such place.
    harness.errors.NothingMeasured
        If no record is left.
    """
    records = select(read_records(place).records, [Filter.parse(text) for text in filters])
    if not records:
        raise NothingMeasured(f"{place}: no record to export{' that meets the filters' if filters else ''}")
    files = record_files(place)
    campaigns = {file.parent.parent / "campaign.toml" for file in files if file.parent.name == RECORDS}
    return Source(place, records, [*files, *sorted(file for file in campaigns if file.is_file())])
