"""The campaign: what a user asks for, in one TOML file.

::

    name = "quickstart"                 # also the name of the results directory
    seed = 42                           # fills the ``seed`` parameter of every app that has one

    [[pilots]]                          # alternatives: every case runs on each of them …
    name = "two-cores"
    engine = "processes"
    cores_per_node = 2                  # … except that entries with the same ``pool`` are held together

    [[apps]]
    name = "circuit_execution"          # a registered mini-app, or "package.module:APP"
    repeats = 7                         # measured repeats of each case
    warmups = 1                         # unrecorded repeats before them
    time_limit_s = 60                   # of one repeat
    tolerance = 1e-9                    # of the answer check: fills the app's parameter of that name

    [apps.params]                       # a list is an axis; axes are multiplied
    n_qubits = [2, 4, 8]
    shots = 1000

    [apps.zip]                          # lists of one length that advance together
    family = ["ghz", "qft"]
    reps = [1, 2]

    [[apps.include]]                    # further cases: over the single values of ``params``
    n_qubits = 24

    [[apps.exclude]]                    # cases left out, with the reason
    when = "n_qubits > 20 and method == 'density_matrix'"
    reason = "needs 16 * 4**n bytes"

A list is an axis wherever it stands, so one value that is itself a list is written as an axis of one:
``[["XX", "ZZ"]]``.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from pilot_quantum import DeviceDescription, PilotDescription, devices, engines, launchers

from .errors import CampaignError, nearest, one_line
from .explain import explain
from .expressions import ExpressionError, parse

SHIPPED: Final = Path(__file__).with_name("campaigns")
"""Directory of the campaigns that come with the harness."""
RESERVED: Final = frozenset({"asv", "paper"})
"""Names of directories below ``results/`` that belong to no campaign."""
_LARGEST_SEED: Final = 2**63 - 1


def _rule(text: str, *, key: str = "") -> PydanticCustomError:
    context = {"rule": text, "key": key} if key else {"rule": text}
    return PydanticCustomError("rule", "{rule}", context)


def _refuse_unknown(data: object, valid: Iterable[str]) -> None:
    names = list(valid)
    for key in data if isinstance(data, dict) else ():
        if key not in names:
            raise _rule(f"unknown key; valid keys: {', '.join(names)}{nearest(str(key), names)}", key=str(key))


class _Table(BaseModel):
    """Base of the tables of a campaign: frozen, types as written, unknown keys refused with the valid ones."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, data: object) -> object:
        _refuse_unknown(data, cls.model_fields)
        return data


def _condition(text: str) -> str:
    try:
        parse(text)
    except ExpressionError as error:
        raise _rule(str(error)) from error
    return text


class Exclude(_Table):
    """Cases that are left out."""

    when: Annotated[str, AfterValidator(_condition)] = Field(description="a condition on the parameters")
    reason: str = Field(min_length=1, description="why these cases are left out")


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, dict) else value


Zip = Annotated[list[dict[str, list[Any]]], BeforeValidator(_one_or_many)]


class AppEntry(_Table):
    """One mini-app with its parameter matrix."""

    name: str = Field(min_length=1, description='name of a mini-app, or "package.module:APP"')
    repeats: int = Field(default=7, ge=1, description="measured repeats of each case")
    warmups: int = Field(default=1, ge=0, description="unrecorded repeats before the measured ones")
    time_limit_s: float | None = Field(default=None, gt=0, description="longest run of one repeat, in seconds")
    tolerance: float | None = Field(default=None, ge=0, description="fills the tolerance of an app that has one")
    params: dict[str, Any] = Field(default_factory=dict, description="parameters; a list is an axis")
    zip: Zip = Field(default_factory=list, description="tables of equally long lists that advance together")
    include: list[dict[str, Any]] = Field(default_factory=list, description="further cases")
    exclude: list[Exclude] = Field(default_factory=list, description="cases left out")

    @model_validator(mode="after")
    def _zip_is_square(self) -> Self:
        taken = set(self.params)
        for group in self.zip:
            lengths = {key: len(values) for key, values in group.items()}
            if len(set(lengths.values())) > 1:
                counts = ", ".join(f"{key} has {count}" for key, count in lengths.items())
                raise _rule(f"lists that advance together have one length; {counts}", key="zip")
            if both := sorted(taken & set(group)):
                raise _rule(f"{both[0]!r} is given twice; a parameter stands in params or in one zip", key="zip")
            taken |= set(group)
        return self


def _known_pilot_keys(data: object) -> object:
    _refuse_unknown(data, (field.name for field in fields(PilotDescription)))
    for device in data.get("devices", []) if isinstance(data, dict) else ():
        _refuse_unknown(device, (field.name for field in fields(DeviceDescription)))
    if isinstance(data, dict) and isinstance(data.get("devices"), list):
        return {**data, "devices": tuple(data["devices"])}  # TOML has no tuples
    return data


def _known_pilot_names(pilot: PilotDescription) -> PilotDescription:
    for key, value, choices in (
        ("engine", pilot.engine, engines.names()),
        ("launcher", pilot.launcher, launchers.names()),
        *(("devices.kind", device.kind, devices.names()) for device in pilot.devices),
    ):
        if value not in choices:
            raise _rule(f"{value!r} is unknown; valid: {', '.join(choices)}{nearest(value, choices)}", key=key)
    return pilot


Pilot = Annotated[PilotDescription, BeforeValidator(_known_pilot_keys), AfterValidator(_known_pilot_names)]


class Campaign(_Table):
    """What a user asks for: mini-apps x parameter matrices x pilots."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="letters, digits, '.', '_', '-', at most 64, a letter or digit first; names the results directory",
    )
    seed: int = Field(default=0, ge=0, le=_LARGEST_SEED, description="fills the seed of every app that has one")
    description: str = Field(default="", description="what the campaign is for")
    budget_s: float | None = Field(
        default=None,
        gt=0,
        description="seconds after which `qhpc paper` starts no further repeat of it; `qhpc run` has --budget-s",
    )
    apps: list[AppEntry] = Field(min_length=1, description="at least one [[apps]] table")
    pilots: list[Pilot] = Field(
        default_factory=lambda: [PilotDescription()], min_length=1, description="at least one [[pilots]] table, or none"
    )

    @model_validator(mode="after")
    def _names_are_sound(self) -> Self:
        if self.name in RESERVED:
            taken = ", ".join(sorted(RESERVED))
            raise _rule(f"{self.name!r} is reserved; choose a name other than {taken}", key="name")
        named = [pilot.name for pilot in self.pilots if pilot.name]
        if twice := sorted({name for name in named if named.count(name) > 1}):
            raise _rule(f"the name {twice[0]!r} stands twice; pilots of a campaign have different names", key="pilots")
        return self


def _rules() -> dict[str, str]:
    tables: tuple[tuple[str, type[BaseModel]], ...] = (
        ("", Campaign),
        ("apps.", AppEntry),
        ("apps.exclude.", Exclude),
    )
    return {
        prefix + key: info.description or "" for prefix, table in tables for key, info in table.model_fields.items()
    }


# ---------------------------------------------------------------- files


@dataclass(frozen=True, slots=True)
class CampaignFile:
    """A campaign with the file it came from.

    Attributes
    ----------
    path
        The file.
    text
        Its content, which a run stores with the results.
    campaign
        What it says.
    """

    path: Path
    text: str
    campaign: Campaign


def shipped() -> tuple[str, ...]:
    """Return the names of the campaigns that come with the harness, sorted."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.toml")))


def find(spec: str) -> Path:
    """Return the file meant by ``spec``: a path, or the name of a shipped campaign.

    Raises
    ------
    CampaignError
        If there is neither; the message lists the shipped campaigns.
    """
    path = Path(spec)
    if path.is_file():
        return path
    if spec in shipped():
        return SHIPPED / f"{spec}.toml"
    if path.is_dir():
        raise CampaignError(f"{spec} is a directory; a campaign is one TOML file")
    choices = f"{', '.join(shipped())}{nearest(spec, shipped())}"
    raise CampaignError(f"no campaign {spec!r}: neither a file nor one of the shipped campaigns: {choices}")


def load(path: Path) -> CampaignFile:
    """Read and validate a campaign.

    Raises
    ------
    CampaignError
        One line that names the file, the key, the rule and the choices; for a syntax error file, line and column.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise CampaignError(f"{path}: not a text in UTF-8 (byte {error.start})") from error
    except OSError as error:
        raise CampaignError(f"{path}: {error.strerror}") from error
    try:
        return CampaignFile(path, text, parse_campaign(_toml(text)))
    except CampaignError as error:
        raise CampaignError(f"{path}{'' if str(error).startswith(':') else ': '}{error}") from error.__cause__


def parse_campaign(data: dict[str, Any]) -> Campaign:
    """Validate a campaign that was read from TOML.

    Raises
    ------
    CampaignError
        One line that names the key, the rule and the choices.
    """
    _refuse_no_json(data, "")
    try:
        return Campaign.model_validate_json(json.dumps(data))
    except ValidationError as error:
        raise CampaignError(explain(error, data, rules=_rules())) from error


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CampaignError(_syntax_error(str(error), text)) from error
    except RecursionError as error:
        raise CampaignError("TOML syntax: nested too deeply") from error


def _syntax_error(message: str, text: str) -> str:
    found = re.search(r"^(.*) \(at (?:line (\d+), column (\d+)|end of document)\)$", message, re.DOTALL)
    if found is None:
        return f"TOML syntax: {one_line(message)}"
    lines = text.split("\n")
    line, column = (found[2], found[3]) if found[2] else (len(lines), len(lines[-1]) + 1)
    return f":{line}:{column}: TOML syntax: {one_line(found[1])}"


def _refuse_no_json(value: object, path: str) -> None:
    """Refuse what TOML has and a record cannot hold: dates, times, nan and inf."""
    if isinstance(value, dict):
        for key, item in value.items():
            _refuse_no_json(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_no_json(item, f"{path}[{index}]")
    elif isinstance(value, float) and not isfinite(value):
        raise CampaignError(f"{path} = {value}: must be a finite number")
    elif not isinstance(value, str | int | float):
        raise CampaignError(f"{path} = {value}: a date or time is no parameter; valid: numbers, strings, true, false")
