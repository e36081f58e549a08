"""The engine ``mpi`` with real launchers, ranks and deaths."""

from __future__ import annotations

import os
import pickle
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client
from pathlib import Path
from typing import Any

import psutil
import pytest

pytest.importorskip("mpi4py")

from pilot_quantum import (
    InvalidDescription,
    Pilot,
    PilotDescription,
    PilotManager,
    Resources,
    Retries,
    TaskDescription,
    TaskTimeout,
    UnsatisfiableRequest,
    WorkerLost,
)
from pilot_quantum._door import Door
from pilot_quantum.command import Command, CompletedCommand
from pilot_quantum.engines._mpi_launch import launcher_rank, mpiexec_command, srun_command, without_launcher
from pilot_quantum.worker import Ranks

pytestmark = [pytest.mark.timeout(60), pytest.mark.xdist_group("mpi")]

TWO = Resources(ranks=2)
ONCE = Retries(lost_worker=0)


def wait_for(condition: Callable[[], Any], timeout_s: float = 15.0) -> Any:
    deadline = time.monotonic() + timeout_s
    while not (value := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert value, "it did not become true in time"
    return value


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@pytest.fixture(scope="module")
def manager() -> Iterator[PilotManager]:
    with PilotManager() as manager:
        manager.submit_pilot(
            PilotDescription("mpi", engine="mpi", launcher_options={"oversubscribe": True}, cores_per_node=2)
        )
        yield manager


def gang(manager: PilotManager, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    return manager.submit_task(TaskDescription(function, args, resources=TWO, retries=ONCE, **options))


# Commands.


def test_mpiexec_command() -> None:
    assert mpiexec_command(["mpiexec", "-bind-to", "core"], 4, ["prog", "x y"]) == [
        "mpiexec", "-bind-to", "core", "-n", "4", "prog", "x y",
    ]  # fmt: skip


def test_srun_command_puts_each_rank_on_its_node() -> None:
    command = srun_command(3, ["prog", "arg"], mpi="pmix", nodes=["n1", "n2", "n1"])
    assert " ".join(command) == (
        "srun --mpi=pmix --ntasks=3 --cpus-per-task=1 --mem=0 --kill-on-bad-exit=1 --overlap --cpu-bind=none "
        "--nodes=2 --distribution=arbitrary --nodelist=n1,n2,n1 prog arg"
    )


def test_srun_command_without_nodes_names_none() -> None:
    command = srun_command(2, ["prog"])
    assert " ".join(command) == (
        "srun --mpi=pmi2 --ntasks=2 --cpus-per-task=1 --mem=0 --kill-on-bad-exit=1 --overlap --cpu-bind=none prog"
    )


@pytest.mark.parametrize(
    ("environment", "rank"),
    [
        ({"PMI_RANK": "3", "PMI_SIZE": "4"}, 3),
        ({"OMPI_COMM_WORLD_RANK": "1", "PMIX_RANK": "1"}, 1),
        ({"SLURM_PROCID": "7"}, 7),
        ({"PATH": "/bin"}, None),
    ],
)
def test_rank_that_the_launcher_tells(environment: dict[str, str], rank: int | None) -> None:
    assert launcher_rank(environment) == rank


def test_a_driver_that_is_a_rank_itself_does_not_pass_that_on() -> None:
    outer = {"PMI_RANK": "0", "PMI_FD": "9", "PMIX_RANK": "0", "OMPI_COMM_WORLD_SIZE": "2", "HYDI_CONTROL_FD": "7"}
    assert without_launcher({**outer, "SLURM_JOB_ID": "1"}) == {"SLURM_JOB_ID": "1"}


# Gangs and ordinary tasks.


def gathered(number: int, *, ranks: Ranks) -> tuple[list[int], int, str]:
    world = ranks.communicator
    return world.allgather(number + world.rank), ranks.rank, os.environ["PILOT_QUANTUM_WORKER"]


def test_the_ranks_of_a_gang_share_a_communicator(manager: PilotManager) -> None:
    values = gang(manager, gathered, 10).result(30)
    assert [value[:2] for value in values] == [([10, 11], 0), ([10, 11], 1)]
    assert {value[2] for value in values} == {"0", "1"}


def size_or_none(weights: list[int], ranks: Ranks | None = None) -> tuple[int, int]:
    return sum(weights), 0 if ranks is None else ranks.communicator.allreduce(1)


def test_a_function_and_a_shared_value_serve_gangs_and_ordinary_tasks_in_turn(manager: PilotManager) -> None:
    weights = manager.share([1, 2, 3])
    for _ in range(2):
        assert [t.result(30) for t in manager.submit_tasks(size_or_none, [weights] * 8)] == [(6, 0)] * 8
        assert gang(manager, size_or_none, weights).result(30) == [(6, 2), (6, 2)]


def launcher_variables() -> list[str]:
    return [name for name in os.environ if name.startswith("PMI")]


def test_ordinary_tasks_are_not_ranks(manager: PilotManager) -> None:
    assert manager.submit_task(launcher_variables).result(30) == []


def test_a_command_may_be_an_mpi_program(manager: PilotManager) -> None:
    program = "from mpi4py import MPI; c = MPI.COMM_WORLD; print(c.rank, c.size, c.allreduce(1))"
    values: list[CompletedCommand] = gang(manager, Command([sys.executable, "-c", program])).result(30)
    assert [value.stdout.split() for value in values] == [["0", "2", "2"], ["1", "2", "2"]]


# What goes wrong.


def raise_on_rank_1(ranks: Ranks) -> None:
    if ranks.rank == 1:
        raise LookupError("nothing there")
    ranks.communicator.barrier()


def test_one_ranks_exception_ends_the_gang_and_names_the_rank(manager: PilotManager) -> None:
    with pytest.raises(LookupError, match="nothing there") as caught:
        gang(manager, raise_on_rank_1).result(30)
    assert any("rank 1 of 2" in note for note in caught.value.__notes__)
    assert gang(manager, gathered, 0).result(30)[0][0] == [0, 1]


def die_on_rank_1(ranks: Ranks) -> None:
    if ranks.rank == 1:
        sys.stderr.write("last words\n")
        os.kill(os.getpid(), signal.SIGKILL)
    ranks.communicator.barrier()


def test_a_killed_rank_ends_the_gang_with_the_end_of_its_output(manager: PilotManager) -> None:
    with pytest.raises(WorkerLost, match=r"a rank died(?s:.*)last words"):
        gang(manager, die_on_rank_1).result(30)


def die_the_first_time(marker: str, ranks: Ranks) -> int:
    if ranks.rank == 0 and not Path(marker).exists():
        Path(marker).touch()
        os._exit(3)
    size: int = ranks.communicator.allreduce(1)
    return size


def test_a_lost_gang_is_started_again(manager: PilotManager, tmp_path: Path) -> None:
    marker = str(tmp_path / "tried")
    task = manager.submit_task(TaskDescription(die_the_first_time, (marker,), resources=TWO))
    assert task.result(30) == [2, 2]
    assert task.trace().attempt == 2


def note_and_hang(directory: str, ranks: Ranks) -> None:
    child = subprocess.Popen(["sleep", "300"])
    Path(directory, f"{ranks.rank}.tmp").write_text(f"{os.getpid()} {child.pid}")
    Path(directory, f"{ranks.rank}.tmp").rename(Path(directory, str(ranks.rank)))
    ranks.communicator.barrier()
    if ranks.rank == 0:
        ranks.communicator.recv(source=1)  # never sent: spins, as MPI libraries do
    time.sleep(300)


def noted(directory: Path) -> list[int]:
    files = [directory / str(rank) for rank in range(2)]
    wait_for(lambda: all(file.exists() for file in files), 30)
    return [int(word) for file in files for word in file.read_text().split()]


def test_a_gang_that_runs_too_long_is_stopped_with_its_children(manager: PilotManager, tmp_path: Path) -> None:
    task = gang(manager, note_and_hang, str(tmp_path), timeout_s=4.0)
    with pytest.raises(TaskTimeout):
        task.result(40)
    wait_for(lambda: not any(map(alive, noted(tmp_path))))


def test_cancelling_a_gang_stops_its_processes(manager: PilotManager, tmp_path: Path) -> None:
    task = gang(manager, note_and_hang, str(tmp_path))
    processes = noted(tmp_path)
    assert manager.cancel(task)
    wait_for(lambda: not any(map(alive, processes)))
    assert gang(manager, gathered, 0).result(30)[0][0] == [0, 1]


def test_no_command_line_shows_the_key(manager: PilotManager, tmp_path: Path) -> None:
    task = gang(manager, note_and_hang, str(tmp_path))
    noted(tmp_path)
    family = psutil.Process().children(recursive=True)
    launcher = next(p for p in family if "mpiexec" in Path(p.cmdline()[0]).name)
    key = launcher.environ()["PILOT_QUANTUM_MPI_KEY"]
    assert len(key) == 64
    assert not any(key in word for p in psutil.process_iter() for word in _command_line(p))
    manager.cancel(task)


def _command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_who_does_not_know_the_key_is_not_let_in() -> None:
    door = Door()
    host, _, port = door.address.rpartition(":")
    try:
        with (
            pytest.raises((AuthenticationError, EOFError, ConnectionError)),
            Client((host, int(port)), authkey=b"guess"),
        ):
            pass
    finally:
        door.close()


# Launchers.


def launcher(directory: Path, script: str) -> str:
    path = directory / "mpiexec"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def pilot_with(manager: PilotManager, command: str, **options: Any) -> Pilot:
    return manager.submit_pilot(
        PilotDescription(
            engine="mpi",
            cores_per_node=2,
            launcher_options={"oversubscribe": True},
            engine_options={"mpiexec": command, **options},
        )
    )


@pytest.mark.parametrize("tell", ["", "OMPI_COMM_WORLD_RANK=$i "], ids=["silent launcher", "launcher of another MPI"])
def test_a_launcher_that_gives_singletons_is_a_clear_error(tell: str, tmp_path: Path) -> None:
    script = f'size=$2; shift 2\ni=0; while [ $i -lt $size ]; do {tell}"$@" & i=$((i+1)); done; wait'
    with PilotManager() as manager:
        pilot_with(manager, launcher(tmp_path, script))
        with pytest.raises(UnsatisfiableRequest, match="do not belong together"):
            gang(manager, gathered, 0).result(30)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("sleep 300", "0 of 2 ranks initialised MPI within 1 s"),
        ("echo no nodes left >&2; exit 7", r"exited with code 7(?s:.*)no nodes left"),
    ],
    ids=["hangs", "fails"],
)
def test_ranks_that_never_report_in_end_the_gang(script: str, reason: str, tmp_path: Path) -> None:
    with PilotManager() as manager:
        pilot_with(manager, launcher(tmp_path, script), start_timeout_s=1.0)
        with pytest.raises(WorkerLost, match=reason):
            gang(manager, gathered, 0).result(30)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mpiexec": "/no/such/mpiexec -v"}, "mpiexec = '/no/such/mpiexec -v'"),
        ({"start_timeout_s": 0.0}, "start_timeout_s = 0.0"),
        ({"ranks": 2}, "mpiexec, srun_mpi, start_timeout_s"),
    ],
)
def test_wrong_options_are_refused_at_once(options: dict[str, Any], message: str) -> None:
    with PilotManager() as manager, pytest.raises(InvalidDescription, match=message):
        manager.submit_pilot(PilotDescription(engine="mpi", engine_options=options))


def test_a_machine_without_a_launcher_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with PilotManager() as manager, pytest.raises(InvalidDescription, match=r"qhpc-miniapps\[mpi\]"):
        manager.submit_pilot(PilotDescription(engine="mpi", cores_per_node=1))


_DRIVER = """
import pickle, sys, time
from pilot_quantum import PilotDescription, PilotManager, Resources, TaskDescription
function, directory = pickle.loads(sys.stdin.buffer.read())
manager = PilotManager()
manager.submit_pilot(PilotDescription(engine="mpi", cores_per_node=2, launcher_options={"oversubscribe": True}))
manager.submit_task(TaskDescription(function, (directory,), resources=Resources(ranks=2)))
time.sleep(300)
"""


def test_nothing_outlives_a_killed_driver(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    driver = subprocess.Popen([sys.executable, "-c", _DRIVER], stdin=subprocess.PIPE, env=environment)
    assert driver.stdin is not None
    with driver.stdin as pipe:
        pipe.write(pickle.dumps((note_and_hang, str(tmp_path))))
    processes = noted(tmp_path)
    family = [child.pid for child in psutil.Process(driver.pid).children(recursive=True)]
    driver.kill()
    driver.wait()
    wait_for(lambda: not any(map(alive, {*family, *processes})), 15)
