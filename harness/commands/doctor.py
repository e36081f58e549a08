"""``qhpc doctor``: what on this machine would spoil a measurement."""

from __future__ import annotations

from ._common import Json, emit, escaped, note, table


def doctor(as_json: Json = False) -> int:
    """Look at this machine and installation, and say what would spoil a measurement."""
    from harness.doctor import examine

    findings = examine()
    if as_json:
        emit({"findings": [finding.as_dict() for finding in findings]})
        return 0
    marks = {"ok": "[green]ok[/green]", "warn": "[yellow]warn[/yellow]", "info": "info"}
    rows = [[marks[f.level], *map(escaped, (f.subject, f.value, f.advice))] for f in findings]
    table(["", "what", "found", "what to do"], rows, markup=True)
    warnings = sum(finding.level == "warn" for finding in findings)
    note(f"{warnings} of {len(findings)} may spoil a measurement" if warnings else "nothing here spoils a measurement")
    return 0
