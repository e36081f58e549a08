"""The paper's index: what was made of which records, what is missing and how to make it, and the claims."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from harness.report.tables import markdown, write_table

from . import claims
from .draw import NO_DATA, PARTIAL, Made, as_dict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .claims import Claim, Finding

INDEX: Final = "README.md"
_WORDS: Final = (
    "Tables and figures of the paper, made anew from records. A filled marker on a solid line was measured, a hollow "
    "grey one on a dashed line is published, a dotted line in a hatched band is projected. Points are in the CSV "
    "files; captions name campaign, commit and machine."
)


def write_claims(judged: list[tuple[Claim, Finding]], origin: str, out: Path) -> list[Path]:
    """Write the claims with their verdicts as Markdown, LaTeX, CSV and JSON."""
    files = write_table(claims.table(judged, origin), out, "claims", csv=True)
    return [*files, _json(claims.as_dicts(judged), out / "claims.json")]


def write_index(made: Sequence[Made], judged: list[tuple[Claim, Finding]], scale: str, out: Path) -> Path:
    """Write ``README.md`` and ``paper.json``; equal records give equal bytes."""
    _json(
        {"scale": scale, "items": [as_dict(one) for one in made], "claims": claims.as_dicts(judged)}, out / "paper.json"
    )
    parts = [f"# The paper from records, scale {scale}", "", _WORDS, "", *_overview(made), ""]
    for one in made:
        parts += _section(one, scale)
    parts += ["## Claims", "", "[Markdown](claims.md), [LaTeX](claims.tex), [CSV](claims.csv), [JSON](claims.json)", ""]
    file = out / INDEX
    file.write_text("\n".join([*parts, markdown(claims.table(judged))]), encoding="utf-8")
    return file


def _overview(made: Sequence[Made]) -> list[str]:
    rows = [f"| {one.item.title} | {one.state} | {one.campaign or 'no campaign'} |" for one in made]
    return ["| | state | campaign |", "|---|---|---|", *rows]


def _section(made: Made, scale: str) -> list[str]:
    lines = [f"## {made.item.title}", ""]
    if made.state == NO_DATA:
        budget = f", at most {made.budget_s / 60:.0f} minutes" if made.budget_s else ""
        lines += [f"No records yet. Make them: `{made.command} --scale {scale}`{budget}.", ""]
    if made.state == PARTIAL and made.progress is not None:
        lines += [f"{made.progress.sentence()} Go on: `{made.command} --scale {scale}`.", ""]
    for picture in made.pictures:
        image = next((name for name in picture.files if name.endswith(".png")), None)
        lines += [f"![{made.item.title}, campaign {picture.campaign}]({image})", ""] if image else []
        links = ", ".join(f"[{name}]({name})" for name in picture.files)
        lines += ([markdown(picture.table)] if picture.table else [picture.caption, ""]) + [f"Files: {links}", ""]
    return lines


def _json(value: Any, file: Path) -> Path:
    file.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return file
