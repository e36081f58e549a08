"""What goes in comes out: functions, arguments and results of every kind, on every engine."""

from __future__ import annotations

import functools
import math
import operator
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pilot_quantum import PilotManager, TaskDescription, summarize
from tests.contracts.engines import tasks as work

pytestmark = pytest.mark.timeout(300)

WAIT_S = 60.0
MEGABYTES = 20_000_000


def test_results_come_in_the_order_of_the_items(manager: PilotManager) -> None:
    tasks = manager.submit_tasks(work.add, range(200))
    assert [task.result(WAIT_S) for task in tasks] == list(range(200))


def test_positional_and_keyword_arguments_arrive(manager: PilotManager) -> None:
    assert manager.submit_task(work.add, 2, 3, scale=10).result(WAIT_S) == 50
    described = TaskDescription(work.add, (2,), {"right": 5, "scale": 2})
    assert manager.submit_task(described).result(WAIT_S) == 14


def test_keywords_of_the_function_may_have_any_name(manager: PilotManager) -> None:
    names: dict[str, Any] = dict.fromkeys(("task", "function", "pilot", "args", "kwargs", "ranks", "self"), 1)
    assert manager.submit_task(TaskDescription(work.many, (), names)).result(WAIT_S) == ((), names)


def test_functions_of_every_kind_run(manager: PilotManager) -> None:
    offset = 10

    def closure(value: int) -> int:
        return value + offset

    functions: list[Any] = [
        work.echo,
        abs,
        lambda value: value,
        closure,
        functools.partial(work.add, 4),
        work.Point,
        "abc".count,
        operator.itemgetter(0),
        operator.methodcaller("bit_length"),
    ]
    arguments = [5, -5, 5, 5, 5, 5, "b", [5], 5]
    results = [manager.submit_task(f, a).result(WAIT_S) for f, a in zip(functions, arguments, strict=True)]
    assert results == [5, 5, 5, 15, 9, work.Point(5), 1, 5, 3]


def test_classes_that_a_test_defines_come_back_as_themselves(manager: PilotManager) -> None:
    class Local:
        def __init__(self, value: int) -> None:
            self.value = value

    result = manager.submit_task(lambda item: Local(item.value + 1), Local(1)).result(WAIT_S)
    assert type(result) is Local
    assert result.value == 2


SCRIPT = """
from dataclasses import dataclass

from pilot_quantum import PilotDescription, PilotManager

print("script")


@dataclass
class Mine:
    value: int


class MineFailed(Exception):
    pass


def double(mine):
    if mine.value == 2:
        raise MineFailed(mine)
    return Mine(helper(mine.value))


def helper(value):
    return value * 2


manager = PilotManager()
manager.submit_pilot(PilotDescription(engine={engine!r}, cores_per_node=1))
tasks = manager.submit_tasks(double, [Mine(value) for value in range(3)])
results = [tasks[0].result(60), tasks[1].result(60)]
assert results == [Mine(0), Mine(2)] and type(results[0]) is Mine, results
try:
    tasks[2].result(60)
except MineFailed as error:
    print(error.args)
manager.close()
"""


def test_a_script_without_a_main_guard_runs_once(engine: str, tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT.format(engine=engine))
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["script", "(Mine(value=2),)"]


def test_arguments_are_captured_when_the_task_is_submitted(manager: PilotManager) -> None:
    held: list[int] = [1]
    named = {"right": [2]}
    first = manager.submit_task(work.add, held, right=held)
    second = manager.submit_task(TaskDescription(work.add, (held,), named))
    (third,) = manager.submit_tasks(work.echo, [held])
    held.append(99)
    named["right"].append(99)
    assert [task.result(WAIT_S) for task in (first, second, third)] == [[1, 1], [1, 2], [1]]


def test_a_method_is_captured_with_its_object_when_the_task_is_submitted(manager: PilotManager) -> None:
    counter = work.Counter(0)
    first = manager.submit_task(counter.bump)
    counter.count = 10
    second = manager.submit_task(counter.bump)
    counter.count = 20
    assert [first.result(WAIT_S), second.result(WAIT_S)] == [1, 11]
    assert counter.count == 20


def test_what_a_function_by_value_refers_to_is_captured_when_the_task_is_submitted(manager: PilotManager) -> None:
    held = [1]

    def closure() -> list[int]:
        return held

    bound = functools.partial(work.echo, held)
    first = [manager.submit_task(closure), manager.submit_task(bound)]
    held.append(2)
    second = [manager.submit_task(closure), manager.submit_task(bound)]
    assert [task.result(WAIT_S) for task in first + second] == [[1], [1], [1, 2], [1, 2]]


def test_attributes_of_a_class_or_function_by_value_are_captured_when_the_task_is_submitted(
    manager: PilotManager,
) -> None:
    class Settings:
        scale = 1

    def closure() -> tuple[int, int]:
        return Settings.scale, closure.scale  # type: ignore[attr-defined]  # set below

    closure.scale = 1  # type: ignore[attr-defined]  # functions have attributes
    first = manager.submit_task(closure)
    Settings.scale = closure.scale = 2  # type: ignore[attr-defined]  # functions have attributes
    second = manager.submit_task(closure)
    assert [first.result(WAIT_S), second.result(WAIT_S)] == [(1, 1), (2, 2)]


def test_a_function_that_is_defined_anew_is_the_new_one(manager: PilotManager) -> None:
    """As in a notebook, where a cell is edited and run again."""
    for number in range(5):
        space: dict[str, Any] = {"__name__": "__main__"}
        exec(f"def cell(): return helper() + {number}\ndef helper(): return {number}", space)  # noqa: S102 - a notebook's cell
        assert manager.submit_task(space["cell"]).result(WAIT_S) == 2 * number


def test_tasks_are_labelled_by_what_they_call(manager: PilotManager) -> None:
    functions: list[Any] = ["abc".count, [1, 2].index, work.Counter().bump, work.add, abs, work.Point]
    tasks = [manager.submit_task(f, a) for f, a in zip(functions, ["a", 1, None, 1, 1, 1], strict=True)]
    assert [task.name for task in tasks] == ["count", "index", "bump", "add", "abs", "Point"]
    manager.wait(tasks, WAIT_S)


@pytest.mark.parametrize("kind", ["method", "callable object"])
def test_tasks_do_not_share_the_object_they_are_called_on(manager: PilotManager, kind: str) -> None:
    counter = work.Counter()
    function = counter.bump if kind == "method" else counter
    tasks = [manager.submit_task(function) for _ in range(30)]
    assert [task.result(WAIT_S) for task in tasks] == [1] * 30


def test_tasks_do_not_share_arguments(manager: PilotManager) -> None:
    shared: list[int] = []
    tasks = manager.submit_tasks(work.grow, [shared] * 30)
    assert [task.result(WAIT_S) for task in tasks] == [[0]] * 30
    assert shared == []


def test_results_are_independent_copies(manager: PilotManager) -> None:
    results = [task.result(WAIT_S) for task in [manager.submit_task(work.cached) for _ in range(30)]]
    for result in results:
        result.append(4)
    assert results == [[1, 2, 3, 4]] * 30
    assert work.CACHE == [1, 2, 3]


def test_none_stays_none_and_nothing_else_becomes_none(manager: PilotManager) -> None:
    values: list[Any] = [None, 0, 0.0, "", b"", False, (), [], {}, None, ..., NotImplemented, type(None)]
    results = [task.result(WAIT_S) for task in manager.submit_tasks(work.echo, values)]
    assert [(type(result), result) for result in results] == [(type(value), value) for value in values]
    assert [task.result(WAIT_S) for task in manager.submit_tasks(work.nothing, range(50))] == [None] * 50


_scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.complex_numbers(), st.text(), st.binary(max_size=40)
)
_values = st.recursive(
    _scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(st.text(max_size=5), inner, max_size=3),
        st.builds(work.Point, inner, inner),
    ),
    max_leaves=8,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])  # the manager is shared
@given(values=st.lists(_values, min_size=1, max_size=12))
def test_any_batch_of_values_survives_the_journey(manager: PilotManager, values: list[Any]) -> None:
    results = [task.result(WAIT_S) for task in manager.submit_tasks(work.echo, values)]
    assert [_exactly(result) for result in results] == [_exactly(value) for value in values]


def _exactly(value: Any) -> str:
    return f"{type(value).__qualname__} {value!r}"  # tells True from 1, -0.0 from 0.0, and lets nan equal nan


def test_numpy_values_arrive_with_type_shape_and_order(manager: PilotManager) -> None:
    sent: list[Any] = [
        np.arange(6, dtype=np.complex64).reshape(2, 3),
        np.asfortranarray(np.eye(3)),
        np.float32(1.5),
        np.array(()),
    ]
    for value, task in zip(sent, manager.submit_tasks(work.echo, sent), strict=True):
        result = task.result(WAIT_S)
        assert type(result) is type(value)
        assert result.dtype == value.dtype
        np.testing.assert_array_equal(result, value)


def test_large_arguments_and_results_block_nobody(manager: PilotManager) -> None:
    """Both directions at once, on all workers, with more messages than any buffer holds."""
    data = [bytes([number]) * MEGABYTES for number in range(6)]
    tasks = [manager.submit_task(work.mirror, block) for block in data]
    small = manager.submit_tasks(work.add, range(50))
    assert [task.result(WAIT_S) == block for task, block in zip(tasks, data, strict=True)] == [True] * 6
    assert [task.result(WAIT_S) for task in small] == list(range(50))


def test_five_thousand_tiny_tasks_travel_in_few_messages(manager: PilotManager) -> None:
    tasks = manager.submit_tasks(math.sqrt, range(5000))
    assert [task.result(WAIT_S) for task in tasks] == [math.sqrt(number) for number in range(5000)]
    assert summarize(task.trace() for task in tasks)["messages"] < 500


def test_large_plain_arguments_are_not_packed_together(manager: PilotManager) -> None:
    manager.wait(manager.submit_tasks(work.length, [b""] * 200), WAIT_S)  # known to be quick from now on
    tasks = manager.submit_tasks(work.length, [bytes(500_000)] * 30)
    assert [task.result(WAIT_S) for task in tasks] == [500_000] * 30
    assert max(task.trace().message_tasks for task in tasks) <= 2


def test_a_thousand_different_functions_run(manager: PilotManager) -> None:
    tasks = [manager.submit_task(lambda number=number: number) for number in range(1000)]
    assert [task.result(WAIT_S) for task in tasks] == list(range(1000))


def test_shared_values_are_received_as_themselves(manager: PilotManager) -> None:
    table = manager.share(list(range(1000)))
    alone = [manager.submit_task(work.length, table) for _ in range(5)]
    nested = manager.submit_task(lambda box: sum(box["table"]), {"table": table})
    assert [task.result(WAIT_S) for task in alone] == [1000] * 5
    assert nested.result(WAIT_S) == sum(range(1000))


def test_a_shared_value_outlives_its_handle_until_its_tasks_are_done(manager: PilotManager) -> None:
    tasks = []
    for number in range(20):
        handle = manager.share([number] * 3)
        tasks.append(manager.submit_task(work.total, *[number]))
        tasks.append(manager.submit_task(sum, handle))
        del handle
    assert [task.result(WAIT_S) for task in tasks[1::2]] == [3 * number for number in range(20)]
