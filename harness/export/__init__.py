"""Records in other people's formats: flat tables, asv's results, pytest-benchmark's JSON, an RO-Crate.

Each format is one function ``write(records, target)`` that returns the files it wrote; the table below names them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Final

from harness.errors import UserError, nearest

if TYPE_CHECKING:
    from pathlib import Path

    from .source import Source

__all__ = ["default_target", "names", "write"]

_FORMATS: Final[dict[str, tuple[str, str]]] = {
    "csv": ("harness.export.flat:write_csv", "records.csv"),
    "parquet": ("harness.export.flat:write_parquet", "records.parquet"),
    "asv": ("harness.export.asv_results:write", "asv"),
    "pytest-benchmark": ("harness.export.pytest_benchmark:write", "pytest-benchmark.json"),
    "rocrate": ("harness.export.rocrate:write", "ro-crate"),
}
"""Format -> writer, and the name of what it writes."""


def names() -> tuple[str, ...]:
    """Return the names of the formats."""
    return tuple(_FORMATS)


def default_target(name: str) -> str:
    """Return the name of the file or directory that a format is written to."""
    return _entry(name)[1]


def write(name: str, source: Source, target: Path) -> Sequence[Path]:
    """Write records in a format; ``target`` is its file, or its directory.

    Raises
    ------
    UserError
        If there is no such format, it needs a library that is not installed, or no record fits it.
    """
    module, _, function = _entry(name)[0].partition(":")
    writer: Callable[[Source, Path], Sequence[Path]] = getattr(import_module(module), function)
    target.parent.mkdir(parents=True, exist_ok=True)
    return writer(source, target)


def _entry(name: str) -> tuple[str, str]:
    if name not in _FORMATS:
        raise UserError(f"--to {name!r}: no such format; there are: {', '.join(_FORMATS)}{nearest(name, _FORMATS)}")
    return _FORMATS[name]
