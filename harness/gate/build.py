"""A commit made ready to run: a git worktree, and a virtual environment in which that worktree is what is imported.

Third-party packages are those of the environment that runs the gate, on both sides, so that only our own code
differs; it needs no network and takes seconds.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.errors import UserError, one_line

_PACKAGES: Final = ("site-packages", "dist-packages")
_NOT_PASSED_ON: Final = frozenset({"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"})
LOCK: Final = "requirements.lock"


@dataclass(frozen=True, slots=True)
class Side:
    """One commit that can be run.

    Attributes
    ----------
    name
        ``"base"`` or ``"head"``.
    revision, commit
        As it was asked for, and its full hash.
    source
        Its files.
    python
        Interpreter that imports them.
    """

    name: str
    revision: str
    commit: str
    source: Path
    python: Path

    def lock(self) -> str:
        """Return the text of its lock file; empty if it has none."""
        file = self.source / LOCK
        return file.read_text("utf-8") if file.is_file() else ""


def default_cache() -> Path:
    """Return where builds are kept unless somebody says otherwise: ``$XDG_CACHE_HOME/qhpc-gate``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "qhpc-gate"


def toplevel(directory: Path) -> Path:
    """Return the checkout that a directory lies in.

    Raises
    ------
    UserError
        If it lies in none, or in one of something else.
    """
    top = Path(git(directory, "rev-parse", "--show-toplevel"))
    if not (top / "harness" / "cli.py").is_file():
        raise UserError(f"{top}: not a checkout of this project; change into one, or name it with --repository")
    return top


def build(name: str, revision: str, *, repository: Path, cache: Path) -> Side:
    """Check a commit out and make its environment, unless that was done before.

    Raises
    ------
    UserError
        If there is no such commit, or it cannot be checked out.
    """
    commit = git(repository, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}", what=f"commit {revision!r}")
    place = cache / commit[:16]
    source = place / "source"
    if not (source / "harness").is_dir():
        place.mkdir(parents=True, exist_ok=True)
        git(repository, "worktree", "prune")
        git(repository, "worktree", "add", "--force", "--detach", str(source), commit)
    return Side(name, revision, commit, source, _environment(place, source))


def changed(repository: Path) -> bool:
    """Tell whether tracked files differ from the last commit; the gate does not see that."""
    return bool(git(repository, "status", "--porcelain", "--untracked-files=no"))


def git(directory: Path, *arguments: str, what: str = "git") -> str:
    """Run git and return what it prints.

    Raises
    ------
    UserError
        One line, beginning with ``what``, if git is not there or refuses.
    """
    command = ["git", "-C", str(directory), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise UserError(f"git cannot be run: {error.strerror}") from error
    if done.returncode:
        raise UserError(f"{what}: {one_line(done.stderr) or f'not found in {directory}'}")
    return done.stdout.strip()


def clean_environment() -> dict[str, str]:
    """Return this process's environment variables without those that choose what Python imports."""
    return {name: value for name, value in os.environ.items() if name not in _NOT_PASSED_ON}


def _environment(place: Path, source: Path) -> Path:
    """Return the interpreter of a virtual environment whose first import place is ``source``."""
    folder = place / "venv"
    python = folder / "bin" / "python"
    if not python.exists():
        command = [sys.executable, "-m", "venv", "--without-pip", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=clean_environment())
        if done.returncode:
            raise UserError(f"{folder}: no virtual environment: {one_line(done.stderr or done.stdout)}")
    places = [str(source), *(part for part in sys.path if Path(part).name in _PACKAGES)]
    packages = next(folder.glob("lib/python*/site-packages"))
    (packages / "gate.pth").write_text("".join(f"{part}\n" for part in places), "utf-8")
    return python
