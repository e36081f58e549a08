"""The comparison of dispatch: every system does the work, wrong results are noticed, factors are ratios."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from harness.commands.peers import peers
from harness.errors import UserError
from harness.peers import dispatch
from harness.peers.dispatch import PAIRINGS, Pairing, compare
from harness.peers.dispatch_session import Cell, Session, WrongResult, run, timed
from harness.peers.dispatch_systems import SYSTEMS, Kernel, System, Way
from harness.peers.dispatch_tables import factors, tables
from miniapps.dispatch.kernels import noop, sleep

BARE = sorted(name for name in SYSTEMS if not name.startswith("ours"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the peers' own
@pytest.mark.parametrize("name", BARE)
def test_every_installed_system_runs_every_task(name: str) -> None:
    if SYSTEMS[name].version is None:
        pytest.skip(f"{SYSTEMS[name].package} is not installed")
    with SYSTEMS[name].opened(2) as ways:
        for way in ways:
            if way.only is None:
                assert timed(way, noop, "noop", 11) > 0
            assert timed(way, sleep, "sleep", 5) > 0


def _system(ways: list[Way], package: str = "") -> System:
    @contextmanager
    def opened(_workers: int) -> Iterator[list[Way]]:
        yield ways

    make: Callable[[int], AbstractContextManager[list[Way]]] = opened
    return System("made up", package, make)


def _serial(function: Kernel, n: int) -> list[Any]:
    return [function(index) for index in range(n)]


def _backwards(results: list[Any]) -> list[Any]:
    return results[::-1]


@pytest.mark.parametrize(
    ("collect", "ordered", "right"),
    [(list, True, True), (_backwards, False, True), (_backwards, True, False), (lambda found: found[1:], False, False)],
)
def test_wrong_results_are_noticed(collect: Callable[[Any], list[Any]], ordered: bool, right: bool) -> None:
    way = Way("made up", _serial, collect, ordered=ordered)
    if right:
        assert timed(way, noop, "noop", 5) > 0
        return
    with pytest.raises(WrongResult, match="made up"):
        timed(way, noop, "noop", 5)


def test_a_session_measures_every_way_and_says_what_it_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, int]] = []

    def told(name: str) -> Callable[[Kernel, int], list[Any]]:
        def submit(function: Kernel, n: int) -> list[Any]:
            calls.append((name, n))
            return _serial(function, n)

        return submit

    mine = [Way("any", told("any"), list), Way("few", told("few"), list, largest=300)]
    theirs = [Way("by name", told("by name"), list, by_value=False), Way("sleeps", told("sleeps"), list, only="sleep")]
    monkeypatch.setitem(SYSTEMS, "ours-x", _system(mine))
    monkeypatch.setitem(SYSTEMS, "x", _system(theirs))
    cells = (Cell("noop", 350, "new"), Cell("noop", 400), Cell("noop", 10**9))
    found = run(Session(("ours-x", "x"), cells, rounds=3, trips=4))
    rows = {(row["way"], row["n"]): row for row in found["rows"]}
    assert {key: len(row["seconds"]) for key, row in rows.items()} == {
        **{(name, n): 0 for name in ("any", "few", "by name") for n in (350, 400, 10**9)},
        ("any", 350): 3,
        ("any", 400): 3,
        ("by name", 400): 3,
    }
    assert rows["by name", 350]["left_out"] == "its functions travel by name"
    assert rows["few", 400]["left_out"] == "not asked for more than 300 tasks"
    assert rows["any", 10**9]["left_out"].startswith("would take")
    assert [name for name, n in calls if n == 400] == ["any", "by name", "by name", "any", "any", "by name"]
    assert {name: len(seconds) for name, seconds in found["round_trips"].items()} == {"ours-x": 4, "x": 4}


def test_a_session_survives_its_journey() -> None:
    for pairing in PAIRINGS:
        session = pairing.session()
        assert Session.from_json(session.as_json()) == session


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    tiny = Pairing("process-pool", "ours-processes", noops=(50,), sleeps=(10,))
    return compare([tiny], rounds=2, quick=True)


def test_a_pairing_is_measured_in_a_process_of_its_own(found: dict[str, Any]) -> None:
    (pairing,) = found["pairings"]
    assert "left_out" not in pairing, pairing["left_out"]
    measured = {(row["system"], row["task"]) for row in pairing["rows"] if len(row["seconds"]) == 3}
    assert measured >= {(name, task) for name in ("ours-processes", "process-pool") for task in ("noop", "sleep")}
    assert ("spawn-loop", "sleep") in measured
    assert len(pairing["round_trips"]["process-pool"]) == 50
    assert found["kind"] == "measured"
    assert found["environment"]["machine"]["cores"]
    json.dumps(found, allow_nan=False)


def test_factors_are_ratios_of_medians() -> None:
    def row(system: str, way: str, seconds: list[float]) -> dict[str, Any]:
        return {"system": system, "way": way, "task": "sleep", "n": 10, "function": "known", "seconds": seconds}

    rows = [
        row("ours-ray", "submit", [1.0, 2.0, 9.0]),
        row("ours-ray", "submit many", [0.1]),
        row("ray", "remote", [8.0, 1.0, 20.0]),
        row("spawn-loop", "loop", [1.0]),
    ]
    pairing = {"peer": "ray", "ours": "ours-ray", "rows": rows}
    (told,) = factors({"pairings": [pairing]})
    assert (told["ours"], told["theirs"], told["factor"], told["of_loop"]) == (5.0, 1.25, 4.0, 0.5)
    rows[2]["seconds"] = []
    (told,) = factors({"pairings": [pairing]})
    assert told["factor"] is None


def test_a_peer_that_is_missing_or_fails_is_named(monkeypatch: pytest.MonkeyPatch, found: dict[str, Any]) -> None:
    monkeypatch.setitem(SYSTEMS, "loky", replace(SYSTEMS["loky"], package="no-such-distribution"))
    session = Session(("loky",), (Cell("no such task", 1),))
    assert "no-such-distribution is not installed" in dispatch._in_process(session)["left_out"]
    failed = dispatch._in_process(replace(session, systems=("process-pool",)))
    assert "KeyError" in failed["left_out"]
    whole = {**found, "pairings": [*found["pairings"], {"peer": "parsl", "ours": "ours-processes", **failed}]}
    text = _printed({**whole, "weights": {"ray": {"weights": {"remote": 7000.0}}, "loky": failed}})
    assert "not measured" in text
    assert "7,000" in text
    assert "process-pool, submit" in text


def _printed(found: dict[str, Any]) -> str:
    console = Console(width=100)
    with console.capture() as capture:
        for table in tables(found):
            console.print(table)
    return capture.get()


def test_numbers_and_figure_are_written_and_a_part_replaces_no_whole(tmp_path: Path, found: dict[str, Any]) -> None:
    names = [dispatch.file_name(PAIRINGS, quick=False), dispatch.file_name(PAIRINGS[:2], quick=True)]
    assert names == ["dispatch.json", "dispatch-ray-dask-quick.json"]
    files = dispatch.write(found, tmp_path / names[0])
    assert json.loads(files[0].read_text("utf-8")) == found
    suffixes = {file.suffix for file in files[1:]}
    assert suffixes == {".png", ".svg", ".pdf", ".csv", ".json", ".md", ".tex"}
    points = (tmp_path / "figures" / "dispatch.csv").read_text("utf-8")
    assert "ours on processes,measured,noop,50,3," in points
    assert points.count(",published,sleep,") == 6


@pytest.mark.parametrize("words", [("dispatch", ["rey"]), ("throughput", [])])
def test_an_unknown_peer_or_comparison_is_refused_with_the_choices(words: tuple[str, list[str]]) -> None:
    with pytest.raises(UserError, match="valid: "):
        peers(*words)
