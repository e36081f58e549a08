"""Batch scripts for Slurm: pure functions from values to text.

Every value is quoted as sbatch reads it (in ``#SBATCH`` lines) or as the shell does (below them), so that it arrives
literally whatever it contains, or is refused. The one exception is ``setup``: its lines are meant to be shell commands.
"""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from .._registry import check_options
from ..errors import InvalidDescription

OPTIONS: Final[dict[str, type]] = {
    "partition": str,
    "account": str,
    "qos": str,
    "reservation": str,
    "constraint": str,
    "licenses": str,
    "gres": str,
    "gpu_type": str,
    "gpu_directive": str,
    "exclusive": bool,
    "nodelist": str,
    "extra": list,
    "setup": list,
}
"""Options of `Site`, as they stand in a pilot's ``launcher_options`` or a machine file."""

_PLAIN: Final = ("partition", "account", "qos", "reservation", "constraint", "licenses", "nodelist")
_GPU_DIRECTIVES: Final = ("gpus-per-node", "gres")
_OURS: Final = {
    "job-name": "name",
    "nodes": "nodes",
    "ntasks": "nodes",
    "ntasks-per-node": "nodes",
    "cpus-per-task": "cores_per_node",
    "gpus-per-node": "gpus_per_node",
    "mem": "memory_per_node",
    "time": "walltime_s",
    "output": "the directory of the job",
    "error": "the directory of the job",
    "chdir": "the directory of the job",
    "array": "--jobs",
    "signal": "grace_s",
    "wrap": "nothing: the script is ours",
    "export": "nothing: the script is ours",
    "parsable": "nothing: the script is ours",
    "test-only": "--dry-run",
    "wait": "nothing: the script is ours",
    "no-kill": "nothing: the script is ours",
    "requeue": "nothing: the script is ours",
    "no-requeue": "nothing: the script is ours",
    **{name: name for name in ("partition", "account", "qos", "reservation", "constraint", "licenses", "nodelist")},
    "gres": "gres",
    "exclusive": "exclusive",
}


@dataclass(frozen=True, slots=True)
class Site:
    """What a cluster wants to hear besides the size of a job.

    Attributes
    ----------
    partition, account, qos, reservation, constraint, licenses, gres, nodelist
        As sbatch takes them; empty means not said.
    gpu_type
        Type of GPU to ask for; empty means any.
    gpu_directive
        How GPUs are asked for: ``gpus-per-node`` or ``gres``.
    exclusive
        Whether nodes are shared with nobody.
    extra
        Further directives, such as ``--hint=nomultithread``.
    setup
        Shell commands that run before ours, such as ``module load cray-mpich``.
    """

    partition: str = ""
    account: str = ""
    qos: str = ""
    reservation: str = ""
    constraint: str = ""
    licenses: str = ""
    gres: str = ""
    nodelist: str = ""
    gpu_type: str = ""
    gpu_directive: str = "gpus-per-node"
    exclusive: bool = False
    extra: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()

    @staticmethod
    def from_options(options: Mapping[str, Any], *, launcher: str = "slurm") -> Site:
        """Return the site that options describe.

        Raises
        ------
        InvalidDescription
            For an unknown option, a wrong type, or a value that no script can hold.
        """
        check_options("launcher", launcher, options, OPTIONS)
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
        site = Site(**values)
        if site.gpu_directive not in _GPU_DIRECTIVES:
            raise InvalidDescription(
                f"launcher_options: gpu_directive = {site.gpu_directive!r}: must be {' or '.join(_GPU_DIRECTIVES)}"
            )
        for line in (*site.setup, *site.extra):
            if not isinstance(line, str):
                raise InvalidDescription(f"launcher_options: {line!r}: extra and setup are lists of texts")
        for line in site.setup:
            printable("setup", line)
        for name in (*_PLAIN, "gres", "gpu_type"):
            if name in options:
                printable(name, getattr(site, name))
        _directives_of(site.extra)
        return site


@dataclass(frozen=True, slots=True)
class BatchJob:
    """One batch job.

    Attributes
    ----------
    name
        Name of the job.
    nodes, cores_per_node, gpus_per_node
        Its size.
    memory_per_node
        Bytes; None means what the site gives by default.
    walltime_s
        Seconds; None means what the site gives by default.
    log
        File for what it prints; ``{job}`` stands for the job's id, in the file's name.
    command
        Program and arguments.
    environment
        Variables to set.
    grace_s
        So many seconds before the end of its time the batch script is sent SIGTERM; at most half of that time.
    requeue
        Whether Slurm may start it again after a loss.
    elements
        Number of elements if it is an array, 0 if it is none; see `ELEMENT`.
    at_once
        How many elements may run at the same time; 0 means any number.
    """

    name: str
    nodes: int
    cores_per_node: int
    log: str
    command: Sequence[str]
    site: Site = Site()
    gpus_per_node: int = 0
    memory_per_node: int | None = None
    walltime_s: float | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    grace_s: int = 60
    requeue: bool = False
    elements: int = 0
    at_once: int = 0


ELEMENT: Final = "{element}"
"""In the command of an array: the number of the element."""


def render(job: BatchJob) -> str:
    """Return the batch script of a job.

    Raises
    ------
    InvalidDescription
        If a value cannot be passed on literally.
    """
    directives = [
        f"#SBATCH --{name}{'' if value is None else '=' + quoted(name, value)}" for name, value in _lines(job)
    ]
    exports = [f"export {name}={_shell(name, value)}" for name, value in job.environment.items()]
    words = [_shell("command", word) for word in job.command]
    element = '"$SLURM_ARRAY_TASK_ID"'
    command = " ".join(element if word == ELEMENT else shell for word, shell in zip(job.command, words, strict=True))
    return "\n".join(["#!/bin/bash", *directives, "", *job.site.setup, *exports, f"exec {command}", ""])


def _lines(job: BatchJob) -> list[tuple[str, str | None]]:
    site = job.site
    lines: list[tuple[str, str | None]] = [("job-name", job.name), ("nodes", str(job.nodes))]
    lines += [("ntasks-per-node", "1"), ("cpus-per-task", str(job.cores_per_node))]
    lines += _gpu_lines(job)
    if job.memory_per_node is not None:
        lines.append(("mem", f"{math.ceil(job.memory_per_node / 2**20)}M"))
    if job.walltime_s is not None:
        lines.append(("time", slurm_time(job.walltime_s)))
    lines += [(name, getattr(site, name)) for name in _PLAIN if getattr(site, name)]
    if site.exclusive:
        lines.append(("exclusive", None))
    if job.elements:
        lines.append(("array", f"0-{job.elements - 1}" + (f"%{job.at_once}" if job.at_once else "")))
    if "\\" in job.log:
        raise InvalidDescription(f"directory = {job.log!r}: Slurm takes a backslash in the name of a log for its own")
    log = job.log.replace("%", "%%").replace("{job}", "%A_%a" if job.elements else "%j")
    lines += [("output", log), ("open-mode", "append"), ("signal", f"B:TERM@{_grace_s(job)}"), ("no-kill", None)]
    lines += [("requeue" if job.requeue else "no-requeue", None), *_directives_of(site.extra)]
    return lines


def _grace_s(job: BatchJob) -> int:
    """Return the grace period: a short job must not be told to end as soon as it starts."""
    return job.grace_s if job.walltime_s is None else min(job.grace_s, 30 * math.ceil(job.walltime_s / 60))


def _gpu_lines(job: BatchJob) -> list[tuple[str, str | None]]:
    site, wanted = job.site, [job.site.gres] if job.site.gres else []
    lines: list[tuple[str, str | None]] = []
    if job.gpus_per_node:
        count = f"{site.gpu_type}:{job.gpus_per_node}" if site.gpu_type else str(job.gpus_per_node)
        if site.gpu_directive == "gres":
            wanted.insert(0, f"gpu:{count}")
        else:
            lines.append(("gpus-per-node", count))
    return [*lines, ("gres", ",".join(wanted))] if wanted else lines


def _directives_of(extra: Sequence[str]) -> list[tuple[str, str | None]]:
    found: list[tuple[str, str | None]] = []
    for text in extra:
        match = re.fullmatch(r"--([a-z][a-z0-9-]*)(?:=(.+))?", str(text))
        if match is None:
            raise InvalidDescription(f"launcher_options: extra: {text!r}: must be --name or --name=value of sbatch")
        name, value = match[1], match[2]
        if name in _OURS:
            raise InvalidDescription(f"launcher_options: extra: --{name} is set by {_OURS[name]}; leave it out")
        found.append((name, None if value is None else printable(f"extra --{name}", value)))
    return found


# ---------------------------------------------------------------- values


def printable(what: str, text: str) -> str:
    """Return ``text`` if a line of a script can hold it.

    Raises
    ------
    InvalidDescription
        If it is empty or has a control character, such as a line break.
    """
    if not str(text).strip():
        raise InvalidDescription(f"{what} = {text!r}: must be a text that is not empty")
    if not text.isprintable():
        raise InvalidDescription(f"{what} = {text!r}: has a line break or another control character")
    return text


def quoted(what: str, text: str) -> str:
    """Return a value as sbatch reads it literally from a ``#SBATCH`` line; plain ones stay as they are."""
    if re.fullmatch(r"[A-Za-z0-9_.,:@%/+=&|()*\[\]-]+", printable(what, text)):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _shell(what: str, text: str) -> str:
    return shlex.quote(text) if text == "" else shlex.quote(printable(what, text))


def slurm_time(seconds: float) -> str:
    """Return a duration as sbatch takes it, rounded up to whole minutes, in which Slurm counts."""
    minutes = max(1, math.ceil(seconds / 60))
    days, rest = divmod(minutes, 1440)
    clock = f"{rest // 60:02}:{rest % 60:02}:00"
    return f"{days}-{clock}" if days else clock
