"""Programs as tasks."""

from __future__ import annotations

import os
import pickle
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pilot_quantum import PilotDescription, PilotManager, Resources, TaskDescription
from pilot_quantum.command import Command, CommandFailed, CompletedCommand

pytestmark = [pytest.mark.timeout(60), pytest.mark.xdist_group("processes")]


def python(program: str) -> Command:
    return Command([sys.executable, "-c", program])


@pytest.fixture(scope="module")
def manager() -> Iterator[PilotManager]:
    with PilotManager() as manager:
        options = {"oversubscribe": True}
        manager.submit_pilot(PilotDescription(engine="processes", cores_per_node=2, launcher_options=options))
        yield manager


def test_a_command_gives_what_the_program_printed() -> None:
    program = "import sys; print('out'); sys.stderr.write('err')"
    assert python(program)() == CompletedCommand(0, "out\n", "err")


def test_further_arguments_are_appended_as_text_and_no_shell_looks_at_them() -> None:
    assert Command(["echo", "a"])("$HOME *", 3).stdout == "a $HOME * 3\n"


def test_variables_are_added_and_the_directory_is_changed(tmp_path: Path) -> None:
    command = Command(
        [sys.executable, "-c", "import os; print(os.getcwd(), os.environ['MINE'], 'PATH' in os.environ)"],
        env={"MINE": "yes"},
        cwd=tmp_path,
    )
    assert command().stdout.split() == [str(tmp_path), "yes", "True"]


def test_output_that_is_not_text_is_no_error() -> None:
    assert python(r"import os; os.write(1, b'\xff')")().stdout == "\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("program", "code", "said"),
    [
        ("import sys; sys.stderr.write('no such molecule'); sys.exit(3)", 3, r"exited with 3:\nno such molecule"),
        ("print('only here'); raise SystemExit(4)", 4, r"exited with 4:\nonly here"),
        ("import os; os.kill(os.getpid(), 11)", -11, "was killed by signal 11 and printed nothing"),
    ],
)
def test_a_failure_says_how_and_the_end_of_the_output(program: str, code: int, said: str) -> None:
    with pytest.raises(CommandFailed, match=said) as caught:
        python(program)()
    assert caught.value.returncode == code


def test_only_the_end_of_a_long_output_travels() -> None:
    with pytest.raises(CommandFailed) as caught:
        python("import sys; sys.stderr.write('x' * 100_000 + 'end'); sys.exit(1)")()
    assert caught.value.stderr.endswith("xend")
    assert len(caught.value.stderr) < 10_000


def test_a_program_that_does_not_exist_is_named() -> None:
    with pytest.raises(FileNotFoundError, match="no-such-program"):
        Command(["no-such-program"])()


@pytest.mark.parametrize("argv", [[], "ls -l"], ids=repr)
def test_a_command_line_must_be_a_list(argv: list[str] | str) -> None:
    with pytest.raises(ValueError, match="must be a list of the program and its arguments"):
        Command(argv)


def test_commands_and_their_failures_survive_pickling() -> None:
    command = Command(["prog", Path("file")], env={"A": "1"}, cwd="/")
    assert pickle.loads(pickle.dumps(command)) == command
    failure = CommandFailed(("prog",), 2, "", "why")
    assert str(pickle.loads(pickle.dumps(failure))) == str(failure)


# As tasks.


def test_tasks_of_one_command_are_named_after_the_program(manager: PilotManager) -> None:
    tasks = manager.submit_tasks(Command(["/bin/echo"]), range(20))
    assert [task.result(30).stdout for task in tasks] == [f"{number}\n" for number in range(20)]
    assert {task.name for task in tasks} == {"echo"}


def test_a_failed_command_fails_its_task(manager: PilotManager) -> None:
    with pytest.raises(CommandFailed, match="exited with 5"):
        manager.submit_task(python("raise SystemExit(5)")).result(30)


def test_a_cancelled_command_is_killed_with_its_worker(manager: PilotManager, tmp_path: Path) -> None:
    notes = tmp_path / "pid"
    program = f"import os, pathlib, time; pathlib.Path({str(notes)!r}).write_text(f'{{os.getpid()}} '); time.sleep(300)"
    task = manager.submit_task(python(program))
    deadline = time.monotonic() + 30
    while not (notes.exists() and notes.read_text().endswith(" ")) and time.monotonic() < deadline:
        time.sleep(0.02)
    pid = int(notes.read_text())
    assert manager.cancel(task)
    process = psutil.Process(pid) if psutil.pid_exists(pid) else None
    assert process is None or process.status() == psutil.STATUS_ZOMBIE or process.wait(15) is None


def test_a_gang_of_commands_is_told_its_ranks(manager: PilotManager) -> None:
    names = ["RANK", "SIZE", "LOCAL_RANK", "COORDINATOR"]
    program = f"import os; print(*(os.environ['PILOT_QUANTUM_' + n] for n in {names}))"
    task = manager.submit_task(TaskDescription(python(program), resources=Resources(ranks=2)))
    words = [value.stdout.split() for value in task.result(30)]
    assert [word[:3] for word in words] == [["0", "2", "0"], ["1", "2", "1"]]
    assert words[0][3] == words[1][3]
    assert words[0][3].startswith("127.0.0.1:")


def test_an_ordinary_task_is_told_no_rank(manager: PilotManager) -> None:
    assert "PILOT_QUANTUM_RANK" not in os.environ
    program = "import os; print('PILOT_QUANTUM_RANK' in os.environ)"
    assert manager.submit_task(python(program)).result(30).stdout == "False\n"
