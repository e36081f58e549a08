"""The plan: which repeats of which cases still have to run, what they will cost, and whether they fit.

Reads the machine (through the launchers) and the records it is given; starts nothing and writes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from miniapps import Features
from pilot_quantum import InvalidDescription, PilotDescription, ResourcesMissing, engines, launchers

from .cases import Case, Excluded, Expansion, Pool, expand
from .errors import CampaignError, one_line
from .store import settled

if TYPE_CHECKING:
    from pilot_quantum.launchers import Allocation

    from .expressions import Condition
    from .machines import Machine
    from .record import PredictionRecord, Record
    from .settle import Settled
    from .spec import Campaign

Settle = Callable[[Case], "Settled | None"]
Predict = Callable[[Case], "PredictionRecord | None"]

_SAMPLES_PER_COMPARISON: Final = 7


@dataclass(frozen=True, slots=True)
class PlannedCase:
    """A case with what it costs and what is left of it.

    Attributes
    ----------
    case
        The case.
    features
        What one repeat costs, in counts.
    missing
        Repeats that are not recorded ok yet, ascending.
    misfit
        Why it cannot run on its pool, with the numbers; None if it can.
    prediction
        Seconds of one repeat, as a model sees it now; None without a model.
    recorded_unsupported
        Whether its last record says already that it is unsupported.
    settled
        What runs instead where the case leaves a setting to a model; None if it leaves none.
    """

    case: Case
    features: Features
    missing: tuple[int, ...]
    misfit: str | None = None
    prediction: PredictionRecord | None = None
    recorded_unsupported: bool = False
    settled: Settled | None = None

    @property
    def runs(self) -> Case:
        """The case as it runs: without anything left open."""
        return self.case if self.settled is None else self.settled.case


@dataclass(frozen=True, slots=True)
class Plan:
    """The ordered cases of a campaign; `steps` gives the order in which repeats run.

    Attributes
    ----------
    campaign
        Name of the campaign.
    cases
        In the order of the campaign, complete ones included.
    excluded
        Cases left out by the campaign, with their reasons.
    remarks
        What the author of the campaign may want to know.
    """

    campaign: str
    cases: list[PlannedCase]
    excluded: list[Excluded]
    remarks: list[str]

    @property
    def pools(self) -> list[Pool]:
        """The pools, in the order of their first case."""
        return list({planned.case.pool.label: planned.case.pool for planned in self.cases}.values())

    @property
    def repeats_missing(self) -> int:
        """Number of repeats that have to run, misfits apart."""
        return sum(len(planned.missing) for planned in self.cases if planned.misfit is None)

    @property
    def predicted_s(self) -> float | None:
        """Seconds that the missing repeats and their warm-ups will take; None if any of them has no prediction."""
        total = 0.0
        for planned in self.cases:
            if planned.missing and planned.misfit is None:
                if planned.prediction is None:
                    return None
                total += planned.prediction.value * (len(planned.missing) + planned.case.warmups)
        return total

    def misfits(self) -> list[PlannedCase]:
        """Return the cases that still have to run and do not fit."""
        return [planned for planned in self.cases if planned.misfit is not None and planned.missing]


@dataclass(frozen=True, slots=True)
class Step:
    """One repeat of one case; a warm-up has no repeat number.

    Attributes
    ----------
    planned
        The case.
    repeat
        0-based; None for a warm-up, which is not recorded.
    """

    planned: PlannedCase
    repeat: int | None


def steps(cases: Iterable[PlannedCase]) -> Iterator[Step]:
    """Yield the repeats of cases of one pool in the order they run: interleaved, warm-ups first.

    Repeat 0 of every case comes before repeat 1 of any: a disturbance of the machine then hits all cases alike instead
    of making one of them look slow.
    """
    todo = [planned for planned in cases if planned.missing and planned.misfit is None]
    for round_ in range(max((planned.case.warmups for planned in todo), default=0)):
        yield from (Step(planned, None) for planned in todo if round_ < planned.case.warmups)
    for repeat in range(max((planned.case.repeats for planned in todo), default=0)):
        yield from (Step(planned, repeat) for planned in todo if repeat in planned.missing)


# ---------------------------------------------------------------- making a plan


@dataclass(frozen=True, slots=True)
class Selection:
    """What a command line changes in a campaign.

    Attributes
    ----------
    only
        Cases for which this holds; None means all.
    repeats
        Repeats of every case; None means as the campaign says.
    """

    only: Condition | None = None
    repeats: int | None = None


def make_plan(
    campaign: Campaign,
    records: Iterable[Record],
    *,
    select: Selection | None = None,
    predict: Predict | None = None,
    machine: Machine | None = None,
    settle: Settle | None = None,
) -> Plan:
    """Expand a campaign, subtract what is recorded ok, settle what is left open, and weigh the rest.

    It is weighed against a machine: None means this one.

    Raises
    ------
    CampaignError
        If the campaign breaks a rule, a pilot can be had nowhere, or a mini-app refuses its parameters.
    """
    expansion = _selected(expand(campaign), select or Selection())
    done = settled(record for record in records if record.kind != "published")
    latest = {key: record.status for (key, _), record in done.items()}
    found = {case.pool.label: case.pool for case in expansion.cases}.values()
    room = {pool.label: _room_here(pool) if machine is None else _room_on(machine, pool) for pool in found}
    cases = []
    for case in expansion.cases:
        chosen = settle(case) if settle else None
        features = _features(chosen.case if chosen else case)
        cases.append(
            PlannedCase(
                case=case,
                features=features,
                missing=tuple(r for r in range(case.repeats) if not _is_ok(done, case.key, r)),
                misfit=held if isinstance(held := room[case.pool.label], str) else misfit(features, held),
                prediction=chosen.prediction if chosen else predict(case) if predict else None,
                settled=chosen,
                recorded_unsupported=latest.get(case.key) == "unsupported",
            )
        )
    return Plan(campaign.name, cases, expansion.excluded, expansion.remarks + _few_repeats(expansion.cases))


def _is_ok(done: Mapping[tuple[str, int], Record], key: str, repeat: int) -> bool:
    record = done.get((key, repeat))
    return record is not None and record.status == "ok"


def _selected(expansion: Expansion, select: Selection) -> Expansion:
    cases = expansion.cases
    if select.only is not None:
        condition = select.only
        condition.require_names({name for case in cases for name in case.facts} or condition.names)
        cases = [case for case in cases if condition.names <= case.facts.keys() and condition.holds(case.facts)]
        if not cases:
            raise CampaignError(f"--only {condition.text!r} selects none of {len(expansion.cases)} cases")
    if select.repeats is not None:
        cases = [replace(case, repeats=select.repeats) for case in cases]
    return Expansion(cases, expansion.excluded, expansion.remarks)


def _few_repeats(cases: list[Case]) -> list[str]:
    few = [case for case in cases if case.repeats < _SAMPLES_PER_COMPARISON]
    if not few:
        return []
    enough = _SAMPLES_PER_COMPARISON
    return [f"{len(few)} case(s) have fewer than {enough} repeats: `qhpc compare` cannot decide on them"]


def _features(case: Case) -> Features:
    try:
        return case.app.estimate(case.params)
    except (ValueError, OSError, ImportError) as error:
        raise CampaignError(f"{case.origin}: {case.app.name}({case.differing()}): {one_line(error)}") from error


# ---------------------------------------------------------------- does it fit?


class _Silent:
    """Events of an engine that is only asked whether it accepts a description."""

    def ready(self, index: int, generation: int, host: str, pid: int) -> None:
        """Ignore."""

    def answered(self, index: int, generation: int, payload: bytes) -> None:
        """Ignore."""

    def lost(self, index: int, generation: int, reason: str) -> None:
        """Ignore."""


def allocation_of(pilot: PilotDescription) -> Allocation:
    """Return what a pilot would hold, without starting it.

    Raises
    ------
    CampaignError
        If its engine is not installed, an option is unknown, or this machine cannot give what it asks for.
    """
    try:
        engines.load(pilot.engine)(pilot, _Silent())
        return launchers.load(pilot.launcher)(pilot).expected()
    except InvalidDescription as error:
        raise CampaignError(f"pilots ({pilot.name!r}): {error}") from error


@dataclass(frozen=True, slots=True)
class Host:
    """What one host gives to a pool.

    Attributes
    ----------
    name
        Host name.
    cores
        Cores of each pilot's node on it.
    memory
        Bytes for all of them together.
    """

    name: str
    cores: tuple[int, ...]
    memory: int


def _room(pool: Pool) -> list[Host]:
    cores: dict[str, list[int]] = defaultdict(list)
    asked: dict[str, int] = defaultdict(int)
    found: dict[str, int] = defaultdict(int)
    for pilot in pool.pilots:
        for node in allocation_of(pilot).nodes:
            cores[node.host].append(node.cores)
            if pilot.memory_per_node is None:
                found[node.host] = max(found[node.host], node.memory)  # pilots without a limit share what is free
            else:
                asked[node.host] += node.memory
    return [Host(name, tuple(counts), max(asked[name], found[name])) for name, counts in cores.items()]


def _room_on(machine: Machine, pool: Pool) -> list[Host]:
    """Return what the nodes of another machine give to a pool, a host for each node; its engines are not looked at."""
    pilots = [machine.sized(pilot) for pilot in pool.pilots]
    return [
        Host(
            f"a node of {machine.name}",
            (pilot.cores_per_node or 1,),
            pilot.memory_per_node or machine.memory() or 2**62,
        )
        for pilot in pilots
        for _ in range(pilot.nodes)
    ]


def _room_here(pool: Pool) -> list[Host] | str:
    """Return what this machine gives to a pool, or why it has not what the pool asks for."""
    try:
        return _room(pool)
    except CampaignError as error:
        if isinstance(error.__cause__, ResourcesMissing):
            return str(error)
        raise


def misfit(features: Features, hosts: list[Host]) -> str | None:
    """Return why a case cannot run on these hosts, with the numbers; None if it can.

    Every worker that may run a task at the same time needs the memory of one.
    """
    cpus, each = features.cpus_per_task, features.memory_per_task
    largest = max(cores for host in hosts for cores in host.cores)
    if cpus > largest:
        return f"a task needs {cpus} cores, the largest node has {largest}"
    for host in hosts:
        at_once = min(features.tasks, sum(cores // cpus for cores in host.cores))
        if at_once * each > host.memory:
            return (
                f"{at_once} task(s) at once x {size(each)} = {size(at_once * each)}, "
                f"{host.name} has {size(host.memory)} free; {_room_for(host.memory // each)}"
            )
    return None


def _room_for(tasks: int) -> str:
    return f"{tasks} at once would fit (cores_per_node)" if tasks else "not even one would fit"


def size(count: int) -> str:
    """Return bytes as people read them: ``"64 B"``, ``"1.5 GiB"``."""
    number, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):  # noqa: B007 - the unit that was reached is used below
        if number < 1024:
            break
        number /= 1024
    return f"{number:.4g} {unit}"
