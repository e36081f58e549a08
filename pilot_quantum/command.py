"""A program as a task. Worker side when called."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from .errors import PilotQuantumError
from .worker import Ranks

_TAIL_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class CompletedCommand:
    """What a program left behind.

    Attributes
    ----------
    returncode
        Its exit code.
    stdout, stderr
        What it printed, as text; bytes that are not UTF-8 are replaced.
    """

    returncode: int
    stdout: str
    stderr: str


class CommandFailed(PilotQuantumError):
    """A program ended with an exit code other than 0, or was killed.

    Attributes
    ----------
    argv
        Program and arguments.
    returncode
        Exit code; negative for the signal that killed it.
    stdout, stderr
        The end of what it printed.
    """

    def __init__(self, argv: tuple[str, ...], returncode: int, stdout: str, stderr: str) -> None:
        super().__init__(argv, returncode, stdout, stderr)
        self.argv = argv
        self.returncode = returncode
        self.stdout = stdout
        self.stderr = stderr

    def __str__(self) -> str:
        """Return program, exit code and the end of what it printed."""
        how = f"was killed by signal {-self.returncode}" if self.returncode < 0 else f"exited with {self.returncode}"
        said = (self.stderr or self.stdout).strip()
        return f"{self.argv[0]} {how}" + (f":\n{said}" if said else " and printed nothing")


@dataclass(frozen=True)
class Command:
    """A program that is run without a shell, usable as the function of a task.

    It is started in the process group of its worker and is killed with it. As the function of a gang it runs once for
    each rank; on the engine ``mpi`` it may be an MPI program, on all engines it finds ``PILOT_QUANTUM_RANK``,
    ``PILOT_QUANTUM_SIZE``, ``PILOT_QUANTUM_LOCAL_RANK`` and ``PILOT_QUANTUM_COORDINATOR`` in its environment.

    Parameters
    ----------
    argv
        Program and arguments.
    env
        Variables to set in addition to the worker's; None means none.
    cwd
        Directory to run in; None means the worker's.

    Examples
    --------
    >>> Command(["echo", "hello"])("world").stdout.strip()
    'hello world'
    """

    never_changes: ClassVar[bool] = True
    """It is sent to each worker once."""
    starts_mpi: ClassVar[bool] = True
    """The program may initialise MPI, so the process that starts it must not."""

    argv: Sequence[str]
    env: Mapping[str, str] | None = field(default=None, hash=False)
    cwd: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.argv, str) or not self.argv:
            raise ValueError(f"argv = {self.argv!r}: must be a list of the program and its arguments")
        object.__setattr__(self, "argv", tuple(map(os.fspath, self.argv)))

    @property
    def __name__(self) -> str:
        """Name of the program, which becomes the name of the task."""
        return os.path.basename(self.argv[0])  # noqa: PTH119 - a program's name need not be a path

    def __call__(self, *arguments: object, ranks: Ranks | None = None) -> CompletedCommand:
        """Run the program with further arguments, as text, and wait for it.

        Raises
        ------
        CommandFailed
            If it ends with anything but 0.
        OSError
            If it cannot be started.
        """
        argv = (*self.argv, *map(str, arguments))
        ended = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            cwd=self.cwd,
            env={**os.environ, **(self.env or {}), **_variables(ranks)},
            pass_fds=_launcher_channel() if ranks is not None else (),
        )
        stdout, stderr = ended.stdout.decode(errors="replace"), ended.stderr.decode(errors="replace")
        if ended.returncode:
            raise CommandFailed(argv, ended.returncode, stdout[-_TAIL_CHARACTERS:], stderr[-_TAIL_CHARACTERS:])
        return CompletedCommand(ended.returncode, stdout, stderr)


def _variables(ranks: Ranks | None) -> dict[str, str]:
    if ranks is None:
        return {}
    values = {"RANK": ranks.rank, "SIZE": ranks.size, "LOCAL_RANK": ranks.local_rank, "COORDINATOR": ranks.coordinator}
    return {f"PILOT_QUANTUM_{name}": str(value) for name, value in values.items()}


def _launcher_channel() -> tuple[int, ...]:
    """Return the descriptor over which an MPI program speaks with its launcher (PMI), if there is one."""
    number = os.environ.get("PMI_FD", "")
    return (int(number),) if number.isdigit() else ()
