"""The paper from records: the same bytes, what is missing named with its command, nothing run unasked."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli import main
from harness.report.paper import ITEMS, NAMES, SCALES, chosen, regenerate, run
from harness.report.paper.progress import progress, shipped_campaign
from tests.architecture.source import ROOT
from tests.harness.publication import made_up

MEASURED = [item for item in ITEMS if item.measured]
LAPTOP_S = 120 * 60


def _bytes(directory: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in directory.iterdir()}


@pytest.fixture(name="store", scope="module")
def _store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [row for name in ("fig10", "fig11", "table3") for row in made_up.records(name)]
    return made_up.write(tmp_path_factory.mktemp("results"), rows)


@pytest.fixture(name="made", scope="module")
def _made(store: Path, tmp_path_factory: pytest.TempPathFactory):
    return regenerate(
        chosen(["table1", "table2", "table3", "fig10", "fig11"]), store, tmp_path_factory.mktemp("out"), "laptop"
    )


# ---------------------------------------------------------------- what is written


def test_every_item_comes_in_every_form(made) -> None:
    files = {file.name for file in made.index.parent.iterdir()}
    for name in ("table3", "fig10", "fig11"):
        assert {f"{name}.{kind}" for kind in ("png", "svg", "pdf", "csv", "json", "md", "tex")} <= files
        latex = (made.index.parent / f"{name}-figure.tex").read_text("utf-8")
        assert f"{{{name}.pdf}}" in latex
        assert "95 \\%" in latex
    for name in ("table1", "table2", "claims"):
        assert {f"{name}.{kind}" for kind in ("md", "tex", "csv")} <= files
    assert [one.state for one in made.made] == ["drawn"] * 5
    index = made.index.read_text("utf-8")
    assert "![Figure 11: circuit cutting, number of cuts, campaign fig11](fig11.png)" in index
    assert all(words in index for words in ("commit 1a2b3c4d5e", "node1 (made up, 2 cores)", "Campaign fig11"))


def test_the_same_records_give_the_same_bytes_whatever_their_order_and_place(store: Path, made, tmp_path: Path) -> None:
    rows = [row for name in ("fig10", "fig11", "table3") for row in made_up.records(name)]
    rows.sort(key=lambda row: (-row.repeat, row.key))
    again = regenerate(
        [one.item for one in made.made], made_up.write(tmp_path / "elsewhere", rows), tmp_path / "again", "laptop"
    )
    first, second = _bytes(made.index.parent), _bytes(again.index.parent)
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


def test_without_records_everything_says_how_to_make_it(tmp_path: Path) -> None:
    made = regenerate(chosen([]), tmp_path / "nothing", tmp_path / "out", "laptop")
    assert {one.item.name: one.state for one in made.made} == {
        item.name: "no data" if item.measured else "drawn" for item in ITEMS
    }
    index = made.index.read_text("utf-8")
    for item in MEASURED:
        assert f"`qhpc paper {item.name} --scale laptop`, at most" in index
    assert {finding.verdict for _, finding in made.judged} == {"not testable here"}
    assert all(finding.why for _, finding in made.judged)


def test_a_campaign_that_is_not_complete_is_drawn_and_says_so(tmp_path: Path) -> None:
    made_up.write(tmp_path / "results", made_up.records("fig11", repeats=1))
    (one,) = regenerate(chosen(["fig11"]), tmp_path / "results", tmp_path / "out", "laptop").made
    assert one.state == "partial"
    assert one.progress is not None
    assert one.progress.ok < one.progress.wanted
    assert "Incomplete" in (tmp_path / "out" / "README.md").read_text("utf-8")


def test_campaigns_of_an_items_name_are_drawn_beside_it(tmp_path: Path) -> None:
    rows = made_up.records("fig11", repeats=1)
    other = [row.model_copy(update={"campaign": "fig11-gpu"}) for row in rows]
    made_up.write(tmp_path / "results", [*rows, *other])
    (one,) = regenerate(chosen(["fig11"]), tmp_path / "results", tmp_path / "out", "laptop").made
    assert [picture.stem for picture in one.pictures] == ["fig11", "fig11-gpu"]
    assert "Campaign fig11-gpu" in one.pictures[1].caption
    assert (tmp_path / "out" / "fig11-gpu.tex").read_text("utf-8").count("tab:fig11-gpu") == 1


# ---------------------------------------------------------------- campaigns behind it


def test_every_item_has_a_campaign_with_a_budget_at_every_scale() -> None:
    for item in MEASURED:
        assert set(item.campaigns) == set(SCALES)
        assert all(shipped_campaign(name).budget_s for name in item.campaigns.values()), item.name
    laptop = [shipped_campaign(item.campaigns["laptop"]).budget_s or 0 for item in MEASURED]
    assert sum(laptop) <= LAPTOP_S


def test_progress_counts_repeats_by_how_they_ended() -> None:
    campaign, rows = shipped_campaign("fig11"), made_up.records("fig11")
    lost = rows[0].model_copy(update={"status": "timeout"})
    never = rows[1].model_copy(update={"status": "unsupported"})
    found = progress(campaign, [lost, never, *rows[3:]])
    assert found is not None
    assert (found.wanted, found.ok, found.unsupported, found.failed) == (len(rows), len(rows) - 3, 1, 1)
    assert found.missing == 2
    assert found.sentence().endswith("1 cannot run on the machine that was used, 1 failed, 1 not tried yet.")


# ---------------------------------------------------------------- running what is missing


def test_the_steps_calibrate_first_where_a_model_is_needed() -> None:
    todo = run.steps("table4", Path("r"), budget_s=900.0, calibrate=True, machine=("--machine", "m"))
    assert [step.text for step in todo] == [
        "qhpc calibrate --results r",
        "qhpc run table4 --results r --skip-unfit --budget-s 900 --machine m",
    ]


def _command(*words: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(["paper", *words])
    return int(end.value.code or 0)


@pytest.fixture(name="started")
def _started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    started: list[str] = []

    def execute(todo) -> int:
        started.extend(step.text for step in todo)
        return 0

    monkeypatch.setattr(run, "execute", execute)
    return started


def test_only_what_is_missing_is_run(store: Path, tmp_path: Path, started: list[str], capsys) -> None:
    code = _command("fig11", "fig10", "fig9", "--results", str(store), "--out", str(tmp_path / "out"), "--json")
    assert (code, started) == (0, [f"qhpc run fig9 --results {store} --skip-unfit --budget-s 1200"])
    found = json.loads(capsys.readouterr().out)
    assert {item["name"]: item["state"] for item in found["items"]} == {
        "fig9": "no data",
        "fig10": "drawn",
        "fig11": "drawn",
    }
    assert {claim["verdict"] for claim in found["claims"]} <= {"holds", "does not hold here", "not testable here"}


def test_from_records_only_nothing_is_started(tmp_path: Path, started: list[str]) -> None:
    where = ("--results", str(tmp_path / "none"), "--out", str(tmp_path / "out"))
    assert _command("fig9", "--no-run", *where) == 0
    assert started == []


def test_a_run_that_a_person_ends_ends_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "execute", lambda _: 130)
    assert _command("fig9", "fig11", "--results", str(tmp_path), "--out", str(tmp_path / "out")) == 130
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "said"), [(("fig12",), "did you mean"), (("--scale", "planet"), "laptop, node, paper")]
)
def test_wrong_names_are_refused_with_the_choices(words: tuple[str, ...], said: str, capsys) -> None:
    assert _command(*words) == 2
    assert said in capsys.readouterr().err


_CALLED = """
import signal, sys, time
signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
print("ready", flush=True)
time.sleep(60)
"""
_CALLER = """
import sys
from harness.report.paper import run
print("code", run.call([sys.executable, "-c", sys.argv[1]]), flush=True)
"""


def test_a_signal_reaches_the_running_command_and_its_code_comes_back() -> None:
    command = [sys.executable, "-c", _CALLER, _CALLED]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True, **pipes) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "code 130\n")


def test_a_real_command_starts_no_repeat_after_its_budget(tmp_path: Path) -> None:
    where = ("--results", str(tmp_path / "results"), "--out", str(tmp_path / "out"))
    assert _command("table3", "--budget-s", "0", *where) == 0
    assert (tmp_path / "results" / "table3" / "campaign.toml").is_file()
    assert (tmp_path / "out" / "README.md").is_file()


def test_names_are_those_of_the_paper() -> None:
    assert ("table1", "table2", "table3", *(f"fig{n}" for n in range(6, 12)), "table4") == NAMES
