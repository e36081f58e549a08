"""From a campaign to its cases: axes multiplied, zips advanced, parameters validated, keys made.

Pure: no clock, no disk, no network (mini-apps are imported). A case's key is the hash of what the answer and the cost
are meant to depend on: app, app version, all parameters with their defaults, pool, seed. Commit, machine, repeats and
limits are not in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any, Final, final

from pydantic import ValidationError

from miniapps import MiniApp, Params, UnknownMiniApp
from miniapps import load as load_app
from miniapps import names as app_names

from .errors import CampaignError, nearest
from .explain import explain
from .expressions import Condition, ExpressionError, parse

if TYPE_CHECKING:
    from pilot_quantum import PilotDescription

    from .spec import AppEntry, Campaign

_NOT_IN_THE_KEY: Final = frozenset({"name", "pool", "walltime_s"})
"""Fields of a pilot that say how it is called or how long it may live, not what it is."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Pilots that are held together.

    Attributes
    ----------
    label
        The common ``pool`` name, or the name of the only pilot.
    pilots
        In the order of the campaign; every one has a name.
    """

    label: str
    pilots: tuple[PilotDescription, ...]

    @property
    def engine(self) -> str:
        """Engine of the pilots; different ones are joined by ``+``."""
        return "+".join(sorted({pilot.engine for pilot in self.pilots}))

    def as_record(self) -> list[dict[str, Any]]:
        """Return the pilots as they are stored: what is in the key, and their names."""
        return [{"name": pilot.name, **_identity_of(pilot)} for pilot in self.pilots]


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A case as records describe it; what `harness.labels` names cases by."""

    app: str
    params: dict[str, Any]
    pool: list[dict[str, Any]]


@final
@dataclass(frozen=True)
class Case:
    """One fully concrete measurement point.

    Attributes
    ----------
    app, params
        What runs.
    pool
        Where it runs.
    seed
        The ``seed`` parameter of the app if it has one, else the campaign's seed.
    repeats, warmups
        How often.
    time_limit_s
        Longest run of one repeat in seconds; None means no limit.
    origin
        Where in the campaign it comes from, for messages.
    """

    app: MiniApp
    params: Params
    pool: Pool
    seed: int
    repeats: int = 7
    warmups: int = 1
    time_limit_s: float | None = None
    origin: str = ""

    @cached_property
    def values(self) -> dict[str, Any]:
        """All parameters with their defaults, as plain JSON values."""
        return self.params.model_dump(mode="json")

    @cached_property
    def key(self) -> str:
        """16 hexadecimal digits that name the case."""
        return key_of(self.app.name, self.app.version, self.values, pool=self.pool.as_record(), seed=self.seed)

    @property
    def projected(self) -> bool:
        """Whether its times come from a simulated clock: that of its pilots' devices, if it runs on them."""
        virtual = any(pilot.devices and pilot.device_options.get("clock") == "virtual" for pilot in self.pool.pilots)
        return virtual and self.values.get("device") == "pilot"

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What a condition may look at: the parameters, and ``app``, ``pool``, ``engine``."""
        return {"app": self.app.name, "pool": self.pool.label, "engine": self.pool.engine, **self.values}

    def as_row(self) -> CaseRow:
        """Return the case as records describe it."""
        return CaseRow(self.app.name, self.values, self.pool.as_record())

    def differing(self) -> str:
        """Return the parameters that differ from the app's defaults, as ``a=1, b=2``."""
        ordinary = _defaults(type(self.params))
        given = {k: v for k, v in self.values.items() if k not in ordinary or ordinary[k] != v}
        return ", ".join(f"{k}={v}" for k, v in given.items() if k != "seed") or "defaults"


@dataclass(frozen=True, slots=True)
class Excluded:
    """A case that the campaign leaves out, with its reason."""

    case: Case
    reason: str


@dataclass(frozen=True, slots=True)
class Expansion:
    """All cases of a campaign in its order, those left out, and remarks for the author."""

    cases: list[Case]
    excluded: list[Excluded]
    remarks: list[str]


def key_of(
    app: str, app_version: int, params: Mapping[str, Any], *, pool: Iterable[Mapping[str, Any]], seed: int
) -> str:
    """Return the key of an identity; the arguments are the fields of a record of that case.

    The names of pilots are left out, so that renaming one does not discard its results.
    """
    identity = {
        "app": app,
        "app_version": app_version,
        "params": params,
        "pool": [{k: v for k, v in pilot.items() if k not in _NOT_IN_THE_KEY} for pilot in pool],
        "seed": seed,
    }
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _identity_of(pilot: PilotDescription) -> dict[str, Any]:
    values = {field.name: getattr(pilot, field.name) for field in fields(pilot) if field.name not in _NOT_IN_THE_KEY}
    if values["devices"] or values["device_options"]:
        # so that devices keep the keys they had before batch systems could give them: no empty ``resource``
        made = [asdict(device) for device in pilot.devices]
        values["devices"] = [{k: v for k, v in one.items() if k != "resource" or v} for one in made]
    else:  # so that pilots without devices keep the keys they had before there were any
        del values["devices"], values["device_options"]
    return {name: dict(value) if isinstance(value, Mapping) else value for name, value in values.items()}


def _defaults(params: type[Params]) -> dict[str, Any]:
    try:
        return params().model_dump(mode="json")
    except ValidationError:  # a parameter without a default: nothing is ordinary
        return {}


# ---------------------------------------------------------------- pools


def pools(campaign: Campaign) -> list[Pool]:
    """Return the alternatives to run on, in the order of their first pilots.

    Raises
    ------
    CampaignError
        If two alternatives are the same but for their names.
    """
    named = _named(campaign.pilots)
    groups: dict[str, list[PilotDescription]] = {}
    for pilot in named:
        groups.setdefault(pilot.pool or f"\0{pilot.name}", []).append(pilot)
    found = [Pool(label.removeprefix("\0"), tuple(members)) for label, members in groups.items()]
    seen: dict[str, str] = {}
    for pool in found:
        identity = json.dumps([_identity_of(pilot) for pilot in pool.pilots], sort_keys=True)
        if identity in seen:
            twin = seen[identity]
            raise CampaignError(f"pilots: {pool.label!r} and {twin!r} differ only in their names; leave one out")
        seen[identity] = pool.label
    return found


def _named(pilots: list[PilotDescription]) -> list[PilotDescription]:
    taken = {pilot.name for pilot in pilots}
    named: list[PilotDescription] = []
    for pilot in pilots:
        name = pilot.name or next(n for n in _candidates(pilot.engine) if n not in taken)
        taken.add(name)
        named.append(replace(pilot, name=name))
    return named


def _candidates(stem: str) -> Iterator[str]:
    yield stem
    yield from (f"{stem}-{number}" for number in range(2, 10_000))


# ---------------------------------------------------------------- expansion


@dataclass(frozen=True, slots=True)
class _Point:
    """One combination of written values, each with the place where it was written."""

    values: dict[str, Any]
    places: dict[str, str]
    origin: str


def expand(campaign: Campaign) -> Expansion:
    """Return every case of a campaign, validated.

    Raises
    ------
    CampaignError
        For an unknown app, a parameter that breaks a rule, an empty axis, a condition on an unknown name, or a case
        that appears twice. Nothing was started.
    """
    alternatives = pools(campaign)
    cases: list[Case] = []
    excluded: list[Excluded] = []
    remarks: list[str] = []
    for index, entry in enumerate(campaign.apps):
        app = _app(entry.name, f"apps[{index}].name")
        conditions = _conditions(entry, app, f"apps[{index}]")
        hits = [0] * len(conditions)
        for case in _cases(campaign, app, alternatives, index):
            number = _excluding(conditions, case)
            if number is None:
                cases.append(case)
            else:
                hits[number] += 1
                excluded.append(Excluded(case, entry.exclude[number].reason))
        remarks += [
            f"apps[{index}].exclude[{number}] leaves nothing out: {entry.exclude[number].when}"
            for number, count in enumerate(hits)
            if count == 0
        ]
    _refuse_twins(cases)
    return Expansion(cases, excluded, remarks)


def _app(name: str, path: str) -> MiniApp:
    try:
        return load_app(name)
    except UnknownMiniApp as error:
        raise CampaignError(f"{path} = {name!r}: {error}{nearest(name, app_names())}") from error


def _cases(campaign: Campaign, app: MiniApp, alternatives: list[Pool], index: int) -> Iterator[Case]:
    entry = campaign.apps[index]
    given = _given(app, campaign, index)
    for point in _points(entry, f"apps[{index}]"):
        params = _validated(app, point, given)
        seed = getattr(params, "seed", campaign.seed)
        for pool in alternatives:
            yield Case(
                app=app,
                params=params,
                pool=pool,
                seed=seed if isinstance(seed, int) else campaign.seed,
                repeats=entry.repeats,
                warmups=entry.warmups,
                time_limit_s=entry.time_limit_s,
                origin=point.origin,
            )


def _points(entry: AppEntry, path: str) -> Iterator[_Point]:
    places = [f"{path}.zip[{number}]" if len(entry.zip) > 1 else f"{path}.zip" for number in range(len(entry.zip))]
    yield from _product(entry.params, list(zip(entry.zip, places, strict=True)), f"{path}.params")
    single = {key: value for key, value in entry.params.items() if not isinstance(value, list)}
    for number, extra in enumerate(entry.include):
        for point in _product(extra, [], f"{path}.include[{number}]"):
            origins = dict.fromkeys(single, f"{path}.params") | point.places
            yield _Point({**single, **point.values}, origins, point.origin)


def _product(table: Mapping[str, Any], groups: list[tuple[dict[str, list[Any]], str]], path: str) -> Iterator[_Point]:
    axes = [_axis(key, value, path) for key, value in table.items()]
    axes += [_together(group, place) for group, place in groups if group]
    for combination in product(*axes):
        values = {key: value for step in combination for key, (value, _) in step.items()}
        places = {key: place for step in combination for key, (_, place) in step.items()}
        yield _Point(values, places, path)


_Step = dict[str, tuple[Any, str]]


def _axis(key: str, value: object, path: str) -> list[_Step]:
    values = value if isinstance(value, list) else [value]
    if not values:
        raise CampaignError(f"{path}.{key} = []: an axis needs at least one value")
    for number, item in enumerate(values):
        if any(item == other and type(item) is type(other) for other in values[:number]):
            raise CampaignError(f"{path}.{key}: the value {item!r} stands twice on this axis")
    return [{key: (item, path)} for item in values]


def _together(group: dict[str, list[Any]], path: str) -> list[_Step]:
    for key, values in group.items():
        if not values:
            raise CampaignError(f"{path}.{key} = []: an axis needs at least one value")
    rows = zip(*group.values(), strict=True)
    return [{key: (value, path) for key, value in zip(group, row, strict=True)} for row in rows]


def _given(app: MiniApp, campaign: Campaign, index: int) -> dict[str, Any]:
    """Return what the campaign fills in where the parameters leave it open: its seed and its check tolerance."""
    given: dict[str, Any] = {"seed": campaign.seed} if "seed" in app.params.model_fields else {}
    tolerance = campaign.apps[index].tolerance
    if tolerance is not None:
        if "tolerance" not in app.params.model_fields:
            raise CampaignError(f"apps[{index}].tolerance: {app.name} has no parameter 'tolerance'; leave it out")
        given["tolerance"] = tolerance
    return given


def _validated(app: MiniApp, point: _Point, given: Mapping[str, Any]) -> Params:
    valid = app.params.model_fields
    for key in point.values:
        if key not in valid:
            where = f"{point.places[key]}.{key}"
            choices = f"parameters of {app.name}: {', '.join(valid)}{nearest(key, valid)}"
            raise CampaignError(f"{where}: unknown parameter; {choices}")
    values = {**given, **point.values}
    try:
        return app.params.model_validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]["loc"]
        root = point.places.get(str(first[0]), point.origin) if first else point.origin
        rules = {name: info.description or "" for name, info in valid.items()}
        raise CampaignError(explain(error, values, root=root, rules=rules)) from error


def _conditions(entry: AppEntry, app: MiniApp, path: str) -> list[Condition]:
    found = []
    for number, exclude in enumerate(entry.exclude):
        condition = parse(exclude.when)
        try:
            condition.require_names([*app.params.model_fields, "app", "engine", "pool"])
        except ExpressionError as error:
            raise CampaignError(f"{path}.exclude[{number}].when: {error}") from error
        found.append(condition)
    return found


def _excluding(conditions: list[Condition], case: Case) -> int | None:
    for number, condition in enumerate(conditions):
        try:
            if condition.holds(case.facts):
                return number
        except ExpressionError as error:
            path = case.origin.split("]")[0] + "]"
            raise CampaignError(f"{path}.exclude[{number}].when: {error}") from error
    return None


def _refuse_twins(cases: list[Case]) -> None:
    seen: dict[str, Case] = {}
    for case in cases:
        twin = seen.setdefault(case.key, case)
        if twin is not case:
            raise CampaignError(
                f"{case.origin}: the case {case.app.name}({case.differing()}) on {case.pool.label!r} "
                f"is there already, from {twin.origin}; a case stands once in a campaign"
            )
