"""B.3 against its peers, interleaved: ``python -m harness.peers.cutting PART…``.

Every contender has one worker of one core. Parts: ``published`` is qiskit-addon-cutting as published against our
executors, at the same shots (``published-3``: three cuts); ``wide`` the published circuit of 36 qubits with five cuts,
ours alone; ``pennylane`` the exact values of PennyLane's ``cut_circuit``, same circuits; ``clusters`` dense clusters
against the uncut ways. In each round every contender runs once, in an order that rotates; what takes minutes runs once,
what takes milliseconds several times in a row: once would measure what the contender before it left in the caches.

Each part is a file ``cutting-PART.json``, written anew after every round with every sample, so that a run that is
stopped keeps what it has, and the next one goes on from there. A peer that exceeds its limit is not asked again.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

from rich.console import Console

from harness.environment import describe, load
from harness.peers.pennylane_cutting import cut_value
from miniapps import load as load_app
from miniapps.circuit_cutting.flow import planned
from pilot_quantum import PilotDescription, PilotManager, Runtime, RunTimeLimit

SHOTS: Final = 4096
_SU2: Final = {"family": "efficient_su2", "angle": 0.4}
_ROWS: Final = {"executor": "amplitude", "statistics": "rows", "shots": SHOTS}
_QUICK: Final = frozenset({"amplitude", "exact", "pennylane"})
_IN_A_ROW: Final = 5
_PUBLISHED: Final = ({"n_qubits": 20, "cuts": 2}, {"n_qubits": 24, "cuts": 2}, {"n_qubits": 28, "cuts": 2})
_PUBLISHED_3: Final = ({"n_qubits": 20, "cuts": 3}, {"n_qubits": 24, "cuts": 3})
_PENNYLANE: Final = (
    {"n_qubits": 12, "cuts": 1},
    {"n_qubits": 12, "cuts": 2},
    {"n_qubits": 24, "cuts": 2},
    {"n_qubits": 24, "cuts": 3},
    {"n_qubits": 36, "cuts": 1},
)

Contender = Callable[[Runtime], tuple[float, float]]
"""Runs on the workers; returns the seconds to the value, and the value."""


@dataclass(frozen=True, slots=True)
class Workload:
    """One circuit, with what computes its value.

    Attributes
    ----------
    params
        Parameters that all contenders share.
    contenders
        By name.
    rounds
        How often each runs; those in ``once`` run in the first round alone.
    """

    params: dict[str, Any]
    contenders: dict[str, Contender]
    rounds: int
    once: frozenset[str] = frozenset()


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a line per workload, write the numbers."""
    parser = argparse.ArgumentParser(description="B.3 against its peers, interleaved")
    parser.add_argument("parts", nargs="*", choices=list(_PARTS), default=list(_PARTS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--reference-rounds", type=int, default=3, help="rounds of what takes seconds or more")
    parser.add_argument("--limit-s", type=float, default=240, help="longest time of one value")
    parser.add_argument("--budget-s", type=float, default=540, help="no round starts after this; the next run goes on")
    parser.add_argument("--results", type=Path, default=Path("results"))
    options = parser.parse_args(arguments)
    ends_s, console = time.monotonic() + options.budget_s, Console()
    with PilotManager() as manager:
        manager.submit_pilot(PilotDescription(name="one", engine="processes", cores_per_node=1)).wait(120)
        for part in options.parts:
            path = options.results / "peers" / f"cutting-{part}.json"
            for row in _rows(part, options, manager=manager, path=path, ends_s=ends_s):
                shown = {name: f"{seconds:.3g} s" for name, seconds in row["medians_s"].items()}
                console.print(part, row["params"], shown, row["factors"], row["beyond_limit"], soft_wrap=True)
            console.print(f"written: {path}")


def _rows(
    part: str, options: argparse.Namespace, *, manager: PilotManager, path: Path, ends_s: float
) -> Iterator[dict[str, Any]]:
    """Go on with each workload of a part; yield its row when it can go no further."""
    rows: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["rows"] if path.is_file() else []
    for workload in _PARTS[part](options):
        row = next((known for known in rows if known["params"] == workload.params), None)
        if row is None:
            row = _empty(workload)
            rows.append(row)
        session = _Session(manager, workload, row, limit_s=options.limit_s)
        while session.missing and time.monotonic() < ends_s:
            session.round()
            _write(path, rows)
        if row["medians_s"]:
            yield row


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"kind": "measured", "rows": rows}, indent=1, allow_nan=False)
    partial_ = path.with_suffix(".partial")
    partial_.write_text(text + "\n", "utf-8")
    partial_.replace(path)


# ---------------------------------------------------------------- workloads


def _published(options: argparse.Namespace) -> Iterator[Workload]:
    for case in _PUBLISHED:
        yield _against_reference({**_SU2, **case, "shots": SHOTS}, options.reference_rounds)


def _published_3(options: argparse.Namespace) -> Iterator[Workload]:
    for case in _PUBLISHED_3:
        yield _against_reference({**_SU2, **case, "shots": SHOTS}, options.reference_rounds)


def _against_reference(base: dict[str, Any], rounds: int) -> Workload:
    contenders = {name: _ours({**base, "executor": name}) for name in ("reference", "distinct", "branching")}
    contenders["amplitude"] = _ours({**base, **_ROWS})
    return Workload(base, contenders, rounds)


def _wide(options: argparse.Namespace) -> Iterator[Workload]:
    base = {**_SU2, "n_qubits": 36, "cuts": 5}
    yield Workload(base, {"amplitude": _ours({**base, **_ROWS}), "exact": _ours(base)}, options.rounds)


def _pennylane(options: argparse.Namespace) -> Iterator[Workload]:
    for case in _PENNYLANE:
        base = {**_SU2, **case}
        yield Workload(base, {"amplitude": _ours(base), "pennylane": _by_pennylane(base)}, options.rounds)


def _clusters(options: argparse.Namespace) -> Iterator[Workload]:
    base = {"family": "clustered", "n_qubits": 24, "clusters": 2, "bridges": 3, "depth": 10, "seed": 1}
    contenders = {"amplitude": _ours({**base, "cuts": 3})}
    contenders |= {name: _ours({**base, "executor": name}) for name in ("full", "mps")}
    yield Workload(base, contenders, options.reference_rounds, frozenset({"mps"}))


_PARTS: Final[dict[str, Callable[[argparse.Namespace], Iterator[Workload]]]] = {
    "wide": _wide,
    "published": _published,
    "published-3": _published_3,
    "pennylane": _pennylane,
    "clusters": _clusters,
}


def _ours(values: dict[str, Any]) -> Contender:
    app = load_app("circuit_cutting")
    params = app.params(**values)

    def run(runtime: Runtime) -> tuple[float, float]:
        metrics = app.run(params, runtime).metrics
        return float(metrics["time_to_value_s"].value or 0.0), float(metrics["value"].value or 0.0)

    return run


def _by_pennylane(values: dict[str, Any]) -> Contender:
    """Return PennyLane's way as one task on the worker, so that it can be given up; planning is ours."""
    params: Any = load_app("circuit_cutting").params(**values)

    def run(runtime: Runtime) -> tuple[float, float]:
        start_s = time.perf_counter()
        circuit, cuts, _ = planned(params)
        planning_s = time.perf_counter() - start_s
        seconds, value = runtime.gather([runtime.submit(partial(_timed_value, circuit, cuts))])[0]
        return planning_s + seconds, value

    return run


def _timed_value(circuit: Any, cuts: Any) -> tuple[float, float]:
    start_s = time.perf_counter()
    value = cut_value(circuit, cuts)
    return time.perf_counter() - start_s, value


# ---------------------------------------------------------------- measuring


def _empty(workload: Workload) -> dict[str, Any]:
    names = list(workload.contenders)
    return {
        "params": workload.params,
        "seconds": {name: [] for name in names},
        "values": {name: [] for name in names},
        "medians_s": {},
        "factors": {},
        "beyond_limit": {},
        "load_before": load(),
        "environment": describe(),
    }


def _runs(name: str) -> int:
    """Return how often a contender runs in one round."""
    return _IN_A_ROW if name in _QUICK else 1


class _Session:
    """Rounds of one workload, their samples in its row.

    Parameters
    ----------
    limit_s
        A contender that takes longer is noted in ``beyond_limit`` with it, and not asked again.
    """

    def __init__(self, manager: PilotManager, workload: Workload, row: dict[str, Any], *, limit_s: float) -> None:
        self.manager, self.workload, self.row, self.limit_s = manager, workload, row, limit_s
        self.warm: set[str] = set()

    @property
    def missing(self) -> list[str]:
        """Contenders that have fewer samples than wanted, in the order of the next round."""
        names = [name for name in self.workload.contenders if name not in self.row["beyond_limit"]]
        wanted = {name: 1 if name in self.workload.once else self.workload.rounds * _runs(name) for name in names}
        rounds = max((len(found) // _runs(name) for name, found in self.row["seconds"].items()), default=0)
        turn = rounds % max(1, len(names))
        return [name for name in names[turn:] + names[:turn] if len(self.row["seconds"][name]) < wanted[name]]

    def round(self) -> None:
        """Run each contender that is missing something, what is quick several times."""
        for name in self.missing:
            if name not in ("reference", "full", "mps", *self.warm):  # what takes long needs no warm-up
                self._run(name)
                self.warm.add(name)
            for found in filter(None, (self._run(name) for _ in range(_runs(name)))):
                self.row["seconds"][name].append(found[0])
                self.row["values"][name].append(found[1])
        taken = {name: found for name, found in self.row["seconds"].items() if found}
        medians = {name: median(sample["time_to_value_s"] for sample in found) for name, found in taken.items()}
        ours = medians.get("amplitude")
        self.row["medians_s"] = medians
        self.row["factors"] = {f"{n}/amplitude": seconds / ours for n, seconds in medians.items()} if ours else {}

    def _run(self, name: str) -> tuple[dict[str, float], float] | None:
        if name in self.row["beyond_limit"]:
            return None
        try:
            with self.manager.runtime(pilots=["one"], time_limit_s=self.limit_s) as runtime:
                seconds, value = self.workload.contenders[name](runtime)
                return {"time_to_value_s": seconds, **runtime.stages_s}, value
        except RunTimeLimit:
            self.row["beyond_limit"][name] = self.limit_s
            return None


if __name__ == "__main__":
    main()
