"""Records as an RO-Crate 1.1: a directory with the files, and ``ro-crate-metadata.json`` that says what they are."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from harness.errors import UserError
from harness.provenance import listed, provenance
from harness.record import json_schema

from .flat import write_csv

if TYPE_CHECKING:
    from .source import Source

_CONTEXT: Final = "https://w3id.org/ro/crate/1.1/context"
_SPECIFICATION: Final = "https://w3id.org/ro/crate/1.1"
_METADATA: Final = "ro-crate-metadata.json"
_LICENCE: Final = "https://spdx.org/licenses/Apache-2.0"
_TYPES: Final = {".jsonl": "application/jsonl", ".toml": "application/toml", ".json": "application/schema+json"}
_ABOUT: Final = {
    ".jsonl": "Records of benchmark repeats, one JSON object a line",
    ".toml": "The campaign: what was asked for",
    ".csv": "The same records as a flat table, one row a repeat",
    ".json": "The format of a record as JSON Schema",
}


def write(source: Source, target: Path) -> Sequence[Path]:
    """Copy the files into ``target``, add a flat table and the schema, and describe them.

    Raises
    ------
    UserError
        If ``target`` holds something else already.
    """
    if target.exists() and any(target.iterdir()) and not (target / _METADATA).is_file():
        raise UserError(f"{target}: holds files and is no RO-Crate; name an empty directory with --out")
    target.mkdir(parents=True, exist_ok=True)
    base = source.place if source.place.is_dir() else source.place.parent
    files = [_copied(file, target / os.path.relpath(file, base)) for file in source.files]
    files += write_csv(source, target / "records.csv")
    schema = target / "record.schema.json"
    schema.write_text(json_schema(), "utf-8")
    files.append(schema)
    metadata = target / _METADATA
    metadata.write_text(json.dumps(_graph(source, target, files), indent=1, ensure_ascii=False) + "\n", "utf-8")
    return [metadata, *files]


def _copied(file: Path, to: Path) -> Path:
    to.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copyfile(file, to))


def _graph(source: Source, target: Path, files: Sequence[Path]) -> dict[str, Any]:
    origin = provenance(source.records)
    names = [file.relative_to(target).as_posix() for file in files]
    times = sorted(record.started_at for record in source.records if record.started_at)
    software = {"@id": "#qhpc", "@type": "SoftwareApplication", "name": "qhpc-miniapps", "version": _version(source)}
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"Benchmark records: {listed(origin.campaigns)}",
        "description": origin.sentence(),
        "datePublished": times[-1] if times else "1970-01-01T00:00:00+00:00",
        "license": {"@id": _LICENCE},
        "hasPart": [{"@id": name} for name in names],
        "mentions": {"@id": "#run"},
    }
    run = {
        "@id": "#run",
        "@type": "CreateAction",
        "name": f"qhpc run on {listed(origin.machines)}",
        "instrument": {"@id": "#qhpc"},
        "result": [{"@id": name} for name in names if name.endswith(".jsonl")],
        **({"startTime": times[0], "endTime": times[-1]} if times else {}),
    }
    about = {"@id": _METADATA, "@type": "CreativeWork", "conformsTo": {"@id": _SPECIFICATION}, "about": {"@id": "./"}}
    licence = {"@id": _LICENCE, "@type": "CreativeWork", "name": "Apache License 2.0"}
    parts = [_part(target, name) for name in names]
    return {"@context": _CONTEXT, "@graph": [about, root, run, software, licence, *parts]}


def _part(target: Path, name: str) -> dict[str, Any]:
    suffix = Path(name).suffix
    return {
        "@id": name,
        "@type": "File",
        "name": Path(name).name,
        "description": _ABOUT.get(suffix, ""),
        "encodingFormat": _TYPES.get(suffix, "text/csv"),
        "contentSize": str((target / name).stat().st_size),
    }


def _version(source: Source) -> str:
    """Return the commits that the records were made with."""
    return listed(provenance(source.records).commits, 10)
