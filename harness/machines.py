"""Machines: what a cluster needs to hear so that a campaign's pilots run there, each in one TOML file.

A machine changes where a pilot runs, never what a case is: it is in no key. So a campaign that was measured on a laptop
has the same cases on a cluster, and what is recorded there says where it ran.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pilot_quantum import InvalidDescription, PilotDescription
from pilot_quantum.launchers.slurm_script import OPTIONS, Site

from .errors import CampaignError, nearest
from .explain import explain

SHIPPED: Final = Path(__file__).with_name("machines")
OWN: Final = Path("~/.config/qhpc/machines").expanduser()
"""Where users keep theirs."""


class Machine(BaseModel):
    """A cluster, as far as pilots are concerned."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(default="", description="the file's name")
    description: str = Field(default="", description="what it is")
    cores_per_node: int = Field(ge=1, description="cores of a node, for pilots that do not say how many they want")
    memory_per_node_gib: float | None = Field(default=None, gt=0, description="GiB of a node; none means not said")
    gpus_per_node: int = Field(default=0, ge=0, description="GPUs of a node")
    walltime_s: float = Field(gt=0, description="time limit of a job, for pilots that do not say")
    grace_s: int = Field(default=60, ge=1, description="seconds before its time limit at which a job is told to end")
    queue_limit_s: float | None = Field(default=None, gt=0, description="seconds after which a waiting job is given up")
    jobs_at_once: int = Field(default=0, ge=0, description="elements of an array that may run together; 0: any number")
    python: str = Field(default="", description="interpreter on the nodes; empty means the one that submits")
    directory: str = Field(default="", description="where pilots keep files, seen by all nodes")
    address: str = Field(default="", description="address at which nodes reach the process that holds the pilots")
    options: dict[str, Any] = Field(default_factory=dict, description="partition, account, qos, constraint, …")
    required: list[str] = Field(default_factory=list, description="options that every user must give")

    def site(self) -> Site:
        """Return what sbatch is told besides sizes.

        Raises
        ------
        CampaignError
            If an option is unknown, cannot be passed on, or is missing.
        """
        missing = [name for name in self.required if not self.options.get(name)]
        if missing:
            raise CampaignError(f"machine {self.name!r} needs {missing[0]!r}: add --option {missing[0]}=VALUE")
        try:
            return Site.from_options(self.options)
        except InvalidDescription as error:
            raise CampaignError(f"machine {self.name!r}: {error}") from error

    def memory(self) -> int | None:
        """Return the bytes of a node; None if not said."""
        return None if self.memory_per_node_gib is None else int(self.memory_per_node_gib * 2**30)

    def sized(self, pilot: PilotDescription) -> PilotDescription:
        """Return a pilot with what it leaves open filled in.

        Raises
        ------
        CampaignError
            If it asks for more than a node has.
        """
        cores = pilot.cores_per_node or self.cores_per_node
        gpus = self.gpus_per_node if pilot.gpus_per_node is None else pilot.gpus_per_node
        memory = self.memory()
        for what, wanted, has in (
            ("cores_per_node", cores, self.cores_per_node),
            ("gpus_per_node", gpus, self.gpus_per_node),
            ("memory_per_node", pilot.memory_per_node or 0, memory or 2**62),
        ):
            if wanted > has:
                raise CampaignError(f"pilots ({pilot.name!r}): {what} = {wanted}: a node of {self.name!r} has {has}")
        return replace(pilot, cores_per_node=cores, gpus_per_node=gpus)

    def place(self, pilot: PilotDescription) -> PilotDescription:
        """Return the pilot as it is asked for here: as a job, with the site's options; the pilot's own win."""
        own = pilot.launcher_options if pilot.launcher == "slurm" else {}
        ours = {"python": self.python, "directory": self.directory, "address": self.address}
        limits = {"grace_s": self.grace_s, "queue_limit_s": self.queue_limit_s}
        told = {name: value for name, value in {**ours, **limits}.items() if value}
        self.site()
        return replace(
            self.sized(pilot),
            launcher="slurm",
            walltime_s=pilot.walltime_s or self.walltime_s,
            launcher_options={**told, **self.options, **own},
        )


def shipped() -> tuple[str, ...]:
    """Return the names of the machines that come with the harness or are the user's own, sorted."""
    return tuple(sorted({path.stem for folder in (SHIPPED, OWN) for path in folder.glob("*.toml")}))


def load(name: str, options: Sequence[str] = ()) -> Machine:
    """Read a machine.

    Parameters
    ----------
    name
        A name, or the path of a file.
    options
        ``KEY=VALUE`` each, in place of the file's options.

    Raises
    ------
    CampaignError
        One line that names the file, the key and the rule.
    """
    path = _find(name)
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CampaignError(f"{path}: {error}") from error
    data["options"] = {**data.get("options", {}), **_given(options)}
    try:
        machine = Machine.model_validate({"name": path.stem, **data})
    except ValidationError as error:
        rules = {key: info.description or "" for key, info in Machine.model_fields.items()}
        raise CampaignError(f"{path}: {explain(error, data, rules=rules)}") from error
    if all(machine.options.get(name) for name in machine.required):
        machine.site()
    return machine


def _find(name: str) -> Path:
    for path in (Path(name), OWN / f"{name}.toml", SHIPPED / f"{name}.toml"):
        if path.is_file():
            return path
    choices = shipped()
    raise CampaignError(f"machine = {name!r}: neither a file nor one of {', '.join(choices)}{nearest(name, choices)}")


def _given(options: Sequence[str]) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for option in options:
        key, equals, value = option.partition("=")
        if not equals or key not in OPTIONS:
            raise CampaignError(f"--option {option!r}: must be KEY=VALUE with KEY one of {', '.join(sorted(OPTIONS))}")
        kind = OPTIONS[key]
        found[key] = [*found.get(key, []), value] if kind is list else value == "true" if kind is bool else value
    return found
