"""The Ray cluster of a driver: started and ended here, its processes watched."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import psutil

from ..errors import PilotFailed
from ..launchers.base import Allocation
from ._children import Reaper, describe_end
from ._ray_token import import_ray
from .base import numerical_environment

ray = import_ray()

_log = logging.getLogger(__name__)
_LOOK_S = 0.5
"""Between two looks at the processes of the cluster."""


class User(Protocol):
    """A pilot's engine, as the cluster sees it; called from the cluster's thread."""

    def lose_all(self, reason: str) -> None:
        """Report every worker as lost."""
        ...

    def look_after_actors(self) -> None:
        """Report the actors whose process is gone."""
        ...


class Cluster:
    """The Ray cluster of this driver process, shared by its pilots.

    Ray asks the kernel to kill its servers when the *thread* that started them ends, so the cluster lives in a thread
    of its own from ``ray.init`` to ``ray.shutdown``. That thread also watches what Ray itself reports late or never:
    the death of a server, and of an actor that leaves a child.

    Attributes
    ----------
    died
        What a person should know about a server that died; None while all live.
    """

    def __init__(self) -> None:
        self.died: str | None = None
        self._lock = threading.Lock()
        self._users: list[User] = []
        self._thread: threading.Thread | None = None
        self._started = threading.Event()
        self._ended = threading.Event()
        self._error: BaseException | None = None

    def acquire(self, allocation: Allocation, user: User) -> None:
        with self._lock:
            if not ray.is_initialized():
                self._started.clear()
                self._ended.clear()
                self._error = self.died = None
                self._thread = threading.Thread(target=self._live, args=(allocation,), name="pilot-ray", daemon=True)
                self._thread.start()
                self._started.wait()
            if self._error is not None:
                raise PilotFailed(f"Ray did not start: {first_line(self._error)}") from self._error
            if self.died is not None:
                raise PilotFailed(f"{self.died}; release the pilots that used it first")
            self._users.append(user)

    def release(self, user: User) -> None:
        with self._lock:
            self._users.remove(user)
            if not self._users and self._thread is not None:
                self._ended.set()
                self._thread.join()
                self._thread = None

    def _live(self, allocation: Allocation) -> None:
        # Ray puts Unix sockets into this directory, whose paths may have at most 107 characters.
        directory = tempfile.mkdtemp(prefix="pq-", dir=_short_directory())
        reaper = Reaper()
        try:
            _start_ray(allocation, directory)
            servers = _servers()
            for agent in _children(servers.get("raylet")):  # without its server one lives on for a minute
                reaper.watch_process(agent)
            self._started.set()
            while not self._ended.wait(_LOOK_S):
                self._look_at(servers)
            ray.shutdown()
        except Exception as error:  # noqa: BLE001 - raised again by the thread that waits for the start
            self._error = error
        finally:
            self._started.set()
            reaper.close()
            shutil.rmtree(directory, ignore_errors=True)

    def _look_at(self, servers: dict[str, Any]) -> None:
        dead = next((name for name, process in servers.items() if process.poll() is not None), None)
        if dead is None:
            for user in list(self._users):
                user.look_after_actors()
        elif self.died is None:
            self.died = f"Ray's {dead} {describe_end(servers[dead].poll())}"
            for user in list(self._users):
                user.lose_all(self.died)


def _servers() -> dict[str, Any]:
    """Return the processes without which this driver's own cluster cannot work, by name; none of a user's cluster."""
    node = getattr(getattr(ray, "_private", None), "worker", None)
    started = getattr(getattr(node, "_global_node", None), "all_processes", {})
    return {name: info.process for name in ("gcs_server", "raylet") for info in started.get(name, [])[:1]}


def _children(server: Any) -> list[int]:
    if server is None:
        return []
    with contextlib.suppress(psutil.NoSuchProcess):
        return [child.pid for child in psutil.Process(server.pid).children()]
    return []


def _start_ray(allocation: Allocation, directory: str) -> None:
    """Start Ray, a second time if the first fails: on a busy machine its fixed limit of 30 s can be too short."""
    try:
        _init_ray(allocation, str(Path(directory, "r")))  # Ray opens its own directory to everybody
    except Exception as error:  # noqa: BLE001 - Ray raises bare exceptions here
        _log.warning("Ray did not start, trying once more: %s", first_line(error))
        ray.shutdown()
        _init_ray(allocation, str(Path(directory, "s")))


def _init_ray(allocation: Allocation, directory: str) -> None:
    if os.environ.get("RAY_AUTH_MODE") != "token":
        _log.warning("Ray was imported before its engine: this cluster has no token, any local user can reach it")
    environment = {
        **numerical_environment(),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    far = any(node.agent is not None for node in allocation.nodes)
    here = {"num_cpus": allocation.cores, "num_gpus": allocation.gpus}
    head_only = {"num_cpus": 0, "num_gpus": 0, "_node_ip_address": allocation.driver_address}
    _keep_notes_off_stdout()
    with _environment(environment):
        ray.init(
            address="local",
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            _temp_dir=directory,
            **(head_only if far else here),
        )


def _keep_notes_off_stdout() -> None:
    """Send raylet's notes on dead workers, which we report ourselves, to the log: Ray prints them to stdout."""
    module = sys.modules.get("ray._private.worker")
    original = getattr(module, "print_to_stdstream", None)
    if original is None or getattr(original, "keeps_notes", False):
        return

    @functools.wraps(original)
    def quietly(data: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        if data.get("pid") == "raylet":
            _log.debug("raylet: %s", data.get("lines"))
        else:
            original(data, *args, **kwargs)

    quietly.keeps_notes = True  # type: ignore[attr-defined]  # a mark on a function
    module.print_to_stdstream = quietly  # type: ignore[union-attr]  # it was found in this module


def _short_directory() -> str | None:
    candidate = Path(tempfile.gettempdir())
    return None if len(str(candidate)) < 40 else "/tmp"  # noqa: S108 - mkdtemp below it is private (0700)


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {key: os.environ.get(key) for key in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value


def first_line(error: object) -> str:
    """Return the first line of an error's text that is not empty, or its class."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


cluster = Cluster()
"""The one cluster of this process."""
