"""What can go wrong before anything is measured, and how a command ends.

Every error that a person can correct is one line: the value, the rule it breaks, the valid choices.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from enum import IntEnum
from typing import Final


class Exit(IntEnum):
    """Exit codes of ``qhpc``, one meaning each."""

    OK = 0
    """Everything that was asked for is there."""
    INTERNAL = 1
    """The harness could not go on: a bug of its own, or a disk that is full."""
    USAGE = 2
    """Usage or configuration; nothing was started."""
    CASES_FAILED = 3
    """Some cases failed, ran out of time or were cancelled."""
    CHECK_FAILED = 4
    """Some case gave a wrong answer."""
    REGRESSION = 5
    """A comparison found something worse."""
    NOTHING_MEASURED = 6
    """There is no measurement to speak of."""


_MEANINGS: Final = (
    "Exit codes: 0 ok; 2 usage or configuration, nothing was started; 3 some cases failed; 4 an answer check failed; "
    "5 regression found; 6 nothing was measured."
)
_PRECEDENCE: Final = (
    "If several apply, the first of 4, 6, 3, 5 is returned. 1: the harness could not go on (a bug, a full disk); "
    "130, 143, 129: ended by Ctrl-C, SIGTERM, SIGHUP."
)
EXIT_CODES: Final = f"{_MEANINGS}\n\n{_PRECEDENCE}"
"""What ``qhpc --help`` says about them."""


class UserError(Exception):
    """Something the user asked for is not possible; the message is one line.

    Attributes
    ----------
    code
        Exit code of the command.
    """

    code: Exit = Exit.USAGE


class NothingMeasured(UserError):
    """There is no measurement to work with."""

    code = Exit.NOTHING_MEASURED


class CampaignError(UserError):
    """The campaign breaks a rule; the message names the key, the rule and the choices. Nothing was started."""


def nearest(word: str, choices: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the choice nearest to ``word``, or nothing if none is near."""
    names = list(choices)
    longer = [name for name in names if len(word) > 2 and word.lower() in name.lower()]
    found = longer or get_close_matches(word, names, n=1, cutoff=0.6)
    return f"; did you mean {found[0]!r}?" if found else ""


def one_line(text: object) -> str:
    """Return ``text`` with every run of white space, line breaks included, as one blank."""
    return " ".join(str(text).split())
