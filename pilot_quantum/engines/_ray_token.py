"""Makes this process's Ray clusters ask for a secret."""

from __future__ import annotations

import atexit
import os
import secrets
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any


def import_ray() -> Any:
    """Import Ray with token authentication on, and a secret that only this user can read.

    Ray listens on all interfaces of the host. It reads these settings once, when it is imported, so nothing is changed
    if that has happened, or if the user has chosen a mode.
    """
    if "ray" not in sys.modules and "RAY_AUTH_MODE" not in os.environ:
        _require_token()
    return import_module("ray")


def _require_token() -> None:
    descriptor, path = tempfile.mkstemp(prefix="pq-token-")  # mode 0600
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(32))
    atexit.register(_remove, path, os.getpid())
    os.environ["RAY_AUTH_MODE"] = "token"
    os.environ["RAY_AUTH_TOKEN_PATH"] = path


def _remove(path: str, owner: int) -> None:
    if os.getpid() == owner:  # not in a forked child
        Path(path).unlink(missing_ok=True)
