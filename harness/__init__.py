"""The harness: campaigns, plans, runs, records, reports, and the ``qhpc`` command.

This door is light: importing it loads nothing but itself. ``harness.cli`` is the command line, ``harness.store`` reads
records, ``harness.record`` defines them; ``load_records`` is the short way for a notebook.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from .record import Record

__all__ = ["load_records"]


def load_records(path: Path | str) -> list[Record]:
    """Return every readable record below a results directory, or of one ``.jsonl`` file.

    Raises
    ------
    harness.store.StoreError
        If ``path`` does not exist.
    """
    from .store import read_records

    return read_records(path).records
