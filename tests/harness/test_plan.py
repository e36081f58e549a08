"""The plan: what is left to run, in which order, and what cannot fit."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import CampaignError
from harness.expressions import parse
from harness.plan import Host, Plan, Selection, make_plan, misfit, size, steps
from harness.record import CheckRecord, PredictionRecord, Record
from harness.spec import parse_campaign
from miniapps import Features

TEXT = """
name = "t"
[[pilots]]
engine = "inline"
[[apps]]
name = "tests.harness.toy:APP"
repeats = 3
warmups = 2
[apps.params]
n_tasks = [1, 2]
[[apps]]
name = "tests.harness.toy:APP"
repeats = 1
warmups = 0
params = {n_tasks = 9}
"""


def plan(records: list[Record] | None = None, **how: Any) -> Plan:
    return make_plan(parse_campaign(tomllib.loads(TEXT)), records or [], **how)


def record(key: str, repeat: int, status: str = "ok", kind: str = "measured") -> Record:
    fields: dict[str, Any] = {"status": status, "kind": kind, "check": CheckRecord(verdict="pass")}
    return Record(key=key, campaign="t", app="toy", app_version=1, params={}, pool=[], seed=0, repeat=repeat, **fields)


def order(made: Plan) -> list[tuple[int, int | None]]:
    return [(step.planned.case.values["n_tasks"], step.repeat) for step in steps(made.cases)]


def test_warm_ups_come_first_and_repeats_are_interleaved_over_cases() -> None:
    assert order(plan()) == [
        *[(1, None), (2, None), (1, None), (2, None)],
        *[(1, 0), (2, 0), (9, 0), (1, 1), (2, 1), (1, 2), (2, 2)],
    ]


def test_what_is_recorded_ok_is_not_run_again_and_everything_else_is() -> None:
    one, two, nine = (planned.case.key for planned in plan().cases)
    records = [
        *(record(one, repeat) for repeat in range(3)),
        record(two, 0, "failed"),
        record(two, 1, "timeout"),
        record(two, 1),
        record(two, 2, kind="published"),
        record(nine, 0),
        record(nine, 0, "failed"),
        record("another case", 0),
    ]
    made = plan(records)
    assert [planned.missing for planned in made.cases] == [(), (0, 2), ()]
    assert order(made) == [(2, None), (2, None), (2, 0), (2, 2)]
    assert made.repeats_missing == 2


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.sampled_from(["ok", "failed", "cancelled"]))))
def test_every_repeat_is_either_recorded_ok_or_in_the_plan_once(rows: list[tuple[int, int, str]]) -> None:
    keys = [planned.case.key for planned in plan().cases]
    made = plan([record(keys[case], repeat, status) for case, repeat, status in rows])
    done = {(keys[case], repeat) for case, repeat, status in rows if status == "ok"}
    wanted = {(planned.case.key, repeat) for planned in made.cases for repeat in range(planned.case.repeats)}
    todo = [(step.planned.case.key, step.repeat) for step in steps(made.cases) if step.repeat is not None]
    assert len(todo) == len(set(todo))
    assert set(todo) == wanted - done


def test_a_selection_takes_cases_and_changes_repeats() -> None:
    made = plan(select=Selection(parse("n_tasks < 3"), repeats=1))
    assert [(p.case.values["n_tasks"], p.missing) for p in made.cases] == [(1, (0,)), (2, (0,))]
    with pytest.raises(CampaignError, match="selects none of 3 cases"):
        plan(select=Selection(parse("n_tasks > 30")))


def test_predicted_seconds_count_warm_ups_and_need_every_case() -> None:
    def predict(case: Any) -> PredictionRecord | None:
        seconds = float(case.values["n_tasks"])
        return PredictionRecord(model="m", metric="time_to_value_s", value=seconds, low=0, high=9, unit="s")

    assert plan(predict=predict).predicted_s == (1 + 2) * 5 + 9
    assert plan(predict=lambda case: None if case.values["n_tasks"] == 9 else predict(case)).predicted_s is None
    assert plan().predicted_s is None


# ---------------------------------------------------------------- does it fit?

GIB = 2**30


def features(tasks: int, memory: int, cpus: int = 1) -> Features:
    return Features(tasks=tasks, memory_per_task=memory, cpus_per_task=cpus)


@pytest.mark.parametrize(
    ("needs", "hosts", "said"),
    [
        (features(8, 4 * GIB), [Host("a", (2,), 8 * GIB)], None),
        (
            features(8, 4 * GIB + 1),
            [Host("a", (2,), 8 * GIB)],
            "2 task(s) at once x 4 GiB = 8 GiB, a has 8 GiB free; 1",
        ),
        (features(1, 8 * GIB), [Host("a", (2,), 8 * GIB)], None),
        (features(8, 9 * GIB), [Host("a", (2,), 8 * GIB)], "not even one would fit"),
        (features(8, 8 * GIB, cpus=2), [Host("a", (2,), 8 * GIB)], None),
        (features(8, 3 * GIB), [Host("a", (1, 1, 1), 8 * GIB)], "3 task(s) at once"),
        (features(8, 3 * GIB), [Host("a", (2,), 8 * GIB), Host("b", (4,), 8 * GIB)], "b has 8 GiB"),
        (features(1, 1, cpus=4), [Host("a", (2, 3), 8 * GIB)], "a task needs 4 cores, the largest node has 3"),
    ],
)
def test_workers_that_run_at_once_must_fit_together(needs: Features, hosts: list[Host], said: str | None) -> None:
    found = misfit(needs, hosts)
    assert (found is None) if said is None else (found is not None and said in found)


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (3 * 2**29, "1.5 GiB")])
def test_bytes_are_written_for_people(count: int, text: str) -> None:
    assert size(count) == text
