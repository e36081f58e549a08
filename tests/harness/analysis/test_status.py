"""What ``qhpc status`` prints of campaigns with several mini-apps, and with many cases."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Make = Callable[..., Any]


def test_each_mini_app_has_a_table_with_its_own_parameters(
    qhpc: Any, tmp_path: Path, make_campaign: Make, make_record: Make, write_store: Make
) -> None:
    records = make_campaign(widths=(2, 4), engines=("inline",), repeats=2)
    other = [make_record(app="toy", key=f"{n:016x}", params={"rounds": n}) for n in (7, 9)]
    done = qhpc("status", write_store(tmp_path / "results", [*records, *other]))
    assert done.code == 0
    first, second = done.out.split("toy: 2 cases")
    assert "n_qubits" in first
    assert "rounds" not in first
    assert "rounds" in second
    assert "n_qubits" not in second
    assert done.err.startswith("fig6: 4 cases, 6 ok")


def test_of_many_cases_those_that_want_a_look_are_shown(
    qhpc: Any, tmp_path: Path, make_campaign: Make, failed_record: Make, write_store: Make
) -> None:
    records = make_campaign(widths=range(2, 80), engines=("inline",), repeats=1)
    store = write_store(tmp_path / "results", [*records, failed_record(repeat=3, n_qubits=40, engine="inline")])
    done = qhpc("status", store)
    rows = [line for line in done.out.splitlines() if "here" in line]
    assert [row.split()[0] for row in rows] == ["40"]
    assert "77 of 78 cases not shown: --all, or --json" in done.err
    every = qhpc("status", store, "--all")
    assert len([line for line in every.out.splitlines() if "here" in line]) == 78


def test_of_many_good_cases_the_first_are_shown(
    qhpc: Any, tmp_path: Path, make_campaign: Make, write_store: Make
) -> None:
    store = write_store(tmp_path / "results", make_campaign(widths=range(2, 80), engines=("inline",), repeats=1))
    done = qhpc("status", store)
    assert len([line for line in done.out.splitlines() if "here" in line]) == 60
    assert "18 of 78 cases not shown" in done.err
