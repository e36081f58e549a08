"""The gate: what is flagged, what is measured again, which counts are gated, and that it measures commits."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.compare import compare
from harness.effects import Rules
from harness.errors import Exit, UserError
from harness.expressions import LONGEST, parse
from harness.gate import GateResult, Request, build, gate
from harness.gate.build import git
from harness.gate.counts import compared, of_records
from harness.gate.decide import conditions
from harness.gate.demonstrate import slowed
from harness.record import MetricRecord
from tests.architecture.source import ROOT

CAMPAIGN = """
name = "small"
[[pilots]]
engine = "inline"
[[apps]]
name = "dispatch"
repeats = 1
warmups = 0
[apps.params]
n_tasks = [3, 5]
"""

Make = Callable[..., Any]


# ---------------------------------------------------------------- counts


@pytest.mark.parametrize(
    ("name", "base", "head", "change"),
    [
        ("tasks", [4, 4], [4, 4], "same"),
        ("tasks", [4, 4], [5, 5], "worse"),
        ("compilations", [3, 3], [2, 2], "better"),
        ("record_bytes", [100], [99], "better"),
        ("instructions", [1000], [1001], "worse"),
        ("circuits", [64], [63], "worse"),
        ("messages", [4, 5], [9, 9], "varies"),
        ("messages", [4, 4], [4, 5], "varies"),
    ],
)
def test_a_count_is_gated_where_repeats_agree(name: str, base: list[float], head: list[float], change: str) -> None:
    (found,) = compared({"case": {name: base}}, {"case": {name: head}})
    assert found.change == change


def test_a_tolerance_is_relative() -> None:
    sides = {"p": {"instructions": [1000.0, 1004.0]}}, {"p": {"instructions": [1003.0]}}
    assert compared(*sides, tolerances={"instructions": 0.005})[0].change == "same"
    assert compared(*sides)[0].change == "varies"


def test_only_whole_numbers_of_ok_repeats_are_counts(make_record: Make, failed_record: Make) -> None:
    metrics = {"compilations": MetricRecord(value=3, unit="1"), "seconds": MetricRecord(value=0.5, unit="s")}
    trace = {"tasks": 8, "messages": 2.0, "workers": {"a": 8}}
    records = [make_record(metrics=metrics, trace=trace), failed_record(repeat=1, trace=trace)]
    (found,) = of_records(records).values()
    assert found == {"compilations": [3], "tasks": [8], "messages": [2.0]}


# ---------------------------------------------------------------- decisions


def _slower(make_campaign: Make, factor: float, **where: Any) -> list[Any]:
    records = make_campaign(seed=2)
    return [
        record.model_copy(update={"metrics": _times(record, factor)}) if _is(record, where) else record
        for record in records
    ]


def _is(record: Any, where: dict[str, Any]) -> bool:
    return all(record.params[name] == value for name, value in where.items())


def _times(record: Any, factor: float) -> dict[str, MetricRecord]:
    main = record.metrics["time_to_value_s"]
    return {"time_to_value_s": main.model_copy(update={"value": main.value * factor})}


def test_conditions_choose_exactly_what_was_flagged(make_campaign: Make) -> None:
    found = compare(make_campaign(seed=1), _slower(make_campaign, 1.3, n_qubits=14), rules=Rules()).comparisons
    flagged = [c for c in found if c.verdict == "worse"]
    (text,) = conditions(flagged, found)
    condition = parse(text)
    chosen = {c.key for c in found if condition.holds({"app": c.app, **c.params})}
    assert chosen == {c.key for c in flagged} != set()


def test_too_many_flagged_cases_are_all_measured_again(make_campaign: Make) -> None:
    found = compare(make_campaign(seed=1, widths=range(2, 60)), make_campaign(seed=2, widths=range(2, 60))).comparisons
    (text,) = conditions(found, found)
    assert text == "app == 'circuit_execution'"
    assert len(text) <= LONGEST


def test_only_what_is_slower_twice_is_a_regression(make_campaign: Make) -> None:
    first = compare(make_campaign(seed=1), _slower(make_campaign, 1.3, n_qubits=14), rules=Rules()).comparisons
    same = compare(make_campaign(seed=3), make_campaign(seed=4), rules=Rules()).comparisons
    assert GateResult("a", "b", first=first).code == Exit.OK
    assert GateResult("a", "b", first=first, again=same).code == Exit.OK
    assert GateResult("a", "b", first=first, again=first).code == Exit.REGRESSION


def test_counts_failures_and_nothing_have_their_exit_codes(make_campaign: Make) -> None:
    first = compare(make_campaign(seed=1), make_campaign(seed=2), rules=Rules()).comparisons
    counts = compared({"case": {"tasks": [4]}}, {"case": {"tasks": [5]}})
    assert GateResult("a", "b", first=first, counts=counts).code == Exit.REGRESSION
    assert GateResult("a", "b", first=first, broken={"failed": 1}).code == Exit.CASES_FAILED
    assert GateResult("a", "b", first=first, broken={"check_failed": 1}).code == Exit.CHECK_FAILED
    assert GateResult("a", "b").code == Exit.NOTHING_MEASURED
    assert json.loads(json.dumps(GateResult("a", "b", first=first).as_dict()))["exit_code"] == 0


# ---------------------------------------------------------------- commits


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of this checkout, whose last commit is slower than the one before."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("needs a git checkout")
    place = tmp_path_factory.mktemp("gate") / "clone"
    git(ROOT, "clone", "--quiet", "--shared", str(ROOT), str(place))
    slowed(place, 1.2)
    return place


def test_each_side_measures_its_own_commit_and_nothing_else(clone: Path, tmp_path: Path) -> None:
    campaign = tmp_path / "small.toml"
    campaign.write_text(CAMPAIGN)
    said: list[str] = []
    request = Request(
        clone, "HEAD~1", campaign=campaign, only="n_tasks > 3", rounds=1, instructions=False, cache=tmp_path / "cache"
    )
    found = gate(request, said.append)
    assert found.code == Exit.OK
    assert [(c.params["n_tasks"], c.verdict) for c in found.first] == [(5, "undecided")]
    assert [line.partition(":")[0] for line in said] == ["round 1 of 1", "round 1 of 1", "bytes"]
    commits = {}
    for file in (tmp_path / "cache" / "runs").rglob("*.jsonl"):
        (record,) = map(json.loads, file.read_text().splitlines())
        commits[file.parents[2].name] = record["environment"]["git"]
    expected = {"base": git(clone, "rev-parse", "HEAD~1"), "head": git(clone, "rev-parse", "HEAD")}
    assert {side: state["commit"] for side, state in commits.items()} == expected
    assert not any(state["dirty"] for state in commits.values())


def test_what_does_not_exist_is_one_line(clone: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="commit 'nowhere': not found in"):
        build("base", "nowhere", repository=clone, cache=tmp_path)


def test_the_command_needs_a_checkout(qhpc: Any, tmp_path: Path) -> None:
    done = qhpc("gate", "--base", "HEAD", "--repository", tmp_path)
    assert (done.code, done.err.count("\n")) == (2, 1)
