"""Ways to run the same function on many arguments: through our pilots, and through bare peers.

Each system is opened with a number of workers and offers its ways; a way submits all tasks and collects all results.
Everything but ours is the peer's public interface, used as its own documentation shows. The extra ``peers`` installs
those that nothing else of the project needs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from pilot_quantum import PilotDescription, PilotManager

Kernel = Callable[[int], Any]

START_LIMIT_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Way:
    """One way of one system to run a function on 0 … n-1.

    Attributes
    ----------
    name
        What a user would call.
    submit
        Function and n -> whatever `collect` takes.
    collect
        Waits for all results and returns them.
    ordered
        Whether results come in the order of the arguments.
    by_value
        Whether it takes a function that no worker can import.
    largest
        More tasks than this are not asked of it; None means no bound.
    queued
        Tasks to queue in order to weigh one: many enough for the system, few enough to be submitted in seconds.
    only
        The kernel it can run, by name; None means any.
    """

    name: str
    submit: Callable[[Kernel, int], Any]
    collect: Callable[[Any], list[Any]]
    ordered: bool = True
    by_value: bool = True
    largest: int | None = None
    queued: int = 20_000
    only: str | None = None


@dataclass(frozen=True, slots=True)
class System:
    """A peer, or one of our engines.

    Attributes
    ----------
    title
        Name for people.
    package
        Distribution it needs; empty for the standard library.
    opened
        Workers -> its ways, in a context that ends it; the first way is the one factors refer to.
    """

    title: str
    package: str
    opened: Callable[[int], AbstractContextManager[list[Way]]]

    @property
    def version(self) -> str | None:
        """Installed version; None if it is not installed."""
        try:
            return version(self.package) if self.package else sys.version.split()[0]
        except PackageNotFoundError:
            return None


def _results(futures: list[Any]) -> list[Any]:
    return [future.result() for future in futures]


# ---------------------------------------------------------------- ours


@contextmanager
def _ours(engine: str, workers: int) -> Iterator[list[Way]]:
    with PilotManager() as manager:
        manager.submit_pilot(PilotDescription(engine=engine, cores_per_node=workers)).wait(START_LIMIT_S)

        def one_by_one(function: Kernel, n: int) -> Any:
            submit = manager.submit_task
            return [submit(function, index) for index in range(n)]

        def many(function: Kernel, n: int) -> Any:
            return manager.submit_tasks(function, range(n))

        def as_they_end(tasks: Any) -> list[Any]:
            return [task.result() for task in manager.as_completed(tasks)]

        yield [
            Way("submit", one_by_one, _results, queued=200_000),
            Way("submit many", many, _results, queued=200_000),
            Way("submit, as_completed", one_by_one, as_they_end, ordered=False, queued=200_000),
        ]


# ---------------------------------------------------------------- peers


@contextmanager
def _process_pool(workers: int) -> Iterator[list[Way]]:
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:

        def submit(function: Kernel, n: int) -> Any:
            return [pool.submit(function, index) for index in range(n)]

        def in_chunks(function: Kernel, n: int) -> Any:
            return pool.map(function, range(n), chunksize=max(1, n // (4 * workers)))

        yield [Way("submit", submit, _results, by_value=False), Way("map, chunks", in_chunks, list, by_value=False)]


@contextmanager
def _ray(workers: int) -> Iterator[list[Way]]:
    """Bare Ray, in the cluster that this process has already, or one of its own."""
    ray: Any = import_module("ray")
    mine = not ray.is_initialized()
    if mine:
        ray.init(address="local", num_cpus=workers, include_dashboard=False, log_to_driver=False)
    remote = cache(ray.remote)

    def submit(function: Kernel, n: int) -> Any:
        call = remote(function).remote
        return [call(index) for index in range(n)]

    def anew(function: Kernel, n: int) -> Any:
        return [ray.remote(function).remote(index) for index in range(n)]

    try:
        yield [Way("remote", submit, ray.get, queued=5000), Way("a new remote each", anew, ray.get, largest=1024)]
    finally:
        remote.cache_clear()
        if mine:
            ray.shutdown()


@contextmanager
def _dask(workers: int) -> Iterator[list[Way]]:
    distributed: Any = import_module("distributed")
    options = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:

        def submit(function: Kernel, n: int) -> Any:
            return [client.submit(function, index, pure=False) for index in range(n)]

        def at_once(function: Kernel, n: int) -> Any:
            return client.map(function, range(n), pure=False)

        yield [Way("submit", submit, client.gather, queued=5000), Way("map", at_once, client.gather, queued=5000)]


@contextmanager
def _loky(workers: int) -> Iterator[list[Way]]:
    pool = import_module("loky").get_reusable_executor(max_workers=workers, timeout=None)

    def submit(function: Kernel, n: int) -> Any:
        return [pool.submit(function, index) for index in range(n)]

    try:
        yield [Way("submit", submit, _results)]
    finally:
        pool.shutdown()


@contextmanager
def _executorlib(workers: int) -> Iterator[list[Way]]:
    with import_module("executorlib").SingleNodeExecutor(max_workers=workers, block_allocation=True) as pool:

        def submit(function: Kernel, n: int) -> Any:
            return [pool.submit(function, index) for index in range(n)]

        yield [Way("submit, blocks", submit, _results, queued=5000)]


@contextmanager
def _parsl(workers: int) -> Iterator[list[Way]]:
    parsl: Any = import_module("parsl")
    with tempfile.TemporaryDirectory(prefix="parsl-") as directory, _own_programs_first():
        kernel = parsl.load(_parsl_config(workers, directory))
        app = cache(parsl.python_app)

        def submit(function: Kernel, n: int) -> Any:
            call = app(function)
            return [call(index) for index in range(n)]

        try:
            yield [Way("app", submit, _results, queued=5000)]
        finally:
            kernel.cleanup()
            parsl.clear()


def _parsl_config(workers: int, directory: str) -> Any:
    executors, providers = import_module("parsl.executors"), import_module("parsl.providers")
    one_block = providers.LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1)
    executor = executors.HighThroughputExecutor(
        label="peer",
        address="127.0.0.1",
        cores_per_worker=1,
        max_workers_per_node=workers,
        encrypted=True,
        provider=one_block,
    )
    config = import_module("parsl.config").Config
    return config(executors=[executor], run_dir=directory, strategy="none", initialize_logging=False)


@contextmanager
def _own_programs_first() -> Iterator[None]:
    """Let programs of this environment be found though it was not activated: Parsl starts two by their names."""
    before = os.environ.get("PATH", os.defpath)
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), before])
    try:
        yield
    finally:
        os.environ["PATH"] = before


# ---------------------------------------------------------------- the bound for processes

_LOOP = """
import os, sys
for line in sys.stdin:
    codes = 0
    for _ in range(int(line)):
        process = os.posix_spawn("/bin/sleep", ("/bin/sleep", "0"), {})
        codes |= os.waitpid(process, 0)[1]
    print(codes, flush=True)
"""


@contextmanager
def _spawn_loop(workers: int) -> Iterator[list[Way]]:
    """Open processes that do nothing but spawn ``/bin/sleep 0`` and wait for it: what the cores can do."""
    command = [sys.executable, "-I", "-S", "-c", _LOOP]
    loops = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        for _ in range(workers)
    ]

    def submit(_function: Kernel, n: int) -> int:
        for number, loop in enumerate(loops):
            _stream(loop.stdin).write(f"{n * (number + 1) // workers - n * number // workers}\n")
        return n

    def collect(n: int) -> list[tuple[int, int]]:
        codes = max(int(_stream(loop.stdout).readline()) for loop in loops)
        return list(zip(range(n), repeat(codes)))

    try:
        yield [Way("posix_spawn loop", submit, collect, only="sleep")]
    finally:
        for loop in loops:
            _stream(loop.stdin).close()
            loop.wait()
            _stream(loop.stdout).close()


def _stream(pipe: Any) -> Any:
    if pipe is None:
        raise RuntimeError("a loop has no pipe")
    return pipe


SYSTEMS: Final[dict[str, System]] = {
    "ours-ray": System("ours on Ray", "ray", partial(_ours, "ray")),
    "ours-dask": System("ours on Dask", "distributed", partial(_ours, "dask")),
    "ours-processes": System("ours on processes", "", partial(_ours, "processes")),
    "ray": System("Ray", "ray", _ray),
    "dask": System("Dask", "distributed", _dask),
    "process-pool": System("ProcessPoolExecutor", "", _process_pool),
    "loky": System("loky", "loky", _loky),
    "executorlib": System("executorlib", "executorlib", _executorlib),
    "parsl": System("Parsl HTEX", "parsl", _parsl),
    "spawn-loop": System("bare loop", "", _spawn_loop),
}
