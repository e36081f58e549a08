"""However the driver ends, nobody is left behind; with real drivers in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from pilot_quantum import InvalidDescription, engines
from tests.pilot_quantum.faults import CAN_BE_KILLED, alive, all_gone, descendants, until

pytestmark = pytest.mark.timeout(300)

ROOT = Path(__file__).resolve().parents[2]
ORPHANS_END_S = 15.0

DRIVER = """
import sys, threading, time
from pilot_quantum import PilotDescription, PilotManager, TaskDescription
from tests.pilot_quantum import faults

path, engine = sys.argv[1:]
manager = PilotManager()
pilot = manager.submit_pilot(faults.describe(engine, cores=3))
pilot.wait(180)
tasks = [
    manager.submit_task(faults.spin_in_c, path),
    manager.submit_task(faults.start_children, path),
    manager.submit_task(faults.say_and_sleep, path),
]
queued = manager.submit_tasks(faults.square, range(100))
"""

WAITING = (
    DRIVER
    + """
print("waiting", flush=True)
try:
    with manager:
        manager.wait(tasks)
except KeyboardInterrupt:
    print("interrupted", {str(task.state) for task in [*tasks, *queued]}, flush=True)
"""
)

LEAVING = (
    DRIVER
    + """
import os
while not os.path.exists(path) or len(open(path).read().splitlines()) < 3:
    time.sleep(0.05)
print("waiting", flush=True)
"""
)


@pytest.fixture(params=[pytest.param(e, marks=pytest.mark.xdist_group(e)) for e in CAN_BE_KILLED])
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    try:
        engines.load(name)
    except InvalidDescription as error:
        pytest.skip(str(error))
    return name


@contextmanager
def _driver(script: str, engine: str, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], list[psutil.Process]]]:
    """Run a driver until its three tasks run; give its descendants too, and end all of them at last."""
    path = tmp_path / "pids"
    command = [sys.executable, "-c", script, str(path), engine]
    driver = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    family: list[psutil.Process] = []
    try:
        assert driver.stdout is not None
        assert driver.stdout.readline() == "waiting\n"
        until(lambda: path.exists() and len(path.read_text().splitlines()) == 3)
        family = descendants(driver.pid) if driver.poll() is None else []
        noted = {int(word) for word in path.read_text().split()}
        assert noted <= {process.pid for process in family} or driver.poll() is not None
        yield driver, family
    finally:
        for process in family:
            if alive([process]):
                process.kill()
        driver.kill()
        driver.communicate()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_driver_leaves_no_orphans(engine: str, tmp_path: Path, how: signal.Signals) -> None:
    """Not even workers inside a C call that holds the interpreter's lock, or programs that workers have started."""
    if engine != "processes" and how is signal.SIGTERM:
        pytest.skip("as good as SIGKILL, and expensive")
    with _driver(WAITING, engine, tmp_path) as (driver, family):
        driver.send_signal(how)
        driver.wait(60)
        all_gone(family, ORPHANS_END_S)


def test_ctrl_c_ends_everything_cleanly(engine: str, tmp_path: Path) -> None:
    with _driver(WAITING, engine, tmp_path) as (driver, family):
        os.killpg(driver.pid, signal.SIGINT)  # as a terminal does: to the whole foreground process group
        output, _ = driver.communicate(timeout=120)
        assert driver.returncode == 0
        assert output == "interrupted {'cancelled'}\n"
        all_gone(family, ORPHANS_END_S)


def test_a_driver_that_forgets_to_close_ends_all_the_same(engine: str, tmp_path: Path) -> None:
    with _driver(LEAVING, engine, tmp_path) as (driver, family):
        assert driver.wait(120) == 0
        all_gone(family, ORPHANS_END_S)
        noted = [int(word) for word in (tmp_path / "pids").read_text().split()]
        all_gone([psutil.Process(pid) for pid in noted if psutil.pid_exists(pid)], ORPHANS_END_S)


FORKING = (
    DRIVER
    + """
import multiprocessing
child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(300,))
child.start()
faults.note(path + ".child", child.pid)
print("waiting", flush=True)
time.sleep(300)
"""
)


def test_a_killed_driver_s_forked_child_does_not_keep_its_workers(tmp_path: Path) -> None:
    """The child has inherited every pipe of the driver, and outlives it."""
    with _driver(FORKING, "processes", tmp_path) as (driver, family):
        child = int((tmp_path / "pids.child").read_text())
        driver.kill()
        driver.wait(60)
        all_gone([process for process in family if process.pid != child], ORPHANS_END_S)


CLOSING = (
    DRIVER
    + """
import multiprocessing
child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(300,))
child.start()
manager.close()
child.kill()
print("closed", flush=True)
"""
)


def test_a_forked_child_does_not_keep_the_manager_from_closing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CLOSING, str(tmp_path / "pids"), "processes"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.endswith("closed\n")


def test_an_impatient_ctrl_c_leaves_no_orphans(tmp_path: Path) -> None:
    with _driver(WAITING, "processes", tmp_path) as (driver, family):
        for _ in range(5):
            os.killpg(driver.pid, signal.SIGINT)
            time.sleep(0.01)
        driver.communicate(timeout=120)
        all_gone(family, ORPHANS_END_S)


SERVERS = """
import sys
from pilot_quantum import PilotManager
from tests.pilot_quantum import faults

path, engine = sys.argv[1:]
manager = PilotManager()
pilot = manager.submit_pilot(faults.describe("ray", cores=2))
pilot.wait(180)
tasks = [manager.submit_task(faults.say_and_sleep, path) for _ in range(2)] + manager.submit_tasks(faults.square, "ab")
print("waiting", flush=True)
for task in tasks:
    print(type(task.exception(100)).__name__, flush=True)
print(pilot.state, flush=True)
manager.close()
"""


@pytest.mark.xdist_group("ray")
@pytest.mark.parametrize("server", ["raylet", "gcs_server"])
def test_a_dead_ray_server_fails_the_pilot_and_its_tasks(tmp_path: Path, server: str) -> None:
    pytest.importorskip("ray")
    path = tmp_path / "pids"
    command = [sys.executable, "-c", SERVERS, str(path), "ray"]
    driver = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    family: list[psutil.Process] = []
    try:
        assert driver.stdout is not None
        assert driver.stdout.readline() == "waiting\n"
        until(lambda: path.exists() and len(path.read_text().split()) == 2)
        family = descendants(driver.pid)
        (victim,) = [process for process in family if process.name() == server]
        victim.kill()
        output, _ = driver.communicate(timeout=150)
        ends = output.split()
        assert len(ends) == 5
        assert set(ends[:4]) <= {"UnsatisfiableRequest", "WorkerLost", "PilotFailed"}
        assert ends[4] == "failed"
        all_gone(family, ORPHANS_END_S)
    finally:
        for process in family:
            if alive([process]):
                process.kill()
        driver.kill()
        driver.communicate()


def test_a_driver_that_fails_passes_its_error_on(tmp_path: Path) -> None:
    script = DRIVER + "\nwith manager:\n    time.sleep(1)\n    raise ValueError('mine')\n"
    command = [sys.executable, "-c", script, str(tmp_path / "pids"), "processes"]
    started = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert time.monotonic() - started < 120
    assert done.returncode == 1
    assert "ValueError: mine" in done.stderr
