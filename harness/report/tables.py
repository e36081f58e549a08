"""Tables of a campaign: one row a case, as Markdown, LaTeX, CSV values and for the terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from harness.labels import axes, axes_at, pool_id, pool_names, quantity, value

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .summary import CaseSummary

_NUMBERS: Final = ("n", "median", "quartiles", "interval", "rate")
_LATEX: Final = str.maketrans(
    {
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "\\": r"\textbackslash{}",
        "µ": r"\textmu{}",
        "–": "--",
        "×": r"$\times$",
        "÷": r"$\div$",
        "⟨": r"$\langle$",
        "⟩": r"$\rangle$",
        "≥": r"$\geq$",
        "·": r"$\cdot$",
        "°": r"\textdegree{}",
    }
)


@dataclass(frozen=True, slots=True)
class Table:
    """Text in rows and columns.

    Attributes
    ----------
    name
        Stem of its files.
    title
        One line above.
    columns
        Headings.
    rows
        As many cells each as there are headings.
    right
        Headings of columns that are set flush right.
    caption
        Text below: where the numbers come from.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: frozenset[str]
    caption: str = ""


def campaign_table(campaign: str, cases: Sequence[CaseSummary], caption: str = "") -> Table:
    """Return the table of a campaign's cases, in their order.

    Columns are what differs among the cases (of several mini-apps: what tells them apart), then samples, median,
    quartiles and 95 % interval of the main metric, rate, verdicts of the answer checks and how repeats ended. A case
    without a value has ``–``.
    """
    apps = ["app"] if len({case.app for case in cases}) > 1 else []
    varying = axes_at(cases, None) if apps else list(axes(cases))
    kinds = ["kind"] if {case.kind for case in cases} != {"measured"} else []
    pools = pool_names(case.pool for case in cases)
    columns = (*apps, *kinds, *varying, "pilots", *_NUMBERS, "answer check", "repeats")
    rows = tuple(
        (
            *([case.app] if apps else []),
            *([case.kind] if kinds else []),
            *(value(case.params.get(name)) for name in varying),
            pools[pool_id(case.pool)],
            *_numbers(case),
            _counted(case.checks) + (" (answers differ)" if len(case.digests) > 1 else ""),
            _counted(case.statuses),
        )
        for case in cases
    )
    right = frozenset([*_NUMBERS, *(name for name in varying if _all_numbers(cases, name))])
    return Table(campaign, _title(campaign, cases), columns, rows, right, caption)


def _title(campaign: str, cases: Sequence[CaseSummary]) -> str:
    metrics = sorted({case.metric for case in cases if case.metric})
    return f"{campaign}: {', '.join(metrics) or 'nothing was measured'}"


def _numbers(case: CaseSummary) -> tuple[str, ...]:
    main, unit = case.main, case.unit
    if main is None:
        return "0", "–", "–", "–", "–"
    return (
        str(main.n),
        quantity(main.median, unit),
        _span(main.q1, main.q3, unit),
        _span(main.low, main.high, unit),
        quantity(case.rate, case.rate_unit),
    )


def _span(low: float, high: float, unit: str) -> str:
    """Return two quantities; the first without its unit where both have the same."""
    first, second = quantity(low, unit), quantity(high, unit)
    number, _, rest = first.partition(" ")
    return f"{number if second.endswith(f' {rest}') else first} – {second}"


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())


def _all_numbers(cases: Sequence[CaseSummary], name: str) -> bool:
    return all(isinstance(case.params.get(name), int | float | None) for case in cases)


# ---------------------------------------------------------------- forms


def markdown(table: Table) -> str:
    """Return the table in GitHub's Markdown, padded so that it can be read as it is."""
    cells = [table.columns, *table.rows]
    widths = [max(3, *(len(row[i]) for row in cells)) for i in range(len(table.columns))]
    rule = [f"{'-' * (w - 1)}:" if c in table.right else "-" * w for c, w in zip(table.columns, widths, strict=True)]
    escaped = [[cell.replace("|", r"\|") for cell in row] for row in cells]
    lines = [_padded(row, table, widths) for row in escaped]
    return "\n".join([f"### {table.title}", "", lines[0], f"| {' | '.join(rule)} |", *lines[1:], "", table.caption, ""])


def _padded(row: Sequence[str], table: Table, widths: Sequence[int]) -> str:
    cells = [
        cell.rjust(width) if name in table.right else cell.ljust(width)
        for cell, name, width in zip(row, table.columns, widths, strict=True)
    ]
    return f"| {' | '.join(cells)} |"


def latex(table: Table) -> str:
    r"""Return the table in LaTeX with the rules of ``booktabs``; needs ``\usepackage{booktabs}``."""
    form = "".join("r" if name in table.right else "l" for name in table.columns)
    rows = [_latex_row(row) for row in table.rows]
    return "\n".join(
        [
            r"\begin{table}",
            r"  \centering",
            rf"  \caption{{{_tex(f'{table.title}. {table.caption}'.strip())}}}",
            rf"  \label{{tab:{table.name}}}",
            rf"  \begin{{tabular}}{{{form}}}",
            r"    \toprule",
            f"    {_latex_row(table.columns)}",
            r"    \midrule",
            *(f"    {row}" for row in rows),
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def latex_figure(stem: str, caption: str) -> str:
    r"""Return a figure in LaTeX that shows ``<stem>.pdf``; needs ``\usepackage{graphicx}``."""
    return "\n".join(
        [
            r"\begin{figure}",
            r"  \centering",
            rf"  \includegraphics[width=\linewidth]{{{stem}.pdf}}",
            rf"  \caption{{{_tex(caption)}}}",
            rf"  \label{{fig:{stem}}}",
            r"\end{figure}",
            "",
        ]
    )


def _latex_row(row: Sequence[str]) -> str:
    return rf"{' & '.join(_tex(cell) for cell in row)} \\"


def _tex(text: str) -> str:
    return text.translate(_LATEX)


def csv_text(table: Table) -> str:
    """Return headings and rows as comma-separated values."""
    from csv import writer
    from io import StringIO

    text = StringIO()
    writer(text, lineterminator="\n").writerows([table.columns, *table.rows])
    return text.getvalue()


def write_table(table: Table, directory: Path, stem: str, *, csv: bool = False) -> list[Path]:
    """Write a table as Markdown and LaTeX, and as CSV if that name is not taken by the points of a figure."""
    forms = {"md": markdown, "tex": latex, **({"csv": csv_text} if csv else {})}
    directory.mkdir(parents=True, exist_ok=True)
    files = []
    for suffix, form in forms.items():
        file = directory / f"{stem}.{suffix}"
        file.write_text(form(table), encoding="utf-8")
        files.append(file)
    return files


def as_dicts(cases: Sequence[CaseSummary]) -> list[dict[str, Any]]:
    """Return the cases with their numbers as plain JSON values."""
    from dataclasses import asdict

    return [asdict(case) for case in cases]
