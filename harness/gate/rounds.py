"""Rounds: one repeat of every case on one side, then on the other, in an order that alternates.

Each round of a side is a process of its own, through the command line of that commit: ``qhpc run --repeats n`` after
n - 1 recorded repeats runs one more. So samples are independent, and whatever else the machine does meets both sides
alike.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from harness.errors import Exit, UserError, one_line
from harness.store import read_records

from .build import Side, clean_environment

if TYPE_CHECKING:
    from harness.record import Record

_LONGEST_S: Final = 1800
_REFUSED: Final = (Exit.INTERNAL, Exit.USAGE)

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Work:
    """What is run.

    Attributes
    ----------
    campaign
        TOML file that both sides understand.
    only
        Conditions as for ``qhpc run --only``; each is a run of its own. An empty one means all cases.
    """

    campaign: Path
    only: tuple[str, ...] = ("",)


def interleaved(sides: Sequence[Side], work: Work, results: Path, *, rounds: int, tell: Tell) -> None:
    """Run ``rounds`` repeats of every case on each side, in turn, into ``results/<side>``.

    Raises
    ------
    UserError
        If a side refuses the campaign.
    """
    for number in range(1, rounds + 1):
        for side in sides if number % 2 else reversed(sides):
            tell(f"round {number} of {rounds}: {side.name} {side.commit[:10]}")
            for condition in work.only:
                _run(side, work.campaign, results / side.name, [*_only(condition), "--repeats", str(number)])


def records_of(side: Side, results: Path) -> list[Record]:
    """Return what a side has recorded."""
    place = results / side.name
    return read_records(place).records if place.is_dir() else []


def _only(condition: str) -> list[str]:
    return ["--only", condition] if condition else []


def _run(side: Side, campaign: Path, results: Path, options: Sequence[str]) -> None:
    command = [str(side.python), "-m", "harness", "run", str(campaign), "--results", str(results), "--json", *options]
    done = subprocess.run(
        command,
        cwd=side.source,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_LONGEST_S,
        check=False,
    )
    if done.returncode in _REFUSED or done.returncode < 0:
        said = [line for line in done.stderr.splitlines() if line.startswith("error:")] or done.stderr.splitlines()[-1:]
        raise UserError(f"{side.name} ({side.revision}) cannot run {campaign.name}: {one_line(' '.join(said))}")
