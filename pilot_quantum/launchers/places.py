"""Where a placeholder job's files lie, and where its nodes reach us."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ._agent import hello

DIRECTORY: Final = "PILOT_QUANTUM_DIRECTORY"
"""Where pilots keep their files, if no option says so; must be seen by all nodes."""


def home(told: str) -> Path:
    """Return the directory in which pilots keep their files."""
    found = told or os.environ.get(DIRECTORY)
    return Path(found).absolute() if found else Path.home() / ".pilot-quantum"


def slug(name: str) -> str:
    """Return a name as a file may have it."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name)[:40] or "pilot"


def own_directory(told: str, name: str) -> Path:
    """Make a directory for one pilot, which only its owner can read, and return it."""
    home(told).mkdir(parents=True, exist_ok=True, mode=0o700)
    path = home(told) / f"{slug(name)}-{secrets.token_hex(4)}"
    path.mkdir(mode=0o700)
    return path


def python_path() -> dict[str, str]:
    """Return the variable by which an interpreter on a node finds us."""
    root = str(Path(__file__).resolve().parents[2])
    return {"PYTHONPATH": os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])}


def agent_command(python: str, role: str, contact: Path) -> Sequence[str]:
    """Return the command of an agent."""
    return [python, "-m", "pilot_quantum.launchers._agent", role, str(contact)]


def own_address() -> str:
    """Return the address of this host, as its name is resolved."""
    return hello("driver").address
