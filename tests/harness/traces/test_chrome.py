"""The export keeps the rules of the JSON trace event format, and says what the timeline says."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from numbers import Real
from pathlib import Path
from typing import Any

import pytest

from harness import traces
from harness.traces import chrome
from pilot_quantum import RunTrace, StageTrace
from tests.harness.traces.examples import START_S, busy_run, gang, lost_then_done, pilot, run, task

Event = dict[str, Any]

REQUIRED = {
    "X": {"name", "cat", "ts", "dur", "pid", "tid"},
    "i": {"name", "cat", "ts", "pid", "tid", "s"},
    "C": {"name", "ts", "pid", "args"},
    "M": {"name", "pid", "args"},
    "s": {"name", "cat", "id", "ts", "pid", "tid"},
    "f": {"name", "cat", "id", "ts", "pid", "tid", "bp"},
}
METADATA = {"process_name", "process_sort_index", "thread_name", "thread_sort_index"}


def validate(trace: Any) -> list[Event]:
    """Check the rules of the format ("Trace Event Format", sections on each phase); return the events."""
    trace = json.loads(json.dumps(trace, allow_nan=False))
    assert {"traceEvents", "displayTimeUnit", "otherData"} == set(trace)
    assert trace["displayTimeUnit"] in ("ms", "ns")
    events: list[Event] = trace["traceEvents"]
    for event in events:
        assert event["ph"] in REQUIRED, event
        assert REQUIRED[event["ph"]] <= set(event), event
        assert all(isinstance(event[name], int) and event[name] > 0 for name in ("pid", "tid") if name in event), event
        assert isinstance(event.get("ts", 0), Real)
        assert event.get("ts", 0) >= 0
        assert event.get("dur", 0) >= 0
        assert event["ph"] != "M" or event["name"] in METADATA
        assert event["ph"] != "C" or all(isinstance(value, Real) for value in event["args"].values())
        assert event["ph"] != "i" or event["s"] in "gpt"
    _slices_nest(events)
    _arrows_have_ends_inside_slices(events)
    _places_have_names(events)
    return events


def _slices_nest(events: list[Event]) -> None:
    threads: dict[tuple[int, int], list[tuple[float, float]]] = defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            threads[event["pid"], event["tid"]].append((event["ts"], event["ts"] + event["dur"]))
    for thread, spans in threads.items():
        open_: list[float] = []
        for begin, end in sorted(spans, key=lambda span: (span[0], -span[1])):
            while open_ and open_[-1] <= begin + 0.002:  # times are rounded to a nanosecond
                open_.pop()
            assert not open_ or end <= open_[-1] + 0.002, (thread, begin, end, open_)
            open_.append(end)


def _arrows_have_ends_inside_slices(events: list[Event]) -> None:
    spans = defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            spans[event["pid"], event["tid"]].append((event["ts"] - 0.002, event["ts"] + event["dur"] + 0.002))
    ends: dict[str, dict[int, Event]] = {"s": {}, "f": {}}
    for event in events:
        if event["ph"] in ends:
            assert event["id"] not in ends[event["ph"]]
            ends[event["ph"]][event["id"]] = event
            assert any(a <= event["ts"] <= b for a, b in spans[event["pid"], event["tid"]]), event
    assert set(ends["s"]) == set(ends["f"])
    assert all(ends["s"][number]["ts"] <= ends["f"][number]["ts"] for number in ends["s"])


def _places_have_names(events: list[Event]) -> None:
    named = {
        (e["pid"], e.get("tid")) for e in events if e["ph"] == "M" and e["name"] in ("process_name", "thread_name")
    }
    used = {(e["pid"], e["tid"]) for e in events if e["ph"] in "Xi"} | {(e["pid"], None) for e in events}
    assert used <= named


def _names(events: list[Event], kind: str) -> dict[tuple[int, int | None], str]:
    return {(e["pid"], e.get("tid")): e["args"]["name"] for e in events if e["ph"] == "M" and e["name"] == kind}


def test_a_process_for_each_pilot_a_thread_for_each_worker_a_slice_for_each_task() -> None:
    made = busy_run(tasks=60, workers=2, pilots=2)
    events = validate(traces.chrome_trace(traces.timeline_of(made)))
    processes = _names(events, "process_name")
    assert sorted(processes.values()) == [
        "manager on login",
        "pilot pilot-0 (processes, 2 workers)",
        "pilot pilot-1 (processes, 2 workers)",
    ]
    threads = _names(events, "thread_name")
    found: Counter[tuple[str, str]] = Counter()
    for event in events:
        if event.get("cat") == "task":
            found[processes[event["pid"], None].split()[1], threads[event["pid"], event["tid"]].split(" on ")[0]] += 1
    assert found == Counter((str(one.pilot), f"worker {one.worker}") for one in made.tasks)


def test_a_slice_tells_its_task() -> None:
    events = validate(traces.chrome_trace(traces.timeline_of(run(task(3, message_tasks=4), gang(), lost_then_done()))))
    by_task = defaultdict(list)
    for event in events:
        if event.get("cat", "").startswith("task"):
            by_task[event["args"]["task"]].append(event)
    (plain,) = by_task[3]
    assert (plain["dur"], plain["args"]["wait_ms"], plain["args"]["queued_ms"]) == (1e6, 1000.0, 500.0)
    assert (plain["args"]["message_share"], plain["args"]["attempt"], plain["args"]["state"]) == (0.25, 1, "done")
    assert plain["args"]["reason"] == "the only running pilot that fits"
    assert {(e["args"]["rank"], e["tid"], e["name"]) for e in by_task[9]} == {
        (0, 2, "gang rank 0"),
        (1, 3, "gang rank 1"),
    }
    lost, again = sorted(by_task[7], key=lambda event: event["args"]["attempt"])
    assert (lost["name"], lost["args"]["error"], lost["cat"]) == ("f (lost)", "it was killed", "task,no answer")
    assert (again["name"], again["args"]["attempt"]) == ("f", 2)


def test_counters_rise_and_fall_to_nothing() -> None:
    events = validate(traces.chrome_trace(traces.timeline_of(busy_run(tasks=40, workers=3))))
    counters = defaultdict(list)
    for event in events:
        if event["ph"] == "C":
            counters[event["pid"], event["name"]].append(event["args"]["tasks"])
    assert set(counters) == {(1, "queued tasks"), (1, "running tasks"), (2, "running tasks")}
    assert max(counters[1, "queued tasks"]) == 40
    assert max(counters[2, "running tasks"]) <= 3
    assert all(values[-1] == 0 and min(values) >= 0 for values in counters.values())


def test_submissions_bindings_and_arrows() -> None:
    events = validate(traces.chrome_trace(traces.timeline_of(busy_run(tasks=40, workers=2, packed=4))))
    assert sum(event.get("cat") == "submit" for event in events) == 40
    bindings = [event for event in events if event.get("cat") == "bind"]
    assert len(bindings) == sum(event["ph"] == "s" for event in events) == 10
    assert sum(event["args"]["tasks"] for event in bindings) == 40
    assert all(event["args"]["reason"] for event in bindings)


def test_the_start_and_the_end_of_a_pilot() -> None:
    ended = pilot(ended_s=START_S + 5.0, state="done")
    events = validate(traces.chrome_trace(traces.timeline_of(run(task(), pilots=(ended,)))))
    start = {event["name"]: event["dur"] for event in events if event.get("cat") == "pilot" and event["ph"] == "X"}
    assert start == {"start: launcher": 5e5, "start: engine": 5e5, "start: first_worker": 1e6}
    assert [event["name"] for event in events if event["ph"] == "i" and event["cat"] == "pilot"] == ["pilot done"]


def test_stages_of_several_threads_get_lanes_of_their_own() -> None:
    spans = [("a", 0, 4), ("a.b", 1, 2), ("c", 3, 5), ("d", 4, 6)]
    stages = tuple(StageTrace(name, START_S + a, START_S + b) for name, a, b in spans)
    made = RunTrace((task(),), (pilot(),), stages, START_S, START_S + 6)
    events = validate(traces.chrome_trace(traces.timeline_of(made)))
    lanes = {event["name"]: event["tid"] for event in events if event.get("cat") == "stage"}
    assert lanes["a"] == lanes["a.b"] == lanes["d"] != lanes["c"]


def test_workers_on_other_hosts_say_how_they_were_aligned() -> None:
    trace = traces.chrome_trace(traces.timeline_of(busy_run(tasks=60, workers=1, pilots=2, offset_s=1e4)))
    events = validate(trace)
    threads = _names(events, "thread_name")
    assert "aligned by dispatch and return" in threads[3, 2]
    assert threads[2, 2] == "worker 0"
    assert "±" in trace["otherData"]["clocks"]["node-pilot-1"]
    far = [event for event in events if event.get("cat") == "task" and event["pid"] == 3]
    assert far
    assert all("wait_ms" not in event["args"] for event in far)


def test_many_tasks_leave_out_single_submissions_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chrome, "MAX_ARROWS", 10)
    trace = traces.chrome_trace(traces.timeline_of(busy_run(tasks=40, workers=2)))
    events = validate(trace)
    assert trace["otherData"]["single_submissions"] is False
    assert not [event for event in events if event["ph"] in "sf" or event.get("cat") in ("submit", "bind")]
    assert sum(event.get("cat") == "task" for event in events) == 40


def test_the_file_is_the_object(tmp_path: Path) -> None:
    timeline = traces.timeline_of(run(task()), key="k")
    path = traces.write_chrome(timeline, tmp_path / "deep" / "x.json")
    assert json.loads(path.read_text("utf-8")) == json.loads(json.dumps(traces.chrome_trace(timeline)))
