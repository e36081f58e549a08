"""Comparing stores: what counts, what is found, what is said, and the exit code."""

from __future__ import annotations

import json

import pytest

from harness.cli import main
from harness.compare import compare
from harness.effects import Rules
from harness.record import MetricRecord

RULES = Rules(resamples=499)
OTHER = {"git": {"commit": "9f8e7d6c5b4a", "dirty": True}, "machine": {"hostname": "node2"}}


def slowed(records, factor, **where):
    """The same records, those of some cases slower by a factor, rates included."""
    return [
        _slowed(record, factor) if all(record.params[name] == value for name, value in where.items()) else record
        for record in records
    ]


def _slowed(record, factor):
    time, rate = record.metrics["time_to_value_s"], record.metrics["throughput"]
    metrics = {
        "time_to_value_s": time.model_copy(update={"value": time.value * factor}),
        "throughput": rate.model_copy(update={"value": rate.value / factor}),
    }
    return record.model_copy(update={"metrics": metrics})


def test_two_runs_of_the_same_code_raise_no_alarm(make_campaign) -> None:
    few = {"widths": (2, 10, 18), "engines": ("inline", "ray"), "noise": 0.02}
    draws = [compare(make_campaign(seed=s, **few), make_campaign(seed=s + 999, **few), rules=RULES) for s in range(20)]
    assert sum(d.count("worse") + d.count("better") for d in draws) == 0
    assert sum(d.count("same") for d in draws) > 60


def test_an_injected_slowdown_of_a_fifth_is_found_in_its_cases_only(make_campaign) -> None:
    a = make_campaign(seed=1)
    found = compare(a, slowed(make_campaign(seed=2), 1.2, n_qubits=14), rules=RULES)
    worse = [c for c in found.comparisons if c.verdict == "worse"]
    assert {c.params["n_qubits"] for c in worse} == {14}
    assert len(worse) == 3


def test_a_rate_that_only_restates_the_time_is_not_compared_twice_unless_asked(make_campaign) -> None:
    a, b = make_campaign(seed=1, widths=(2,)), slowed(make_campaign(seed=2, widths=(2,)), 1.3)
    assert {c.metric for c in compare(a, b, rules=RULES).comparisons} == {"time_to_value_s"}
    asked = compare(a, b, metrics=["throughput"], rules=RULES).comparisons
    assert {(c.metric, c.verdict) for c in asked} == {("throughput", "worse")}


def test_a_further_metric_is_compared_by_its_own_direction(make_record) -> None:
    def run(error: float) -> list:
        metrics = {"time_to_value_s": (1.0, "lower"), "error": (error, "lower"), "tasks": (8.0, "none")}
        made = {name: MetricRecord(value=v, unit="1", better=b) for name, (v, b) in metrics.items()}
        return [make_record(metrics=made, repeat=r) for r in range(7)]

    found = compare(run(1e-3), run(2e-3), rules=RULES)
    assert {c.metric: c.verdict for c in found.comparisons} == {"time_to_value_s": "same", "error": "worse"}


def test_only_measured_ok_records_count_and_the_others_are_counted(make_record, failed_record) -> None:
    a = [make_record(1.0, repeat=r) for r in range(7)]
    b = [*a, failed_record("timeout", repeat=7), make_record(9.0, repeat=8, kind="projected")]
    found = compare(a, b, rules=RULES)
    assert [c.effect.n_b for c in found.comparisons] == [7]
    assert found.ignored_b == {"status timeout": 1, "kind projected": 1}
    assert found.ignored_a == {}


def test_cases_of_one_side_are_listed_not_compared(make_campaign) -> None:
    found = compare(make_campaign(widths=(2, 4)), make_campaign(widths=(4, 6)), rules=RULES)
    assert {c.params["n_qubits"] for c in found.comparisons} == {4}
    assert len(found.only_a) == len(found.only_b) == 3


@pytest.mark.parametrize(
    ("digests_a", "digests_b", "answers"),
    [
        (["x"], ["x"], "equal"),
        (["x"], ["y"], "differ"),
        (["x", "y"], ["x", "y"], "differ"),
        (["x"], [""], "unknown"),
    ],
)
def test_other_digests_mean_other_answers(make_record, digests_a, digests_b, answers) -> None:
    a, b = (
        [make_record(repeat=r, digest=digests[r % len(digests)]) for r in range(7)]
        for digests in (digests_a, digests_b)
    )
    found = compare(a, b, rules=RULES)
    assert found.comparisons[0].answers == answers
    assert bool(found.answers_differ) == (answers == "differ")


def test_what_differs_besides_the_code_is_said(make_campaign) -> None:
    a, b = make_campaign(widths=(2,)), make_campaign(widths=(2,), environment=OTHER)
    assert any("different machines" in note and "node2" in note for note in compare(a, b, rules=RULES).notes)
    mixed = compare([*a, *b], b, rules=RULES).notes
    assert any("A mixes 2 commits (1a2b3c4d5e, 9f8e7d6c5b+changes)" in note for note in mixed)


def test_too_few_repeats_for_so_many_comparisons_are_said(make_campaign) -> None:
    many = {"widths": range(2, 32), "engines": ("inline", "processes", "ray")}
    found = compare(make_campaign(seed=1, **many), make_campaign(seed=2, **many), rules=RULES)
    assert found.notes == ["7 repeats a side are too few to find a change in one of 90 comparisons alone; 8 are enough"]
    assert compare(make_campaign(seed=1), make_campaign(seed=2), rules=RULES).notes == []


# ---------------------------------------------------------------- the command


def qhpc(capsys, *arguments) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in arguments])
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


def test_a_regression_ends_with_5_and_is_the_first_row(tmp_path, make_campaign, write_store, capsys) -> None:
    a = write_store(tmp_path / "a", make_campaign(seed=1))
    b = write_store(tmp_path / "b", slowed(make_campaign(seed=2), 1.25, n_qubits=18))
    code, out, _ = qhpc(capsys, "compare", a, b)
    assert code == 5
    first = next(line for line in out.splitlines() if "time_to_value_s" in line)
    assert "18" in first
    assert "worse" in first
    assert qhpc(capsys, "compare", b, a)[0] == 0


def test_of_a_long_table_the_first_rows_are_shown_and_the_others_counted(
    tmp_path, make_campaign, write_store, capsys
) -> None:
    widths = range(2, 32)  # on three engines, with one compared metric each
    a, b = (write_store(tmp_path / str(seed), make_campaign(seed=seed, widths=widths)) for seed in (1, 2))
    _, shown, _ = qhpc(capsys, "compare", a, b)
    assert shown.count("time_to_value_s") == 60
    assert "(the last 30 rows are not shown: --all)" in shown
    assert qhpc(capsys, "compare", a, b, "--all")[1].count("time_to_value_s") == 90


def test_json_holds_every_number_and_is_strict(tmp_path, make_campaign, write_store, capsys) -> None:
    a = write_store(tmp_path / "a", make_campaign(seed=1, widths=(2,)))
    code, out, _ = qhpc(capsys, "compare", a, write_store(tmp_path / "b", make_campaign(seed=2, widths=(2,))), "--json")
    found = json.loads(out, parse_constant=lambda text: pytest.fail(text))
    assert code == 0
    assert found["counts"]["same"] + found["counts"]["undecided"] == 3
    assert found["comparisons"][0]["effect"]["n_a"] == 7
    assert found["rules"]["threshold"] == 0.05


def test_other_answers_are_shown_loudly(tmp_path, make_campaign, make_record, write_store, capsys) -> None:
    a = write_store(tmp_path / "a", [make_record(repeat=r, digest="one") for r in range(7)])
    b = write_store(tmp_path / "b", [make_record(repeat=r, digest="two") for r in range(7)])
    assert qhpc(capsys, "compare", a, b)[1].count("ANSWERS DIFFER") == 2


def test_two_commits_in_one_store_are_compared_by_filters(tmp_path, make_campaign, write_store, capsys) -> None:
    records = [*make_campaign(seed=1), *slowed(make_campaign(seed=2, environment=OTHER), 1.3)]
    store = write_store(tmp_path / "results", records)
    sides = ("--baseline", "commit=1a2b", "--candidate", "machine=node2")
    code, out, _ = qhpc(capsys, "compare", store, *sides, "--filter", "engine=ray", "--filter", "n_qubits=14")
    assert code == 5
    assert out.count("worse") == 2  # one row and the summary


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "A and B are the same records"),
        (("--baseline", "comit=1a2b"), "filter 'comit': no record has it; near: commit"),
        (("--baseline", "commit"), "filter 'commit': must have the form KEY=VALUE"),
    ],
)
def test_what_cannot_be_compared_is_one_line_and_2(
    tmp_path, make_campaign, write_store, capsys, arguments, words
) -> None:
    store = write_store(tmp_path / "results", make_campaign(widths=(2,)))
    code, out, err = qhpc(capsys, "compare", store, *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err


def test_nothing_in_common_ends_with_6(tmp_path, make_campaign, write_store, capsys) -> None:
    a = write_store(tmp_path / "a", make_campaign(widths=(2,)))
    b = write_store(tmp_path / "b", make_campaign(widths=(4,)))
    code, _, err = qhpc(capsys, "compare", a, b)
    assert code == 6
    assert "no case is on both sides (3 only in A, 3 only in B)" in err
    (tmp_path / "empty").mkdir()
    code, _, err = qhpc(capsys, "compare", a, tmp_path / "empty")
    assert code == 6
    assert "no measured record that is ok in B" in err
