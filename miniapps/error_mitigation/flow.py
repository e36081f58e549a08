"""B.4 on the driver's side: make the variants, run them as tasks, decide what the next round gets, combine."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import numpy as np

from pilot_quantum import DeviceRequest, Resources

from .._app import Features, Measurement, Metric, Unsupported
from .._circuits import FAMILIES
from .check import exact
from .kernels import Ran, Work, evaluate
from .on_device import MOST_SHOTS, evaluate_on_device
from .program import Batch, Program
from .sites import Result, Site, combined, portions, sites

if TYPE_CHECKING:
    from pilot_quantum import Runtime, Task

    from .params import ErrorMitigation
    from .variants import Variant

# Rough costs on one core, in seconds. They only choose the size of a task, never a reported number.
_TASK_S: Final = 0.025
_GATE_S: Final = 2e-6
_NUMBER_S: Final = 4e-9
_ON_DEVICE: Final = 64
"""Circuits of a task for devices."""
_NODES: Final = 32
Item = tuple[int, "Variant", int, int]
"""Place, variant, shots, seed."""


@dataclass(frozen=True, slots=True)
class Mitigated:
    """What B.4 found.

    Attributes
    ----------
    value
        With mitigation.
    raw
        Without.
    """

    value: Result
    raw: Result


@dataclass(slots=True)
class _Spent:
    """What has been spent so far."""

    shots: int = 0
    tasks: int = 0
    variants: int = 0
    rounds: int = 0
    began_s: float = 0.0
    target_s: float | None = None
    ran: list[Ran] = field(default_factory=list)


def run(params: ErrorMitigation, runtime: Runtime) -> Measurement:
    """Find the value.

    Stages: ``prepare`` (the circuit and its variants), ``execute`` (all rounds), ``combine``.

    Raises
    ------
    miniapps.Unsupported
        If the variants of one result ran on different devices.
    """
    start_s = time.perf_counter()
    with runtime.stage("prepare"):
        some = sites(params)
    with runtime.stage("execute"):
        began_s = time.perf_counter()
        spent = _Spent(began_s=began_s)
        while not spent.rounds or not _finished(params, some, spent):
            _round(params, some, runtime, spent)
        execute_s = time.perf_counter() - began_s
    with runtime.stage("combine"):
        found = Mitigated(combined([site.result() for site in some]), combined([site.raw() for site in some]))
    elapsed_s = time.perf_counter() - start_s
    metrics = {**_metrics(params, found, spent), **_costs(params, some, spent, execute_s)}
    metrics["time_to_value_s"] = Metric(_projected_s(spent.ran) or elapsed_s, "s", "lower")
    return Measurement(found, metrics, "" if params.budget_s else digest(some))


def _round(params: ErrorMitigation, some: list[Site], runtime: Runtime, spent: _Spent) -> None:
    """Plan a round, run it, and add what was counted."""
    number = spent.rounds
    shots = _round_shots(params, number)
    parts = portions(some, shots, number, optimal=params.split == "optimal") if shots else [0] * len(some)
    tasks: list[Task] = []
    owners: list[tuple[Site, list[Item]]] = []
    for place, (site, part) in enumerate(zip(some, parts, strict=True)):
        planned = site.plan(part, number)
        sequence = np.random.SeedSequence((params.seed, 2, place, number))
        seeds = sequence.generate_state(len(planned), np.uint64).tolist()
        items = [(*one, seed) for one, seed in zip(planned, seeds, strict=True)]
        spent.shots += sum(count for *_, count in planned)
        spent.variants += len(items)
        for group in _groups(params, items):
            tasks.append(_submit(params, site, group, runtime))
            owners.append((site, group))
    for (site, group), ran in zip(owners, runtime.gather(tasks), strict=True):
        hold_to_one_device(site, ran)
        rows = (row for counts in ran.counts for row in counts)
        for (where, *_), row in zip(group, rows, strict=True):
            site.add(where, row)
        spent.ran.append(ran)
    spent.tasks += len(tasks)
    spent.rounds += 1


def hold_to_one_device(site: Site, ran: Ran) -> None:
    """Hold a site to the device that it began with: variants of one result must have the same noise.

    Raises
    ------
    miniapps.Unsupported
        If this ran elsewhere.
    """
    for name in ran.devices:
        site.name = site.name or name
        if name != site.name:
            raise Unsupported(
                f"devices = {site.params.devices!r}: variants ran on {site.name!r} and {name!r}, whose noise differs; "
                "name the devices, and each gets all variants"
            )


def _round_shots(params: ErrorMitigation, number: int) -> int:
    """Return the shots of a round: equal parts, or all of them in each round of a budget in time."""
    if params.budget_s is not None:
        return params.shots
    return params.shots // params.rounds + (1 if number < params.shots % params.rounds else 0)


def _finished(params: ErrorMitigation, some: list[Site], spent: _Spent) -> bool:
    now_s = time.perf_counter() - spent.began_s
    if params.target_error is not None and combined([site.result() for site in some]).error <= params.target_error:
        spent.target_s = _projected_s(spent.ran) or now_s
        return True
    if params.budget_s is None:
        return spent.rounds >= params.rounds
    used_s = _projected_s(spent.ran) or now_s
    return used_s * (spent.rounds + 1) / spent.rounds > params.budget_s


def _submit(params: ErrorMitigation, site: Site, items: list[Item], runtime: Runtime) -> Task:
    work = Work(tuple(_batches(items)), params.noise())
    if params.device == "simulator":
        return runtime.submit_many(evaluate, [work], resources=Resources(memory=memory(params)))[0]
    shots = min(MOST_SHOTS, max(shots for *_, shots, _ in items))
    request = DeviceRequest(name=site.name, min_qubits=params.n_qubits, shots=shots)
    return runtime.submit_many(evaluate_on_device, [work], resources=Resources(device=request))[0]


def _groups(params: ErrorMitigation, items: list[Item]) -> Iterator[list[Item]]:
    """Cut the variants of a round into tasks, in the same way whatever runs them."""
    group: list[Item] = []
    filled = 0.0
    for item in items:
        part = _part(params, item[1].program)
        if group and filled + part > 1 + 1e-9:
            yield group
            group, filled = [], 0.0
        group.append(item)
        filled += part
    yield group


def _part(params: ErrorMitigation, program: Program) -> float:
    """Return the part of a task that one variant fills."""
    if params.variants_per_task != "auto":
        return 1 / params.variants_per_task
    if params.device == "pilot":
        return 1 / _ON_DEVICE
    numbers = float(4**params.n_qubits * (_NODES if params.detuning else 1))
    return len(program.gates) * (_GATE_S + _NUMBER_S * numbers) / _TASK_S


def _batches(items: list[Item]) -> Iterator[Batch]:
    for program, some in itertools.groupby(items, key=lambda item: item[1].program):
        _, variants, shots, seeds = zip(*some, strict=True)
        yield Batch(program, tuple(one.frame for one in variants), shots, seeds)


def memory(params: ErrorMitigation) -> int:
    """Return the bytes of one task: a state of 4ⁿ numbers with its copy, or some of them up to a few MiB."""
    nodes = _NODES if params.detuning else 1
    return int(3 * 8 * 4**params.n_qubits * nodes + 2**23)


def digest(some: list[Site]) -> str:
    """Return the SHA-256 of all counts, in the order of devices and variants."""
    found = sha256()
    for site in some:
        for counts in site.counts.values():
            found.update(np.ascontiguousarray(counts.astype("<f8")).tobytes())
    return found.hexdigest()


def _projected_s(ran: list[Ran]) -> float | None:
    """Return the time on a simulated clock from the first submission to the last result; None on the real one."""
    if not ran or not all(part.projected for part in ran):
        return None
    return max(part.end_s or 0.0 for part in ran) - min(part.start_s or 0.0 for part in ran)


def _metrics(params: ErrorMitigation, found: Mitigated, spent: _Spent) -> dict[str, Metric]:
    ideal, (value, error) = exact(params), (found.value.value, found.value.error)
    before, after = abs(found.raw.value - ideal), abs(value - ideal)
    alone = (1 - found.raw.value**2) / spent.shots if spent.shots else 0.0
    return {
        "value": Metric(value, "1"),
        "error_before": Metric(before, "1", "lower"),
        "error_after": Metric(after, "1", "lower"),
        "standard_error": Metric(error, "1", "lower"),
        "sampling_overhead": Metric(error**2 / alone if alone > 0 else None, "1", "lower"),
        "time_to_target_s": Metric(spent.target_s, "s", "lower"),
    }


def _costs(params: ErrorMitigation, some: list[Site], spent: _Spent, execute_s: float) -> dict[str, Metric]:
    used = [part for part in spent.ran if part.devices]
    repeats = 1 if params.uses("pec") else spent.rounds  # each round draws circuits of its own, and counts them
    asked = sum(site.estimator.asked * repeats + 2 * params.uses("readout") * spent.rounds for site in some)
    costs = {
        "throughput": Metric(asked / (_projected_s(spent.ran) or execute_s), "variants/s", "higher"),
        "variants": Metric(asked, "variants"),
        "evaluated": Metric(spent.variants, "variants", "lower"),
        "gamma": Metric(some[0].estimator.cost, "1"),
        "shots": Metric(spent.shots, "shots"),
        "rounds": Metric(spent.rounds, "rounds"),
        "tasks": Metric(spent.tasks, "tasks"),
    }
    if params.device == "pilot":
        costs["devices"] = Metric(len(some), "devices")
        costs["qpu_s"] = Metric(sum(part.qpu_s for part in used), "s")
        costs["cost"] = Metric(sum(part.cost for part in used), "1")
    return costs


def estimate(params: ErrorMitigation) -> Features:
    """Count what the case costs; equal circuits of a cancellation are counted as often as they are drawn."""
    plain = FAMILIES[params.family].gates(params.n_qubits, params.layers) * (2 if params.idle else 1)
    foldings = 1 if params.folding == "global" else params.foldings or 1
    scales = params.scales()
    each = params.rounds * max(1, len(params.device_names()))
    variants = each * (
        (params.samples or len(scales) * foldings or 1) + 2 * params.uses("readout") + params.uses("ddd")
    )
    gates = round(each * plain * (foldings * sum(scales) if scales else params.samples or 1))
    part = plain * (_GATE_S + _NUMBER_S * 4**params.n_qubits) / _TASK_S
    per_task = params.variants_per_task if params.variants_per_task != "auto" else max(1, int(1 / part))
    return Features(
        tasks=-(-variants // per_task),
        memory_per_task=memory(params),
        gates=gates,
        shots=params.shots,
        extra={"variants": variants, "n_qubits": params.n_qubits, "numbers": 4**params.n_qubits},
    )
