"""What tells cases apart in a table, on wide and on narrow terminals."""

from __future__ import annotations

import pytest

from harness.cases import CaseRow
from harness.commands._common import case_columns, table

TECHNIQUES = [
    CaseRow("app", {"technique": name, "twirled": name, "folding": folding, "n_qubits": 4, "noise": 0.25}, [])
    for name in ("extrapolation", "cancellation")
    for folding in ("global", "local")
]


@pytest.mark.parametrize(
    ("width", "columns", "first"),
    [
        (140, ["technique", "twirled", "folding"], ["extrapolation", "extrapolation", "global"]),
        (80, ["technique", "folding"], ["extrapolation", "global"]),
        (60, ["case"], ["extrapolation, global"]),
    ],
)
def test_as_many_columns_as_the_terminal_has_room_for(
    monkeypatch: pytest.MonkeyPatch, width: int, columns: list[str], first: list[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    names, cells, _ = case_columns(TECHNIQUES)
    assert (names, cells[0]) == (columns, first)
    assert len({tuple(row) for row in cells}) == len(TECHNIQUES)


def test_numbers_are_set_flush_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    rows = [CaseRow("app", {"n_qubits": n, "family": name}, []) for n, name in ((2, "ghz"), (4, "qft"))]
    assert case_columns(rows)[2] == "n_qubits"


def test_pilots_that_differ_are_never_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    columns = ("qubits", "pilots", "time (median)", "range", "rate", "check", "")
    remark = "no GPU is present here " * 9
    table(columns, [("2", name, "24.4 s", "12%", "0.3 circuits/s", "pass", remark) for name in ("aer", "qpu")])
    shown = capsys.readouterr().out
    assert "aer" in shown
    assert "left out for lack of width: range, rate" in shown


def test_seeds_are_told_where_nothing_else_differs() -> None:
    same = [CaseRow("app", {"n_qubits": 4, "seed": seed}, []) for seed in (1, 2)]
    assert case_columns(same)[:2] == (["seed"], [["1"], ["2"]])
    other = [CaseRow("app", {"n_qubits": n, "seed": seed}, []) for n, seed in ((2, 1), (4, 2))]
    assert case_columns(other)[0] == ["n_qubits"]
