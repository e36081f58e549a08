"""The engine ``dask`` with real clusters, workers and deaths."""

from __future__ import annotations

import os
import pickle
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from pilot_quantum import Pilot, PilotDescription, PilotManager, Retries, TaskDescription, WorkerLost

# As the engine imports it, for the sake of the tests that follow in this process.
dask_engine: Any = pytest.importorskip("pilot_quantum.engines.dask")
distributed: Any = dask_engine.distributed
pytestmark = [pytest.mark.timeout(90), pytest.mark.xdist_group("dask")]

DASK = PilotDescription("dask", engine="dask", cores_per_node=2, launcher_options={"oversubscribe": True})


def wait_for(condition: Callable[[], Any], timeout_s: float = 15.0) -> Any:
    deadline = time.monotonic() + timeout_s
    while not (value := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert value, "it did not become true in time"
    return value


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def listening() -> set[tuple[str, int]]:
    """Addresses on which this process and its children listen."""
    here = psutil.Process()
    found: set[tuple[str, int]] = set()
    for process in [here, *here.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):  # one of another test's, which has just ended
            connections = process.net_connections("tcp")
            found |= {tuple(c.laddr) for c in connections if c.status == psutil.CONN_LISTEN}
    return found


@pytest.fixture(scope="module")
def opened() -> set[tuple[str, int]]:
    """Ports that the pilot of `manager` listens on."""
    return set()


@pytest.fixture(scope="module")
def manager(opened: set[tuple[str, int]]) -> Iterator[PilotManager]:
    before = listening()
    with PilotManager() as manager:
        manager.submit_pilot(DASK).wait(60)
        opened |= listening() - before
        yield manager


@pytest.fixture(scope="module")
def pilot(manager: PilotManager) -> Pilot:
    return manager.pilots()[0]


def place() -> tuple[int, bool, str]:
    return os.getpid(), threading.current_thread() is threading.main_thread(), os.environ["OMP_NUM_THREADS"]


def test_tasks_run_in_the_main_thread_of_a_worker_with_one_thread_a_library(manager: PilotManager) -> None:
    pid, in_main_thread, threads = manager.submit_task(place).result(30)
    assert pid != os.getpid()
    assert in_main_thread
    assert threads == "1"


def echo(data: bytes) -> bytes:
    return data


def test_large_values_travel_both_ways(manager: PilotManager) -> None:
    data = os.urandom(2**25)
    assert manager.submit_task(echo, data).result(60) == data


def double(number: int) -> int:
    return 2 * number


def test_the_native_client_runs_dask_tasks_on_the_same_workers(manager: PilotManager, pilot: Pilot) -> None:
    client = pilot.client()
    assert isinstance(client, distributed.Client)
    assert client is pilot.client()
    assert client.gather(client.map(double, range(10))) == list(range(0, 20, 2))
    assert manager.submit_task(place).result(30)[0] in client.run(os.getpid).values()
    with pytest.raises(ValueError, match="No client"):
        distributed.default_client()  # the user's own clusters are left alone


# What goes wrong.


def kill_worker(diary: str, times: int) -> int:
    with Path(diary).open("a") as lines:
        lines.write("run\n")
    done = Path(diary).read_text().count("run")
    if done <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return done


def test_a_killed_worker_is_replaced_and_its_task_tried_again(manager: PilotManager, tmp_path: Path) -> None:
    task = manager.submit_task(kill_worker, str(tmp_path / "diary"), 1)
    assert task.result(60) == 2
    assert task.trace().attempt == 2


def test_dask_itself_never_runs_a_task_again(manager: PilotManager, tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    task = manager.submit_task(TaskDescription(kill_worker, (str(diary), 9), retries=Retries(lost_worker=0)))
    with pytest.raises(WorkerLost, match="was killed by SIGKILL"):
        task.result(60)
    assert [t.result(60) for t in manager.submit_tasks(double, range(100))] == list(range(0, 200, 2))
    assert diary.read_text().count("run") == 1


def hold_the_interpreter(notes: str) -> None:
    child = subprocess.Popen(["sleep", "300"])
    Path(notes).write_text(f"{os.getpid()} {child.pid} ")
    re.match(r"(a+)+$", "a" * 60 + "b")  # for centuries, without ever letting another thread run


def noted(notes: Path) -> list[int]:
    wait_for(lambda: notes.exists() and notes.read_text().endswith(" "), 60)
    return [int(word) for word in notes.read_text().split()]


def test_cancelling_stops_a_task_that_holds_the_interpreter_and_its_children(
    manager: PilotManager, tmp_path: Path
) -> None:
    task = manager.submit_task(hold_the_interpreter, str(tmp_path / "notes"))
    processes = noted(tmp_path / "notes")
    assert manager.cancel(task)
    wait_for(lambda: not any(map(alive, processes)))
    assert manager.submit_task(double, 4).result(60) == 8


# Who may come in.


def test_only_the_scheduler_and_the_workers_listen_and_only_on_the_loopback_interface(
    manager: PilotManager, opened: set[tuple[str, int]]
) -> None:
    assert {host for host, _ in opened} == {"127.0.0.1"}
    assert len(opened) == 3


def knock(address: tuple[str, int]) -> None:
    """Speak TLS without an identity; with TLS 1.3 the refusal arrives with the first answer."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(address, timeout=10) as plain, context.wrap_socket(plain) as stranger:
        stranger.sendall(b"let me in")
        stranger.recv(1)


def test_strangers_are_not_let_in(manager: PilotManager, opened: set[tuple[str, int]]) -> None:
    for address in opened:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            knock(address)


def test_an_identity_of_another_cluster_is_not_accepted(manager: PilotManager, pilot: Pilot) -> None:
    address = pilot.client().scheduler.address
    other = distributed.Security.temporary()
    with pytest.raises(OSError, match=r"Timed out|certificate|TLS"):
        distributed.Client(address, security=other, timeout="2s", set_as_default=False)


# What is left behind.

_SCRIPT = """
import pickle, sys, time
from pilot_quantum import PilotDescription, PilotManager
function, arguments, linger_s = pickle.loads(sys.stdin.buffer.read())
manager = PilotManager()
options = {"oversubscribe": True}
for name in "ab":
    manager.submit_pilot(PilotDescription(name, engine="dask", cores_per_node=1, launcher_options=options))
tasks = [manager.submit_task(function, *arguments, pilot=name) for name in "ab"]
time.sleep(linger_s)
answers = [task.result(60) for task in tasks]
manager.close()
assert answers[0][0] != answers[1][0]
"""


def start_driver(temporary: Path, *message: Any) -> subprocess.Popen[bytes]:
    path = os.pathsep.join(filter(None, sys.path))
    environment = {**os.environ, "PYTHONPATH": path, "TMPDIR": str(temporary)}
    driver = subprocess.Popen(
        [sys.executable, "-c", _SCRIPT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
    )
    assert driver.stdin is not None
    with driver.stdin as pipe:
        pipe.write(pickle.dumps(message))
    return driver


def test_clusters_that_start_at_once_have_their_files_in_their_own_places(tmp_path: Path) -> None:
    places = [tmp_path / name for name in "abcd"]
    for place in places:
        place.mkdir()
    with ThreadPoolExecutor(len(places)) as pool:
        clusters = list(pool.map(lambda place: dask_engine._start_cluster(str(place), "127.0.0.1"), places))
    try:
        assert [Path(cluster.scheduler.local_directory).parents[1] for cluster in clusters] == places
    finally:
        for cluster in clusters:
            cluster.close()


def test_a_driver_with_two_clusters_ends_in_silence_and_leaves_no_file(tmp_path: Path) -> None:
    driver = start_driver(tmp_path, place, (), 0.0)
    assert driver.stdout is not None
    with driver.stdout as output:
        assert output.read().decode() == ""
    assert driver.wait() == 0
    assert list(tmp_path.iterdir()) == []


def test_nothing_outlives_a_killed_driver(tmp_path: Path) -> None:
    notes, temporary = tmp_path / "notes", tmp_path / "temporary"
    temporary.mkdir()
    driver = start_driver(temporary, hold_the_interpreter, (str(notes),), 300.0)
    processes = noted(notes)
    modes = [path.stat().st_mode & 0o777 for path in temporary.iterdir() if path.name.startswith("pilot-dask-")]
    assert modes == [0o700, 0o700]
    family = [child.pid for child in psutil.Process(driver.pid).children(recursive=True)]
    driver.kill()
    driver.wait()
    assert driver.stdout is not None
    driver.stdout.close()
    # Beside other tests this takes over 15 s at times; `make test-faults` looks at it alone.
    wait_for(lambda: not any(map(alive, {*family, *processes})) and not list(temporary.iterdir()), 60)
