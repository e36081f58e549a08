"""The harness: campaigns, plans, runs, records, reports, and the ``qhpc`` command.

This door is light: importing it loads nothing but itself. ``harness.cli`` is the command line, ``harness.store`` reads
records, ``harness.record`` defines them; ``load_records`` and ``load_frame`` are the short ways for a notebook.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from .record import Record

__all__ = ["load_frame", "load_records"]


def load_records(path: Path | str) -> list[Record]:
    """Return every readable record below a results directory, or of one ``.jsonl`` file.

    Raises
    ------
    harness.store.StoreError
        If ``path`` does not exist.
    """
    from .store import read_records

    return read_records(path).records


def load_frame(path: Path | str) -> pd.DataFrame:
    """Return the same as a pandas table: one row a repeat, columns ``params.*``, ``metrics.*``, ``stages.*`` and more.

    Raises
    ------
    harness.store.StoreError
        If ``path`` does not exist.
    """
    from .export.flat import frame

    return frame(load_records(path))
