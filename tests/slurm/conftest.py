"""A real Slurm on this machine, for the tests of this folder: ``make test-slurm``.

They need root, Debian's packages ``slurm-wlm`` and ``munge`` (installed if missing) and four virtual nodes' worth of
processes. Without ``QHPC_TEST_SLURM=1`` they are skipped, so that ``make test`` runs anywhere.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pilot_quantum import PilotDescription, PilotManager

HERE = Path(__file__).parent
ADDRESS = "127.0.0.10"
START_S = 120.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("QHPC_TEST_SLURM") == "1":
        return
    reason = pytest.mark.skip(reason="needs a Slurm of its own: make test-slurm")
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(reason)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Path]:
    """Bring the cluster up; return its directory, into which the user of munge must be able to look."""
    directory = Path(tempfile.mkdtemp(prefix="slurm-test-"))
    directory.chmod(0o755)
    environment = {
        **os.environ,
        "SLURM_TEST_DIR": str(directory),
        "SLURM_TEST_PORT": os.environ.get("SLURM_TEST_PORT", "26817"),
    }
    subprocess.run([HERE / "up.sh", "4", "2"], env=environment, check=True)
    os.environ["SLURM_CONF"] = str(directory / "slurm.conf")
    yield directory
    subprocess.run([HERE / "down.sh"], env=environment, check=True)
    del os.environ["SLURM_CONF"]


@pytest.fixture(autouse=True)
def quiet_cluster(cluster: Path) -> Iterator[None]:
    """Cancel what a test leaves behind, and fail the test if a pilot has not ended its job by itself."""
    yield
    left: list[str] = []
    for _ in range(100):
        left = slurm("squeue", "--noheader", "--format=%i %j %T").splitlines()
        if not left:
            return
        time.sleep(0.1)
    for line in left:
        slurm("scancel", line.split()[0].partition("_")[0])
    pytest.fail(f"jobs outlived the test: {left}")


def slurm(*command: str) -> str:
    """Run a command of Slurm and return what it prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def until(true: Callable[[], bool], timeout_s: float = 60.0) -> None:
    """Wait for something that another process brings about."""
    end_s = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < end_s, f"not within {timeout_s:g} s"
        time.sleep(0.1)


@pytest.fixture
def describe(tmp_path: Path) -> Callable[..., PilotDescription]:
    """Return a maker of descriptions of pilots of nodes with two cores."""

    def make(name: str = "", *, engine: str = "processes", nodes: int = 1, **wanted: Any) -> PilotDescription:
        options = {"directory": str(tmp_path / "pilot files"), "address": ADDRESS, **wanted.pop("options", {})}
        return PilotDescription(
            name=name,
            engine=engine,
            nodes=nodes,
            cores_per_node=2,
            launcher="slurm",
            launcher_options=options,
            **{"walltime_s": 300, **wanted},
        )

    return make


@pytest.fixture
def manager() -> Iterator[PilotManager]:
    """Return a manager without pilots."""
    with PilotManager() as own:
        yield own
