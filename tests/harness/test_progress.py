"""The time left of a run whose cases differ by orders of magnitude."""

from __future__ import annotations

import tomllib

import pytest

from harness.plan import make_plan
from harness.progress import TimeLeft, clock
from harness.record import PredictionRecord
from harness.spec import parse_campaign

TEXT = """
name = "t"
pilots = [{engine = "inline"}]
apps = [{name = "tests.harness.toy:APP", repeats = 3, warmups = 1, params = {n_tasks = [1, 2]}}]
"""


def test_each_case_counts_with_its_own_last_time_and_unknown_ones_with_the_mean() -> None:
    plan = make_plan(parse_campaign(tomllib.loads(TEXT)), [])
    small, large = (planned.case.key for planned in plan.cases)
    left = TimeLeft(plan)
    assert (left.steps, left.seconds()) == (8, None)
    left.finished(small, 1.0)
    assert left.seconds() == 3 * 1.0 + 4 * 1.0
    left.finished(large, 100.0)
    assert left.seconds() == 3 * 1.0 + 3 * 100.0
    left.finished(small, 2.0)
    assert left.seconds() == 2 * 2.0 + 3 * 100.0


def test_predictions_count_before_anything_is_measured() -> None:
    prediction = PredictionRecord(model="m", metric="time_to_value_s", value=2.0, low=1, high=3, unit="s")
    plan = make_plan(parse_campaign(tomllib.loads(TEXT)), [], predict=lambda _: prediction)
    assert TimeLeft(plan).seconds() == 16.0


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "?"), (0.25, "0.25 s"), (42.4, "42 s"), (100, "1:40"), (3725, "1:02:05")]
)
def test_times_are_written_for_people(seconds: float | None, text: str) -> None:
    assert clock(seconds) == text
