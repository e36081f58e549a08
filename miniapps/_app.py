"""The interface of a mini-app, made once for all motifs.

A mini-app is a value: a `MiniApp` that names its motif, its parameter model and four plain functions. The harness
calls them in this order, for each repeat of each case::

    estimate(params)            -> Features        before anything runs; no circuit is built
    run(params, runtime)        -> Measurement     timed; submits tasks through the runtime
    check(params, measurement)  -> Verdict         outside every timed stage; against an independent reference

Labels (``miniapps/<app>/__init__.py``) are light: they import their ``params`` and nothing that computes; `MiniApp`
takes its functions as ``"module:attribute"`` strings and loads them when they are first called.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from pilot_quantum import Runtime

Direction = Literal["lower", "higher", "none"]


class Unsupported(Exception):
    """What the parameters ask cannot be done by this installation or these pilots; the message says what is missing.

    A case that raises it is recorded as ``unsupported``, not as failed.
    """


class Params(BaseModel):
    """Base of every mini-app's parameters: frozen, unknown names refused, units in the fields' metadata.

    A field states its unit as ``Field(..., json_schema_extra={"unit": "s"})``; no unit means a plain number or a name.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid", validate_default=True)


@dataclass(frozen=True, slots=True)
class MotifCard:
    """What the motif is: the columns of the paper's Table 2, and where it stands in Table 1.

    Attributes
    ----------
    motif
        Number and name, for example ``"B.1 Circuit Execution"``.
    interaction, coupling, example, middleware_requirements
        The columns of Table 2.
    integration_mode
        ``"HPC-for-Quantum"``, ``"Quantum-in-HPC"`` or ``"Quantum-about-HPC"`` (Table 1).
    scenarios
        Rows of Table 1 that this mini-app exercises.
    """

    motif: str
    interaction: str
    coupling: str
    example: str
    middleware_requirements: str
    integration_mode: str
    scenarios: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Metric:
    """One measured number.

    Attributes
    ----------
    value
        The number, in ``unit``; None means it could not be measured this time.
    unit
        SI unit or ``"1/s"``, ``"circuits/s"``, ``"1"`` …
    better
        Which direction is an improvement; ``"none"`` for a number that only describes.
    """

    value: float | int | None
    unit: str
    better: Direction = "none"


@dataclass(frozen=True, slots=True)
class Features:
    """What a case will cost, in counts; seconds come only from qdreamer.

    Attributes
    ----------
    tasks
        Number of tasks it will submit.
    memory_per_task
        Largest working set of one task, in bytes (16·2ⁿ for a complex128 state).
    gates
        Gates of all circuits together.
    shots
        Shots of all circuits together; 0 for exact values.
    cpus_per_task
        Cores one task occupies.
    extra
        Further counts that a model of this app uses, by name.
    """

    tasks: int
    memory_per_task: int
    gates: int = 0
    shots: int = 0
    cpus_per_task: int = 1
    extra: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measurement:
    """What ``run`` returns.

    Attributes
    ----------
    answer
        The app's own result, whatever ``check`` needs; it never reaches a file.
    metrics
        Measured numbers by name; ``time_to_value_s`` is every app's main one.
    digest
        Hexadecimal hash of the answers, equal if and only if they are equal to the last bit.
    """

    answer: Any
    metrics: Mapping[str, Metric]
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What ``check`` found.

    Attributes
    ----------
    verdict
        ``"pass"``, ``"fail"``, or ``"unchecked"`` when no reference can be had (``detail`` says why).
    oracle
        What the answer was compared with, in a few words.
    value, expected, tolerance
        The numbers of the comparison: of the worst item where there are many.
    detail
        One sentence for a person.
    """

    verdict: Literal["pass", "fail", "unchecked"]
    oracle: str = ""
    value: float | None = None
    expected: float | None = None
    tolerance: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class MiniApp:
    """The label of a mini-app.

    Attributes
    ----------
    name
        Name in campaigns, in ``snake_case``.
    version
        Raised whenever the same parameters would give another answer or measure something else; part of the case key.
    summary
        One line for ``qhpc list``.
    card
        The motif.
    params
        Parameter model; its defaults run on a laptop in seconds.
    functions
        ``"module:attribute"`` of ``run``, ``check`` and ``estimate``.
    """

    name: str
    version: int
    summary: str
    card: MotifCard
    params: type[Params]
    functions: Mapping[Literal["run", "check", "estimate"], str]

    def run(self, params: Params, runtime: Runtime) -> Measurement:
        """Compute and measure; every submitted task has ended when this returns or raises."""
        result: Measurement = self._load("run")(params, runtime)
        return result

    def check(self, params: Params, measurement: Measurement) -> Verdict:
        """Compare the answer with an independent reference."""
        result: Verdict = self._load("check")(params, measurement)
        return result

    def estimate(self, params: Params) -> Features:
        """Count what ``run`` will cost, without building a circuit."""
        result: Features = self._load("estimate")(params)
        return result

    def _load(self, function: Literal["run", "check", "estimate"]) -> Any:
        module, _, attribute = self.functions[function].partition(":")
        return getattr(import_module(module), attribute)
