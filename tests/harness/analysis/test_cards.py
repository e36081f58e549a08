"""Tables 1 and 2 from the cards: every motif once, in order, nothing that has none."""

from __future__ import annotations

import json

import pytest

import miniapps
from harness.cli import main
from harness.report.cards import MODES, NONE, all_tables, installed, table_1, table_2


def test_every_motif_and_scenario_has_its_row() -> None:
    scenarios, motifs = all_tables()
    cards = {name: miniapps.load(name).card for name in miniapps.names()}
    with_motif = {name for name, card in cards.items() if card.integration_mode in MODES}
    assert {row[-1] for row in motifs.rows} - {NONE} == with_motif
    assert [row[0] for row in motifs.rows] == sorted(row[0] for row in motifs.rows)
    assert {row[0].split()[0] for row in motifs.rows} == {f"B.{n}" for n in range(1, 5)} | {
        f"C.{n}" for n in range(1, 6)
    }
    assert "dispatch" not in with_motif
    exercised = {(row[-2], row[1].casefold()) for row in scenarios.rows if row[-2] != NONE}
    assert exercised == {(name, text.casefold()) for name in with_motif for text in cards[name].scenarios}


def test_every_published_scenario_is_listed_and_those_without_a_mini_app_say_so() -> None:
    rows = table_1({}).rows
    assert len(rows) == 21
    assert {row[-2] for row in rows} == {NONE}
    assert [MODES.index(row[0]) for row in rows] == sorted(MODES.index(row[0]) for row in rows)
    assert {row[0]: row[-1] for row in table_2({}).rows}["B.4 Error Mitigation"] == NONE
    cut = {name: miniapps.load(name) for name in ("circuit_cutting",)}
    named = {row[1] for row in table_1(cut).rows if row[-2] == "circuit_cutting"}
    assert named == {"Circuit cutting", "Classical simulation"}
    assert len(table_1(cut, complete=False).rows) == 2


def test_one_mini_app_can_be_asked_for() -> None:
    assert [row[-1] for row in all_tables(["circuit_execution"])[1].rows] == ["circuit_execution"]
    assert set(installed()) == set(miniapps.names())


def test_the_command_prints_what_the_tables_hold(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["list", "--motifs", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["table2"][0]["Motif"] == all_tables()[1].rows[0][0]
