"""Drivers and services killed at random, over the local IonQ service: ``python -m tests.services.crashes N [SEED]``.

Each trial has some circuits, each with its own angle, to be run once. The driver, which has a journal, is killed
(SIGKILL) at a random time, once or twice, and started again with the same journal; in half of the trials the service is
killed and started again as well. Meanwhile the service makes trouble by itself: requests break before and after they
are accepted, or are answered with errors. In the end the driver has every count, and the service has accepted
every circuit exactly once.

Everything is forked from this process, which has the imports done; so it must not have threads.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from math import cos
from pathlib import Path

CIRCUITS = 6
SHOTS = 400
KEY = "crash-trial-key"
_LIMIT_S = 30.0
_RATES = {"drop": 0.08, "503-after": 0.05, "503": 0.05, "429": 0.04, "reset": 0.05}


def _fork(work: Callable[[], None]) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        work()
        status = 0
    except BaseException as error:  # noqa: BLE001 - a child of a fork must never return into its parent's code
        sys.stderr.write(f"child failed: {error!r}\n")
    finally:
        sys.stderr.flush()
        os._exit(status)


def _serve(port: int, state: Path, seed: int) -> None:
    from pilot_quantum.devices._ionq_faults import Faults
    from pilot_quantum.devices._ionq_jobs import JobStore
    from pilot_quantum.devices.ionq_service import IonqService, ServiceSettings, serve

    faults = Faults(rates=dict(_RATES), visible_after_s=0.3, seed=seed)
    serve(IonqService(ServiceSettings(wait_s=0.05, run_s=0.05, key=KEY, faults=faults), JobStore(str(state))), port)


def _drive(port: int, journal: Path, results: Path) -> None:
    from pilot_quantum.descriptions import DeviceDescription
    from pilot_quantum.devices.broker import BrokerSettings, DeviceBroker
    from pilot_quantum.devices.journal import Journal

    options = {"url": f"http://127.0.0.1:{port}/v0.4", "visible_s": 0.8, "poll_s": 0.2}
    device = DeviceDescription("ionq", "ionq", "shared", options=options, batch=2, jobs_in_flight=2)
    settings = BrokerSettings(refresh_s=0.5, attempts=50, retry_s=0.2)
    with Journal(journal) as held, DeviceBroker([device], journal=held, settings=settings) as broker:
        found = broker.run([_circuit(index) for index in range(CIRCUITS)], shots=SHOTS, seed=5, key="work")
        results.write_text(json.dumps([result.counts for result in found]))


def _angle(index: int) -> float:
    return 0.3 + 0.4 * index


def _circuit(index: int) -> object:
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(1, 1, name=f"c{index}")
    circuit.ry(_angle(index), 0)
    circuit.measure(0, 0)
    return circuit


def _ended(pid: int, seconds: float) -> int | None:
    """Wait for a child's end; None if it still runs."""
    until = time.monotonic() + seconds
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= until:
            return None
        time.sleep(0.005)


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def trial(seed: int, directory: Path) -> dict[str, object]:
    """Run one trial; returns what was lost and what was accepted twice."""
    rng = random.Random(seed)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    state, journal, results = directory / "state.sqlite", directory / "journal.jsonl", directory / "results.json"
    service = _fork(lambda: _serve(port, state, rng.randrange(2**31)))
    kills, service_kills = 0, 0
    wanted, wanted_service = rng.choice((1, 1, 2)), rng.choice((0, 1))
    try:
        while True:
            driver = _fork(lambda: _drive(port, journal, results))
            pause_s = rng.uniform(0.0, 1.5) if kills < wanted else _LIMIT_S
            if service_kills < wanted_service and rng.random() < 0.5:
                status = _ended(driver, rng.uniform(0.0, 1.0))
                _kill(service)
                service_kills += 1
                time.sleep(rng.uniform(0.0, 0.2))
                service = _fork(lambda: _serve(port, state, rng.randrange(2**31)))
                if status is not None:
                    break
            if _ended(driver, pause_s) is not None:
                break
            _kill(driver)
            if kills >= wanted:
                break
            kills += 1
    finally:
        _kill(service)
    return {"seed": seed, "driver_kills": kills, "service_kills": service_kills, **_count(state, results)}


def _count(state: Path, results: Path) -> dict[str, object]:
    from pilot_quantum.devices._ionq_jobs import JobStore

    store = JobStore(str(state))
    rows = store.listed(before=None, limit=10_000, visible_before=time.time() + 1e6)
    accepted: Counter[int] = Counter()
    for row in rows:
        work = json.loads(row["request"])["input"]
        lists = [work["circuit"]] if "circuit" in work else [part["circuit"] for part in work["circuits"]]
        accepted.update(round((gates[0]["rotation"] - 0.3) / 0.4) for gates in lists)
    store.close()
    counts = json.loads(results.read_text()) if results.exists() else []
    good = [_plausible(index, found) for index, found in enumerate(counts)]
    return {
        "lost": CIRCUITS - sum(good),
        "twice": sum(number - 1 for number in accepted.values() if number > 1),
        "never_accepted": sum(accepted[index] == 0 for index in range(CIRCUITS)),
    }


def _plausible(index: int, counts: dict[str, int]) -> bool:
    """Return whether counts are those of this circuit: within six standard deviations."""
    chance = (1 + cos(_angle(index))) / 2
    zeros, deviation = counts.get("0", 0), (SHOTS * chance * (1 - chance)) ** 0.5
    return sum(counts.values()) == SHOTS and abs(zeros - SHOTS * chance) <= 6 * deviation + 1


def _warm_up() -> None:
    import qiskit_aer  # noqa: F401 - so that every child has it
    import qiskit_ionq  # noqa: F401 - as above
    import starlette.applications  # noqa: F401 - as above
    import uvicorn  # noqa: F401 - as above
    from qiskit import transpile

    transpile(_circuit(0), basis_gates=["ry"])


def main() -> int:
    """Run the trials; one line of JSON each, a summary last; returns 1 if anything was lost or sent twice."""
    trials = int(sys.argv[1])
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    os.environ["IONQ_API_KEY"] = KEY
    _warm_up()
    rows = []
    for seed in range(first, first + trials):
        with tempfile.TemporaryDirectory() as directory:
            rows.append(trial(seed, Path(directory)))
        sys.stdout.write(json.dumps(rows[-1]) + "\n")
        sys.stdout.flush()
    totals = {key: sum(int(str(row[key])) for row in rows) for key in rows[0] if key != "seed"}
    sys.stdout.write(json.dumps({"trials": trials, "circuits": trials * CIRCUITS, **totals}) + "\n")
    return int(bool(totals["lost"] or totals["twice"] or totals["never_accepted"]))


if __name__ == "__main__":
    sys.exit(main())
