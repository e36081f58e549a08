"""Routing of circuits over devices, ours against the usual ways: ``python -m harness.peers.routing``.

Three emulated devices with other people's queues, drifting errors and an outage; 500 circuits, all at once or in ten
portions over 90 minutes, of 4,000 or of 20,000 shots. Every way drives the same broker on a simulated clock, over the
same world (the devices' queues depend on the seed alone), so everything here is projected. Ways:

adaptive
    The policy ``weighted`` as frozen in `ADAPTIVE`: asked again while circuits wait.
static
    Circuits are dealt out to the devices in turn, and sent at once.
least-busy-once
    All circuits go to the device that was least busy at the start, as scripts with ``least_busy()`` do.
least-busy-each
    Each circuit goes to the device that is least busy when it comes, and stays there.

Worlds: ``model`` (queues from arrival rates), ``calm`` (the same without outage, and with equal queues), ``recorded``
(queues of three of IBM's Eagles in November 2023, of which the number of jobs was recorded, and their
length is assumed).
Policy and broker were changed on `DEVELOPMENT` seeds only (``--quick``); results are of `SEEDS`, drawn afterwards.

The file is written after each world of each seed, and the same command goes on from there; ``--budget-s`` ends it in
time.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from harness.environment import describe
from harness.report.published import published
from miniapps._circuits.families import build
from miniapps._circuits.qiskit_io import to_qiskit
from miniapps._circuits.spec import CircuitSpec
from pilot_quantum import DeviceDescription
from pilot_quantum.devices import VirtualClock
from pilot_quantum.devices.broker import BrokerSettings, DeviceBroker
from pilot_quantum.devices.routing import LeastBusyOnce, RoutingPolicy, StaticAssignment, Weighted

FILE: Final = Path("results/peers/routing.json")
DEVELOPMENT: Final = tuple(range(5))
SEEDS: Final = tuple(range(9101, 9121))
WAYS: Final = ("adaptive", "static", "least-busy-once", "least-busy-each")
WORLDS: Final = ("model", "calm", "recorded")
TARGETS: Final = ("FakeSherbrooke", "FakeBrisbane", "FakeKyiv")
_BATCH: Final = 10
_PAUSE_S: Final = 600.0
_RECORDED: Final = ("ibm_sherbrooke", "ibm_brisbane", "ibm_nazca")
_RECORDED_JOB_S: Final = 12.0
_KINDS: Final = (
    *(("ghz", width, 0) for width in (4, 6, 8, 10)),
    *(("qaoa_ring", width, 1) for width in (4, 6, 8, 10)),
    *(("efficient_su2", width, 2) for width in (4, 6, 8, 10)),
)


class Work(NamedTuple):
    """Circuits of so many shots, in portions ten minutes apart, in one world."""

    world: str
    circuits: int = 500
    portions: int = 10
    shots: int = 4000


WORKS: Final = (
    *(Work(w, 500, portions, shots) for w in WORLDS for portions, shots in ((10, 4000), (10, 20_000), (1, 20_000))),
    *(Work("model", circuits, 1) for circuits in (10, 100)),
)
"""A case after the other; few circuits look for the crossover."""


def adaptive() -> RoutingPolicy:
    """Return the frozen policy."""
    return Weighted(weight=0.2, share=0.9)


@dataclass(frozen=True, slots=True)
class Row:
    """One run.

    Attributes
    ----------
    portions
        In which the circuits arrive, ten minutes apart.
    makespan_s
        From the first arrival to the last result.
    fidelity
        Mean expected fidelity, by the true errors at the time of each run.
    devices
        Circuits on each device.
    moved
        How often a waiting circuit was withdrawn.
    """

    world: str
    way: str
    seed: int
    circuits: int
    portions: int
    shots: int
    makespan_s: float
    fidelity: float
    devices: dict[str, int]
    moved: int

    @property
    def work(self) -> Work:
        """What was to be done."""
        return Work(self.world, self.circuits, self.portions, self.shots)


def run(way: str, seed: int, work: Work) -> Row:
    """Run one way through one world."""
    world, circuits = work.world, work.circuits
    clock = VirtualClock()
    ours = way == "adaptive"
    policies: dict[str, RoutingPolicy] = {
        "adaptive": adaptive(),
        "static": StaticAssignment(),
        "least-busy-once": LeastBusyOnce(),
        "least-busy-each": LeastBusyOnce(each=True),
    }
    settings = BrokerSettings(refresh_s=60.0, reroute_s=120.0)
    made = _circuits(circuits)
    futures: list[Future[Any]] = []
    with DeviceBroker(
        devices(world, seed, in_flight=None if ours else 10_000), policies[way], clock=clock, settings=settings
    ) as broker:
        for index in range(work.portions):
            part = made[index :: work.portions]
            clock.at(index * _PAUSE_S, lambda part=part: futures.extend(broker.submit(part, shots=work.shots)))  # type: ignore[misc]  # one each
        clock.run(lambda: len(futures) == circuits)
        broker.wait(futures)
    results = [future.result() for future in futures]
    used: dict[str, int] = {}
    for result in results:
        used[result.device] = used.get(result.device, 0) + 1
    return Row(
        world=world,
        way=way,
        seed=seed,
        circuits=circuits,
        portions=work.portions,
        shots=work.shots,
        makespan_s=max(result.ended_s for result in results),
        fidelity=statistics.fmean(result.fidelity for result in results),
        devices=dict(sorted(used.items())),
        moved=sum(decision.action == "withdraw" for result in results for decision in result.decisions),
    )


@lru_cache(maxsize=4)
def _circuits(number: int) -> tuple[Any, ...]:
    """Return circuits of twelve structures in turn, with angles of their own."""
    specs = [CircuitSpec(*_KINDS[index % len(_KINDS)], seed=index) for index in range(number)]
    return tuple(to_qiskit(build(spec), measure=True) for spec in specs)


def devices(world: str, seed: int, *, in_flight: int | None) -> list[DeviceDescription]:
    """Return the three devices of a world."""
    rng = random.Random(f"routing-{world}-{seed}")
    out = rng.randrange(3)
    starts = rng.uniform(600.0, 5400.0)
    recorded = _recorded(rng) if world == "recorded" else {}
    found = []
    for index, target in enumerate(TARGETS):
        options: dict[str, Any] = {
            "target": target,
            "results": "none",
            "seed": seed,
            "queue_guess": 0.4,
            "drift_per_h": 0.02,
            "calibrate_every_h": rng.uniform(3.0, 24.0),
            "calibrate_min": 15.0,
        }
        if world == "recorded":
            options |= {"queue_trace": json.dumps(recorded[_RECORDED[index]]), "others_job_s": _RECORDED_JOB_S}
        else:
            load, waiting = (0.6, 10) if world == "calm" else (rng.uniform(0.3, 0.9), rng.randrange(0, 60))
            options |= {"others_load": load, "others_waiting": waiting, "others_job_s": 60.0}
        if world == "model" and index == out:
            options["outages"] = [[starts, starts + 7200.0]]
        found.append(DeviceDescription(target, "emulated", "shared", options, jobs_in_flight=in_flight, batch=_BATCH))
    return found


def _recorded(rng: random.Random) -> dict[str, list[list[float]]]:
    """Return the recorded queues from a random hour of the first eight days on: [seconds, jobs waiting] by machine."""
    table = published("ibm_queue_2023_11")
    begin = rng.randrange(0, 8 * 24 * 60, 10)
    rows: dict[str, list[list[float]]] = {}
    for name in _RECORDED:
        part = table[(table["backend"] == name) & (table["minutes"] >= begin)]
        rows[name] = [
            [60.0 * (int(m) - begin), float(p)] for m, p in zip(part["minutes"], part["pending_jobs"], strict=True)
        ]
    return rows


def rounds(seeds: Sequence[int]) -> Iterator[tuple[int, Work]]:
    """Yield (seed, work) of the study, a seed after the other."""
    for seed in seeds:
        yield from ((seed, work) for work in WORKS)


def summary(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return, for each world, number of circuits and way, its makespan against ours, seed by seed."""
    found = []
    for work in dict.fromkeys(row.work for row in rows):
        ours = {row.seed: row for row in rows if row.work == work and row.way == "adaptive"}
        for way in WAYS:
            theirs = [row for row in rows if row.work == work and row.way == way]
            ratios = sorted(row.makespan_s / ours[row.seed].makespan_s for row in theirs)
            if not ratios:
                continue
            found.append(
                {
                    **work._asdict(),
                    "way": way,
                    "runs": len(ratios),
                    "makespan_s_median": statistics.median(row.makespan_s for row in theirs),
                    "ratio_least": ratios[0],
                    "ratio_median": statistics.median(ratios),
                    "ratio_most": ratios[-1],
                    "ours_slower": sum(ratio < 1 for ratio in ratios),
                    "fidelity_mean": statistics.fmean(row.fidelity for row in theirs),
                    "fidelity_ours_minus_this": statistics.fmean(
                        ours[row.seed].fidelity - row.fidelity for row in theirs
                    ),
                }
            )
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is missing of the study, writing its numbers as they come; print its summary."""
    parser = argparse.ArgumentParser(description="routing over emulated devices, ours against the usual ways")
    parser.add_argument("--quick", action="store_true", help="development seeds, nothing is written")
    parser.add_argument("--budget-s", type=float, default=float("inf"), help="start no round after this many seconds")
    parser.add_argument("--file", type=Path, default=FILE)
    options = parser.parse_args(arguments)
    start_s = time.monotonic()
    rows = [] if options.quick else recorded_rows(options.file)
    done = {(row.seed, row.work) for row in rows}
    todo = [one for one in rounds(DEVELOPMENT if options.quick else SEEDS) if one not in done]
    left = len(todo)
    for seed, work in todo:
        if time.monotonic() - start_s > options.budget_s:
            break
        rows += [run(way, seed, work) for way in WAYS]
        left -= 1
        if not options.quick:
            write(rows, options.file)
    show(summary(rows), left)


def show(found: Sequence[dict[str, Any]], left: int) -> None:
    """Print the summary."""
    from rich.console import Console
    from rich.table import Table

    ratios = ("their time / ours: least", "median", "most")
    table = Table("world", "circuits", "portions", "shots", "way", "median", *ratios, "slower", "fidelity", "ours −")
    for row in found:
        table.add_row(
            *(str(row[key]) for key in ("world", "circuits", "portions", "shots", "way")),
            f"{row['makespan_s_median']:.0f} s",
            *(f"{row[key]:.2f}" for key in ("ratio_least", "ratio_median", "ratio_most")),
            f"{row['ours_slower']}/{row['runs']}",
            f"{row['fidelity_mean']:.3f}",
            f"{row['fidelity_ours_minus_this']:+.3f}",
        )
    console = Console(width=140)
    console.print(table)
    if left:
        console.print(f"{left} rounds are left: the same command goes on from here")


def _settings() -> dict[str, Any]:
    settings = {
        "policy": repr(adaptive()),
        "batch": _BATCH,
        "targets": TARGETS,
        "seeds": SEEDS,
        "development_seeds": DEVELOPMENT,
    }
    made: dict[str, Any] = json.loads(json.dumps(settings))
    return made


def recorded_rows(file: Path) -> list[Row]:
    """Return the runs of a file; none if it does not exist.

    Raises
    ------
    SystemExit
        If it was made with other settings.
    """
    if not file.exists():
        return []
    data = json.loads(file.read_text("utf-8"))
    if data["settings"] != _settings():
        raise SystemExit(f"{file}: made with other settings ({data['settings']}); move it away")
    return [Row(**row) for row in data["runs"]]


def write(rows: Sequence[Row], file: Path) -> None:
    """Write every run and the summary; the file is always whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    data = {
        "kind": "projected",
        "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "settings": _settings(),
        "environment": describe(),
        "summary": summary(rows),
        "runs": [asdict(row) for row in rows],
    }
    scratch = file.with_name(f".{file.name}.tmp")
    scratch.write_text(json.dumps(data, indent=1, allow_nan=False) + "\n", "utf-8")
    scratch.replace(file)


if __name__ == "__main__":
    main()
