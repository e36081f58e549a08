"""Running what is missing: every campaign in a process of its own, within its budget, one after the other.

A process of its own, so that what one campaign leaves behind (loaded libraries, memory, a lost Ray cluster) neither
slows the next one down nor ends the whole.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_INTERRUPTED: Final = frozenset(128 + number for number in _SIGNALS)


@dataclass(frozen=True, slots=True)
class Step:
    """One command of ``qhpc``.

    Attributes
    ----------
    words
        The command with its options, without ``qhpc``.
    """

    words: tuple[str, ...]

    @property
    def text(self) -> str:
        """The command as a person would type it."""
        return " ".join(("qhpc", *self.words))


def steps(
    campaign: str, results: Path, *, budget_s: float | None, calibrate: bool = False, machine: Sequence[str] = ()
) -> list[Step]:
    """Return the commands that record what is missing of a campaign.

    Parameters
    ----------
    campaign
        Its name.
    results
        The results directory.
    budget_s
        Seconds after which no further repeat is started; None means no budget.
    calibrate
        Whether the cost model of this machine has to be fitted first.
    machine
        Options that name a machine.
    """
    where = ("--results", str(results))
    budget = () if budget_s is None else ("--budget-s", f"{budget_s:g}")
    before = [Step(("calibrate", *where))] if calibrate else []
    return [*before, Step(("run", campaign, *where, "--skip-unfit", *budget, *machine))]


def modelled(results: Path) -> bool:
    """Tell whether there is a cost model that was fitted on this machine."""
    from harness.cutting_costs import fingerprint, model_file
    from qdreamer.calibration import BadCalibration, load

    try:
        load(model_file(results), fingerprint=fingerprint())
    except BadCalibration:
        return False
    return True


def execute(todo: Sequence[Step]) -> int:
    """Run commands in order, their words on stderr, and return the exit code of the last one that ran.

    A signal that this process gets goes to the running command, which keeps what it has finished; nothing is started
    after it.
    """
    code = 0
    for step in todo:
        code = call([sys.executable, "-m", "harness", *step.words])
        if interrupted(code):
            break
    return code


def interrupted(code: int) -> bool:
    """Tell whether a command was ended by a signal that a person or a scheduler sent."""
    return code in _INTERRUPTED


def call(command: Sequence[str]) -> int:
    """Run a command to its end, its output on stderr, and return its exit code; signals are sent on to it."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr) as process, _forwarding(process):
        code = process.wait()
    return 128 - code if code < 0 else code


@contextmanager
def _forwarding(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Send signals on to a command; Ctrl-C reaches it by itself, since it is in the terminal's foreground group."""

    def forward(number: int, _: object) -> None:
        if number != signal.SIGINT or not sys.stdin.isatty():
            process.send_signal(number)

    before = {number: signal.signal(number, forward) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
