"""Tutorials are tests: their files are written, their commands run in order, and every one must succeed.

A block of ``sh`` is run, unless the line before it is ``<!-- cluster -->``. A block after ``<!-- file: NAME -->`` is
written to NAME when its turn comes.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import pytest

from tests.architecture.source import ROOT

TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
EXPECTED = {
    "first-campaign",
    "own-mini-app",
    "own-device",
    "slurm-campaign",
    "calibrate-and-recommend",
    "read-a-figure",
}
_BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>[^\n]*?) -->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Block:
    """One block of a tutorial: to be run, or to be written to a file."""

    text: str
    file: str = ""


def blocks(text: str) -> list[Block]:
    """Return the blocks that matter, in order."""
    found = []
    for match in _BLOCK.finditer(text):
        mark = match["mark"] or ""
        if mark.startswith("file: "):
            found.append(Block(match["text"], mark.removeprefix("file: ")))
        elif match["language"] == "sh" and mark != "cluster":
            found.append(Block(match["text"]))
    return found


def script(parts: list[Block], staged: Path) -> str:
    """Return one shell script; files are staged, and copied when their turn comes."""
    lines = ["set -euo pipefail"]
    for number, part in enumerate(parts):
        if part.file:
            source = staged / str(number)
            source.write_text(part.text, "utf-8")
            lines.append(f"cp {shlex.quote(str(source))} {shlex.quote(part.file)}")
        else:
            lines += [f"echo {shlex.quote('$ ' + line)}" for line in part.text.splitlines()[:1]] + [part.text]
    return "\n".join(lines)


def test_the_tutorials_are_there() -> None:
    assert {file.stem for file in TUTORIALS} == EXPECTED


def test_blocks_are_told_apart() -> None:
    file = "<!-- file: a.toml -->\n```toml\nx = 1\n```\n\n"
    text = file + "```sh\nls\n```\n\n<!-- cluster -->\n```sh\nsrun\n```\n\n```python\nno\n```\n"
    assert blocks(text) == [Block("x = 1\n", "a.toml"), Block("ls\n")]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("tutorial", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_runs(tutorial: Path, tmp_path: Path) -> None:
    parts = blocks(tutorial.read_text("utf-8"))
    assert any(not part.file for part in parts)
    staged, work = tmp_path / "staged", tmp_path / "work"
    staged.mkdir()
    work.mkdir()
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    environment |= {"HOME": str(tmp_path), "COLUMNS": "160", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    environment |= {"MPLCONFIGDIR": mpl.get_cachedir()}  # a list of fonts takes ten seconds to make
    command = ["bash", "-c", script(parts, staged)]
    done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
