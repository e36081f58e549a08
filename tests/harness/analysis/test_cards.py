"""Tables 1 and 2 from the cards: every motif once, in order, nothing that has none."""

from __future__ import annotations

import json

import pytest

import miniapps
from harness.cli import main
from harness.report.cards import MODES, all_tables, installed


def test_every_motif_has_its_row() -> None:
    scenarios, motifs = all_tables()
    cards = {name: miniapps.load(name).card for name in miniapps.names()}
    with_motif = {name for name, card in cards.items() if card.integration_mode in MODES}
    assert {row[-1] for row in motifs.rows} == with_motif
    assert [row[0] for row in motifs.rows] == sorted(row[0] for row in motifs.rows)
    assert {"C.2", "C.3", "C.4"} <= {row[0].split()[0] for row in motifs.rows}
    assert "dispatch" not in with_motif
    assert {(row[2], row[1]) for row in scenarios.rows} == {
        (name, scenario) for name in with_motif for scenario in cards[name].scenarios
    }


def test_one_mini_app_can_be_asked_for() -> None:
    assert [row[-1] for row in all_tables(["circuit_execution"])[1].rows] == ["circuit_execution"]
    assert set(installed()) == set(miniapps.names())


def test_the_command_prints_what_the_tables_hold(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["list", "--motifs", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["table2"][0]["Motif"] == all_tables()[1].rows[0][0]
