"""Running: every repeat becomes a record, whatever happens; the exit code says how the campaign stands."""

from __future__ import annotations

import errno
import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.record import Record
from harness.store import read_records
from tests.harness.conftest import GOOD, Qhpc

Campaign = Callable[..., Path]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "results" / "toys"


def records(results: Path) -> list[Record]:
    found = read_records(results)
    assert found.damaged == []
    return found.records


def statuses(results: Path) -> Counter[str]:
    return Counter(record.status for record in records(results))


def test_a_run_records_every_repeat_interleaved_and_says_where_it_stands(
    qhpc: Qhpc, campaign: Campaign, results: Path
) -> None:
    done = qhpc("run", campaign(), "--json")
    assert done.code == 0
    said = done.json
    assert said["counts"] == {"ok": 4, "missing": 0}
    assert said["exit_code"] == 0
    assert [case["params"]["n_tasks"] for case in said["cases"]] == [1, 3]
    assert all(len(case["digests"]) == 1 for case in said["cases"])
    found = records(results)
    assert [(r.params["n_tasks"], r.repeat) for r in found] == [(1, 0), (3, 0), (1, 1), (3, 1)]
    assert Path(said["records"]).read_text().count("\n") == 4


def test_a_record_says_what_was_measured_and_where(qhpc: Qhpc, campaign: Campaign, results: Path) -> None:
    assert qhpc("run", campaign()).code == 0
    record = records(results)[0]
    assert (record.schema_version, record.campaign, record.app, record.kind) == (1, "toys", "toy", "measured")
    assert record.params["seed"] == record.seed == 5
    assert record.pool[0]["engine"] == "inline"
    assert (record.check.verdict, record.check.value, record.check.expected) == ("pass", 0.0, 0.0)
    main = record.metrics["time_to_value_s"]
    assert (main.unit, main.better, main.samples) == ("s", "lower", [main.value])
    assert set(record.stages_s) == {"hash"}
    assert record.trace["tasks"] == 1
    assert {"git", "packages", "python", "machine", "threads", "load_before"} <= set(record.environment)
    assert record.started_at.endswith("+00:00")


def test_the_same_command_runs_nothing_twice(qhpc: Qhpc, campaign: Campaign, results: Path) -> None:
    path = campaign()
    assert qhpc("run", path, "--only", "n_tasks == 3").code == 0
    assert statuses(results) == {"ok": 2}
    said = qhpc("run", path, "--json").json
    assert (said["recorded"], said["counts"]) == (2, {"ok": 4, "missing": 0})
    said = qhpc("run", path, "--json").json
    assert (said["recorded"], said["records"]) == (0, None)
    assert qhpc("run", path, "--repeats", 3, "--json").json["recorded"] == 2


@pytest.mark.parametrize(
    ("behaviour", "status", "error", "code"),
    [
        ("raise", "failed", "RuntimeError: told to raise on 5000", 3),
        ("wrong", "check_failed", "", 4),
        ("unsupported", "unsupported", "NotImplementedError: told to be unsupported", 0),
        ("nan", "failed", "ValidationError", 3),
        ("odd_text", "failed", "half a pair \\udc80", 3),
    ],
)
def test_a_repeat_that_goes_wrong_is_a_record_with_its_reason(
    qhpc: Qhpc, campaign: Campaign, results: Path, behaviour: str, status: str, error: str, code: int
) -> None:
    path = campaign(n_tasks=1)
    path.write_text(path.read_text() + f'behaviour = ["ok", "{behaviour}"]\n')
    done = qhpc("run", path, "--json")
    assert done.code == code
    assert statuses(results) == {"ok": 2, status: 2}
    for record in records(results):
        if record.status != "ok":
            assert (record.error is None) == (error == "")
            assert error in f"{record.error.type}: {record.error.message}" if record.error else not error
            assert bool(record.metrics) == (status == "check_failed")
            assert str(Path.cwd()) not in (record.error.traceback if record.error else ""), "records travel"
    assert qhpc("run", path, "--json").json["recorded"] == 2, "what is not ok is tried again, what is ok is not"


def test_a_wrong_answer_outranks_a_failure_and_nothing_measured_outranks_failures(
    qhpc: Qhpc, campaign: Campaign
) -> None:
    path = campaign(n_tasks=1)
    text = path.read_text()
    for behaviours, code in ((["ok", "raise", "wrong"], 4), (["raise", "unsupported"], 6), (["wrong"], 4)):
        path.write_text(text.replace("toys", f"toys{code}{len(behaviours)}") + f"behaviour = {behaviours}\n")
        assert qhpc("run", path).code == code


def test_a_repeat_that_takes_too_long_is_stopped_and_the_next_ones_run(
    qhpc: Qhpc, campaign: Campaign, results: Path
) -> None:
    path = campaign(engine="processes", n_tasks=2, repeats=1)
    path.write_text(path.read_text().replace("warmups", "time_limit_s = 1\nwarmups") + 'behaviour = ["hang", "ok"]\n')
    assert qhpc("run", path).code == 3
    found = {record.params["behaviour"]: record for record in records(results)}
    assert found["hang"].status == "timeout"
    assert found["hang"].error is not None
    assert "time limit of 1 s" in found["hang"].error.message
    assert found["ok"].status == "ok"
    assert found["hang"].elapsed_s < 20


def test_a_task_that_kills_its_workers_fails_its_repeat_only(qhpc: Qhpc, campaign: Campaign, results: Path) -> None:
    path = campaign(engine="processes", n_tasks=1, repeats=2)
    path.write_text(path.read_text() + 'behaviour = ["die", "ok"]\n')
    assert qhpc("run", path).code == 3
    assert statuses(results) == {"failed": 2, "ok": 2}
    assert {record.error.type for record in records(results) if record.error} == {"WorkerLost"}


def test_cases_that_do_not_fit_can_be_skipped_and_are_recorded_once(
    qhpc: Qhpc, campaign: Campaign, results: Path
) -> None:
    path = campaign(n_tasks=1)
    path.write_text(path.read_text() + "memory = [1, 1000000000000000]\n")
    assert qhpc("run", path).code == 2
    assert not results.exists()
    assert qhpc("run", path, "--skip-unfit").code == 0
    assert statuses(results) == {"ok": 2, "unsupported": 2}
    assert qhpc("run", path, "--skip-unfit").code == 0
    assert statuses(results) == {"ok": 2, "unsupported": 2}


def test_a_dry_run_writes_nothing(qhpc: Qhpc, campaign: Campaign, results: Path) -> None:
    done = qhpc("run", campaign(), "--dry-run", "--json")
    assert done.code == 0
    assert done.json["repeats_missing"] == 4
    assert not results.exists()


def test_a_spent_budget_ends_the_run_between_repeats(qhpc: Qhpc, campaign: Campaign, results: Path) -> None:
    said = qhpc("run", campaign(), "--budget-s", 0, "--json")
    assert said.code == 6
    assert said.json["budget_spent"] is True
    assert said.json["counts"] == {"missing": 4}
    assert not (results / "records").exists()


def test_pilots_of_a_pool_are_held_together_and_alternatives_one_after_the_other(
    qhpc: Qhpc, campaign: Campaign, results: Path
) -> None:
    pool = "".join(f'[[pilots]]\nname = "{name}"\npool = "both"\nengine = "inline"\n' for name in "ab")
    path = campaign(GOOD.replace("[[apps]]", f"{pool}\n[[apps]]"), n_tasks=40)
    assert qhpc("run", path).code == 0
    used = [sorted(record.trace["pilots"]) for record in records(results)]
    assert used[:2] == [["here"], ["here"]]
    assert set(used[2] + used[3]) <= {"a", "b"}
    assert len({record.digest for record in records(results)}) == 1


def test_a_campaign_that_changed_keeps_its_records_and_its_former_text(
    qhpc: Qhpc, campaign: Campaign, results: Path
) -> None:
    qhpc("run", campaign())
    qhpc("run", campaign(n_tasks=[1, 3, 4]))
    assert statuses(results) == {"ok": 6}
    kept = sorted(path.name for path in results.glob("campaign*.toml"))
    assert len(kept) == 2
    assert (results / "campaign.toml").read_text() == campaign(n_tasks=[1, 3, 4]).read_text()
    assert next(results.glob("campaign.until-*.toml")).read_text() == campaign().read_text()


def test_a_torn_line_is_set_aside_told_and_run_again(qhpc: Qhpc, campaign: Campaign, results: Path) -> None:
    qhpc("run", campaign())
    (file,) = (results / "records").glob("*.jsonl")
    file.write_bytes(file.read_bytes()[:-20])
    done = qhpc("run", campaign(), "--json")
    assert done.code == 0
    assert done.json["recorded"] == 1
    assert [(d["file"], d["line"]) for d in done.json["damaged"]] == [(str(file), 4)]
    assert f"set aside: {file}:4" in done.err
    assert len({(r.key, r.repeat) for r in records(results)}) == len(records(results)) == 4


def test_two_runs_do_not_share_a_directory(qhpc: Qhpc, campaign: Campaign, results: Path) -> None:
    from harness.store import run_lock

    results.mkdir(parents=True)
    with run_lock(results):
        done = qhpc("run", campaign())
    assert done.code == 2
    assert "in use by another run" in done.err


def test_status_tells_the_same_from_the_records_alone(qhpc: Qhpc, campaign: Campaign, results: Path) -> None:
    path = campaign()
    assert qhpc("status", path).code == 2
    ran = qhpc("run", path, "--json").json
    for target in (path, results, results.parent):
        (said,) = qhpc("status", target, "--json").json["campaigns"]
        assert said["cases"] == ran["cases"]
        assert said["counts"] == ran["counts"]


def test_what_tasks_print_does_not_reach_stdout_with_json(tmp_path: Path, qhpc: Qhpc, campaign: Campaign) -> None:
    (tmp_path / "loud.py").write_text(
        "import os, sys\nfrom tests.harness import toy\nfrom dataclasses import replace\n"
        "def run(params, runtime):\n    print('loud'); os.write(1, b'louder'); return toy.run(params, runtime)\n"
        "APP = replace(toy.APP, functions={**toy.APP.functions, 'run': 'loud:run'})\n"
    )
    done = qhpc("run", campaign(GOOD.replace("tests.harness.toy:APP", "loud:APP")), "--json")
    assert done.json["counts"] == {"ok": 4, "missing": 0}
    assert "louder" in done.err


def test_every_engine_gives_the_same_answers(qhpc: Qhpc, campaign: Campaign, results: Path) -> None:
    other = '[[pilots]]\nname = "p"\nengine = "processes"\ncores_per_node = 2\n'
    assert qhpc("run", campaign(GOOD.replace("[[apps]]", f"{other}\n[[apps]]"))).code == 0
    by_case: dict[Any, set[str]] = {}
    for record in records(results):
        by_case.setdefault(json.dumps(record.params), set()).add(record.digest)
    assert [len(digests) for digests in by_case.values()] == [1, 1]
    assert len(records(results)) == 8


def test_results_that_cannot_be_kept_are_told_in_one_line(qhpc: Qhpc, campaign: Campaign, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = qhpc("run", campaign(), "--results", tmp_path / "file")
    assert (done.code, done.out) == (2, "")
    assert "cannot keep results there" in done.err


def test_a_full_disk_ends_the_run_and_keeps_what_was_written(
    qhpc: Qhpc, campaign: Campaign, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = os.fsync, Counter[str]()

    def full(handle: int) -> None:
        calls["fsync"] += Path(f"/proc/self/fd/{handle}").readlink().suffix == ".jsonl"
        if calls["fsync"] == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    done = qhpc("run", campaign())
    assert done.code == 1
    assert done.err.count("\n") == 1
    assert "No space left" in done.err
    assert statuses(results) == {"ok": 2}
