"""Two users on one host at the same time, and a third one who has no business there.

A user here is a user id of its own without a name. It keeps the right to read any file, because the interpreter may lie in
somebody's home directory; it writes, signals and listens as itself alone.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from pilot_quantum import InvalidDescription, engines
from tests.pilot_quantum.faults import all_gone

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv to be others"),
]

ROOT = Path(__file__).resolve().parents[2]
USERS = (61_001, 61_002)
STRANGER = 61_003

DRIVER = """
import json, os, sys
from pilot_quantum import PilotDescription, PilotManager, Resources, TaskDescription

engine = sys.argv[1]

def square(number, ranks=None):
    return os.getuid(), number * number

options = {"oversubscribe": True}
with PilotManager() as manager:
    manager.submit_pilot(PilotDescription(engine=engine, cores_per_node=1, launcher_options=options)).wait(180)
    tasks = manager.submit_tasks(square, range(200))
    if engine == "mpi":
        tasks.append(manager.submit_task(TaskDescription(square, (7,), resources=Resources(ranks=1))))
    found = [task.result(60) for task in tasks]
    if engine == "mpi":
        found += found.pop()
    address = ""
    if engine == "ray":
        import ray
        address = ray.get_runtime_context().gcs_address
    answer = {"uids": sorted({uid for uid, _ in found}), "sum": sum(square for _, square in found), "address": address}
    print(json.dumps(answer), flush=True)
    sys.stdin.readline()
    print(json.dumps(manager.submit_task(square, 3).result(60)), flush=True)
"""

STRANGE = """
import sys
import ray
ray.init(address=sys.argv[1], _node_ip_address=sys.argv[1].partition(":")[0], log_to_driver=False)
print("let in", ray.get(ray.remote(lambda: 1).remote(), timeout=30))
"""


def _as_user(uid: int, script: str, *arguments: str) -> list[str]:
    rights = ["--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"]
    user = ["setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups", *rights]
    return [*user, sys.executable, "-B", "-c", script, *arguments]


def _home(tmp_path: Path, uid: int) -> dict[str, str]:
    home = tmp_path / str(uid)
    home.mkdir(exist_ok=True)
    os.chown(home, uid, uid)
    return {**os.environ, "HOME": str(home), "USER": f"u{uid}"}


@contextmanager
def _driver(engine: str, uid: int, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    driver = subprocess.Popen(
        _as_user(uid, DRIVER, engine),
        cwd=ROOT,
        env=_home(tmp_path, uid),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield driver
    finally:
        family = psutil.Process(driver.pid).children(recursive=True) if driver.poll() is None else []
        driver.kill()
        driver.communicate()
        all_gone(family, 15)


def _says(driver: subprocess.Popen[str]) -> Any:
    assert driver.stdout is not None
    return json.loads(driver.stdout.readline() or "null")


def _let_go(driver: subprocess.Popen[str]) -> Any:
    output, _ = driver.communicate("\n", timeout=120)
    assert driver.returncode == 0
    return json.loads(output)


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in engines.names()])
def engine(request: pytest.FixtureRequest) -> str:
    """Name of an engine."""
    name: str = request.param
    try:
        engines.load(name)
    except InvalidDescription as error:
        pytest.skip(str(error))
    return name


def test_two_users_share_a_host(engine: str, tmp_path: Path) -> None:
    """Both are at work at once, on the same machine and the same temporary directory; each has workers of its own."""
    tmp_path.chmod(0o755)
    with ExitStack() as stack:
        drivers = [stack.enter_context(_driver(engine, uid, tmp_path)) for uid in USERS]
        answers = [_says(driver) for driver in drivers]
        expected = sum(number * number for number in range(200)) + (49 if engine == "mpi" else 0)
        assert [answer["uids"] for answer in answers] == [[uid] for uid in USERS]
        assert [answer["sum"] for answer in answers] == [expected, expected]
        if engine == "ray":
            assert answers[0]["address"] != answers[1]["address"]
        assert [_let_go(driver) for driver in drivers] == [[uid, 9] for uid in USERS]


@pytest.mark.xdist_group("ray")
@pytest.mark.parametrize("mode", ["disabled", "token"])
def test_a_stranger_cannot_use_the_ray_cluster(tmp_path: Path, mode: str) -> None:
    """Over Ray's own protocol, without a token and with a wrong one."""
    pytest.importorskip("ray")
    tmp_path.chmod(0o755)
    with _driver("ray", USERS[0], tmp_path) as driver:
        address = _says(driver)["address"]
        wrong = {"RAY_AUTH_MODE": mode, "RAY_AUTH_TOKEN": "0" * 64, "RAY_gcs_rpc_server_reconnect_timeout_s": "5"}
        command = _as_user(STRANGER, STRANGE, address)
        environment = {**_home(tmp_path, STRANGER), **wrong}
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200, check=False
        )
        assert done.returncode != 0
        assert "let in" not in done.stdout
        assert _let_go(driver) == [USERS[0], 9]
