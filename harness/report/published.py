"""The published numbers: CSV files that travel with the project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_PLACES = (Path(__file__).parents[1] / "paper", Path(__file__).parents[2] / "results" / "paper")


class PublishedNumbersMissing(FileNotFoundError):
    """The published numbers are not where an installation or a clone has them."""


def published(name: str) -> pd.DataFrame:
    """Return one table of published numbers, for example ``published("fig6_quoted")``.

    Raises
    ------
    PublishedNumbersMissing
        If this installation does not have it.
    """
    import pandas as pd

    for place in _PLACES:
        if (file := place / f"{name}.csv").is_file():
            table: pd.DataFrame = pd.read_csv(file)
            return table
    raise PublishedNumbersMissing(f"{name}.csv in none of {', '.join(map(str, _PLACES))}")
