"""Campaigns of the toy mini-app, and the command line run in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main

GOOD = """
name = "toys"
seed = 5

[[pilots]]
name = "here"
engine = "inline"

[[apps]]
name = "tests.harness.toy:APP"
repeats = 2
warmups = 0

[apps.params]
n_tasks = [1, 3]
"""


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out, parse_constant=_refuse)


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not strict JSON")


Qhpc = Callable[..., Done]


@pytest.fixture
def qhpc(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Qhpc:
    """Run a command in this process; ``--results`` is a directory that does not exist yet."""

    def run(*words: object) -> Done:
        arguments = [str(word) for word in words]
        if arguments[0] in ("run", "plan", "status") and "--results" not in arguments:
            arguments += ["--results", str(tmp_path / "results")]
        with pytest.raises(SystemExit) as end:
            main(arguments)
        out, err = capfd.readouterr()
        assert isinstance(end.value.code, int)
        return Done(end.value.code, out, err)

    return run


@pytest.fixture
def campaign(tmp_path: Path) -> Callable[..., Path]:
    """Write a campaign of the toy app; ``params`` and ``top`` are TOML, the rest replaces what `GOOD` says."""

    def write(text: str = GOOD, **replaced: object) -> Path:
        for name, value in replaced.items():
            old = next(line for line in text.splitlines() if line.startswith(f"{name} ="))
            text = text.replace(old, f"{name} = {json.dumps(value)}", 1)
        path = tmp_path / "campaign.toml"
        path.write_text(text)
        return path

    return write
