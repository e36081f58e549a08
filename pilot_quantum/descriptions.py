"""What a user asks for: resources, tasks and pilots as frozen values.

Driver side; no disk, no network, no clock. The classes are standard dataclasses, so that
``import pilot_quantum`` stays light; the harness validates the same classes with pydantic when
they come from a file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, Literal

from .errors import InvalidDescription

_ACCESS = ("dedicated", "shared", "session")


def _whole(what: str, value: Any, least: int, rule: str) -> None:
    valid = not isinstance(value, bool) and isinstance(value, Integral) and int(value) >= least
    _require(valid, what, value, rule)


def _real(what: str, value: object, rule: str, *, least: float = 0.0, above: bool = False) -> None:
    number = isinstance(value, Real) and not isinstance(value, bool)
    valid = number and (value > least if above else value >= least)  # type: ignore[operator]  # it is a number
    _require(valid, what, value, rule)


def _exception_types(value: object) -> bool:
    types = value if isinstance(value, tuple) else (None,)
    return all(isinstance(item, type) and issubclass(item, BaseException) for item in types)


def _require(condition: bool, what: str, value: object, rule: str) -> None:
    if not condition:
        raise InvalidDescription(f"{what} = {value!r}: {rule}")


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """What a task needs of a quantum device, instead of a backend object.

    Attributes
    ----------
    name, vendor
        Of the device; None means any that fits.
    min_qubits
        Smallest acceptable number of qubits.
    gates
        Native gates that the device must have; compiled circuits need none named.
    max_error
        Largest acceptable median two-qubit error of the last calibration; None means any.
    min_fidelity
        Smallest acceptable expected fidelity of each circuit, as the device's calibration predicts it; None means any.
    simulator
        True or False asks for a simulator or a QPU; None means either.
    shots
        Shots the task will ask for; 0 means exact values.
    """

    name: str | None = None
    min_qubits: int = 0
    shots: int = 0
    vendor: str | None = None
    gates: tuple[str, ...] = ()
    max_error: float | None = None
    min_fidelity: float | None = None
    simulator: bool | None = None

    def __post_init__(self) -> None:
        _whole("min_qubits", self.min_qubits, 0, "must be a whole number, 0 or more")
        _whole("shots", self.shots, 0, "must be a whole number, 0 (exact) or more")
        for what in ("max_error", "min_fidelity"):
            value = getattr(self, what)
            if value is not None:
                _real(what, value, "must be a number from 0 to 1, or None")
                _require(value <= 1, what, value, "must be a number from 0 to 1, or None")
        gates: object = self.gates
        named = isinstance(gates, tuple) and all(isinstance(gate, str) for gate in gates)
        _require(named, "gates", self.gates, "must be a tuple of gate names")


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be spent on a device, over all its jobs; None means no limit."""

    shots: int | None = None
    cost: float | None = None
    qpu_s: float | None = None

    def __post_init__(self) -> None:
        for what in ("shots", "cost", "qpu_s"):
            if getattr(self, what) is not None:
                _real(what, getattr(self, what), "must be a number, 0 or more, or None")


@dataclass(frozen=True, slots=True)
class DeviceDescription:
    """A device that a pilot holds, or has access to.

    Attributes
    ----------
    name
        Unique within the pilot.
    kind
        A name of `pilot_quantum.devices.names()`.
    access
        ``"dedicated"``: the pilot's alone, leased to one batch of circuits at a time. ``"shared"``: behind other
        people's queue. ``"session"``: a reserved window at the vendor, opened with the first job, re-opened when it has
        expired, always closed.
    options
        Of this kind; unknown ones are refused when the pilot is submitted. Never a credential: those come from the
        environment or the vendor's own file.
    jobs_in_flight
        Most jobs at the vendor at a time; a dedicated device has one. None: two, and more while a fifth of its queue is
        other people's, since a job that is held back would have to queue anew.
    batch
        Most circuits in one job, at most what the device takes.
    session_ttl_s, session_idle_s
        Longest life of a session, and the longest pause between two jobs in which it is kept.
    budget
        What may be spent.
    resource
        Name under which the batch system gives the device to the pilot's job: of QRMI, a licence, or the type of a GRES
        ``qpu``. The pilot fails if the job was not given it, and credentials are taken from what QRMI says of it. Empty
        means that the device is not the batch system's to give.
    """

    name: str
    kind: str
    access: Literal["dedicated", "shared", "session"] = "dedicated"
    options: Mapping[str, Any] = field(default_factory=dict)
    jobs_in_flight: int | None = None
    batch: int = 100
    session_ttl_s: float = 3600.0
    session_idle_s: float = 60.0
    budget: Budget | None = None
    resource: str = ""

    def __post_init__(self) -> None:
        for what in ("name", "kind"):
            text = getattr(self, what)
            _require(isinstance(text, str) and bool(text), what, text, "must be a string that is not empty")
        _require(isinstance(self.resource, str), "resource", self.resource, "must be a string")
        _require(self.access in _ACCESS, "access", self.access, f"must be one of {', '.join(_ACCESS)}")
        _require(
            isinstance(self.options, Mapping), "options", self.options, "must be a mapping of option names to values"
        )
        if self.jobs_in_flight is not None:
            _whole("jobs_in_flight", self.jobs_in_flight, 1, "must be a whole number, 1 or more, or None")
        _whole("batch", self.batch, 1, "must be a whole number, 1 or more")
        for what in ("session_ttl_s", "session_idle_s"):
            _real(what, getattr(self, what), "must be a positive number of seconds", above=True)
        for key in self.options:
            secret = any(word in str(key).lower() for word in ("token", "password", "secret", "api_key", "apikey"))
            rule = "is a credential; set the vendor's environment variable or its own file instead"
            _require(not secret, f"options.{key}", "…", rule)


@dataclass(frozen=True, slots=True)
class Resources:
    """What one task occupies while it runs.

    Attributes
    ----------
    cpus
        Cores. The worker keeps numerical libraries at one thread; a task with more cores
        starts its own threads.
    gpus
        GPUs, in fractions for shared ones (0.5 = two tasks on one GPU).
    memory
        Bytes of main memory; 0 means not stated.
    ranks
        0: an ordinary task. R >= 1: a gang of R processes that start and end together; the
        function receives ``ranks=`` (rank, size, local_rank, coordinator, deadline), and
        ``cpus``, ``gpus`` and ``memory`` are per rank.
    gpus_per_rank
        GPUs bound to each rank of a gang.
    device
        A quantum device to run circuits on; None means none.
    """

    cpus: int = 1
    gpus: float = 0.0
    memory: int = 0
    ranks: int = 0
    gpus_per_rank: float = 0.0
    device: DeviceRequest | None = None

    def __post_init__(self) -> None:
        _whole("cpus", self.cpus, 1, "must be a whole number, 1 or more")
        _real("gpus", self.gpus, "must be a number, 0 or more")
        _whole("memory", self.memory, 0, "must be 0 (not stated) or a whole number of bytes")
        _whole("ranks", self.ranks, 0, "must be a whole number, 0 (not a gang) or more")
        _real("gpus_per_rank", self.gpus_per_rank, "must be a number, 0 or more")
        gang = self.ranks > 0 or self.gpus_per_rank == 0
        _require(gang, "gpus_per_rank", self.gpus_per_rank, "needs ranks >= 1")


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a task is started again.

    Attributes
    ----------
    lost_worker
        Further attempts after the worker died under the task. With the default of 2, a task
        that kills its worker three times has failed.
    exceptions
        Further attempts after the task raised one of ``on``.
    on
        Exception types that are worth another attempt; empty means none.
    backoff_s
        Wait before the second attempt, in seconds, doubled for each further one.
    """

    lost_worker: int = 2
    exceptions: int = 0
    on: tuple[type[BaseException], ...] = ()
    backoff_s: float = 0.0

    def __post_init__(self) -> None:
        _whole("lost_worker", self.lost_worker, 0, "must be a whole number, 0 or more")
        _whole("exceptions", self.exceptions, 0, "must be a whole number, 0 or more")
        _real("backoff_s", self.backoff_s, "must be 0 or more seconds")
        _require(_exception_types(self.on), "on", self.on, "must be a tuple of exception types")
        _require(not self.exceptions or bool(self.on), "on", self.on, "name the exception types to retry on")


ONE_CPU = Resources()
NO_RETRY = Retries(lost_worker=0)
DEFAULT_RETRIES = Retries()


@dataclass(frozen=True, slots=True)
class TaskDescription:
    """A function with its arguments and what it needs to run.

    Attributes
    ----------
    function
        Called on a worker as ``function(*args, **kwargs)``. A function of an importable module
        travels by name, any other (lambda, closure, notebook cell) by value.
    args, kwargs
        Arguments, captured when the task is submitted. A `Task` among the positional arguments is
        a parent: this task starts when it is done and receives its result.
    resources
        What the task occupies while it runs.
    pilot
        A pilot name, several names (the manager chooses among them), or None for any pilot.
    name
        Label in traces; empty means the function's name.
    priority
        Higher starts first; equal priorities start in order of submission.
    timeout_s
        Longest run time in seconds, counted from the start on the worker; the worker is stopped when
        it is exceeded. None means no limit.
    estimate_s
        Expected run time in seconds; None means learned from earlier tasks of the same function.
    retries
        How often the task is started again, and after what.
    after
        Further parents, whose results are not arguments.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    resources: Resources = ONE_CPU
    pilot: str | Sequence[str] | None = None
    name: str = ""
    priority: int = 0
    timeout_s: float | None = None
    estimate_s: float | None = None
    retries: Retries = DEFAULT_RETRIES
    after: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        _require(callable(self.function), "function", self.function, "must be callable")
        args: object = self.args
        if isinstance(args, list):
            object.__setattr__(self, "args", tuple(args))
        kinds = {
            "args": tuple,
            "kwargs": Mapping,
            "resources": Resources,
            "retries": Retries,
            "name": str,
            "after": tuple,
        }
        for what, kind in kinds.items():
            _require(isinstance(getattr(self, what), kind), what, getattr(self, what), f"must be a {kind.__name__}")
        tasks = all(isinstance(parent, Future) for parent in self.after)
        _require(tasks, "after", self.after, "must be a tuple of tasks")
        names = (self.pilot,) if isinstance(self.pilot, str) else self.pilot
        named = names is None or (isinstance(names, (tuple, list)) and all(isinstance(name, str) for name in names))
        _require(named, "pilot", self.pilot, "must be a pilot name, a list of names, or None for any")
        _whole("priority", self.priority, -(2**62), "must be a whole number; higher starts first")
        if self.timeout_s is not None:
            _real("timeout_s", self.timeout_s, "must be a positive number of seconds, or None", above=True)
        if self.estimate_s is not None:
            _real("estimate_s", self.estimate_s, "must be 0 or more seconds, or None if unknown")


@dataclass(frozen=True, slots=True)
class PilotDescription:
    """Resources wanted for a pilot, and how tasks run inside it.

    Attributes
    ----------
    name
        Unique within a manager; empty means that the manager numbers it (``pilot-0``).
    engine
        How tasks run: a name of `pilot_quantum.engines.names()`.
    launcher
        How the resources are obtained: a name of `pilot_quantum.launchers.names()`.
    nodes
        Number of nodes.
    cores_per_node
        Cores, one worker each; None means all that this process may use.
    gpus_per_node
        GPUs; None means all that are present.
    memory_per_node
        Bytes of main memory; None means what the node has available.
    walltime_s
        The pilot ends after this many seconds; None means that it lives until it is released.
    pool
        Pilots of one campaign that share a pool name are held together; None means alone.
    engine_options, launcher_options
        Options of that engine or launcher; unknown ones are refused when the pilot is submitted.
    devices
        Quantum devices that its tasks may use.
    device_options
        How circuits are routed among them: see `pilot_quantum.devices.hub.OPTIONS`.
    """

    name: str = ""
    engine: str = "processes"
    launcher: str = "local"
    nodes: int = 1
    cores_per_node: int | None = None
    gpus_per_node: int | None = 0
    memory_per_node: int | None = None
    walltime_s: float | None = None
    pool: str | None = None
    engine_options: Mapping[str, Any] = field(default_factory=dict)
    launcher_options: Mapping[str, Any] = field(default_factory=dict)
    devices: tuple[DeviceDescription, ...] = ()
    device_options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for what in ("name", "engine", "launcher"):
            _require(isinstance(getattr(self, what), str), what, getattr(self, what), "must be a string")
        _whole("nodes", self.nodes, 1, "must be a whole number, 1 or more")
        for what, least in (("cores_per_node", 1), ("gpus_per_node", 0), ("memory_per_node", 1)):
            value = getattr(self, what)
            if value is not None:
                _whole(what, value, least, f"must be a whole number, {least} or more, or None for all there is")
        if self.walltime_s is not None:
            _real("walltime_s", self.walltime_s, "must be a positive number of seconds, or None", above=True)
        held: object = self.devices
        devices = isinstance(held, tuple) and all(isinstance(device, DeviceDescription) for device in held)
        _require(devices, "devices", self.devices, "must be a tuple of DeviceDescription")
        names = [device.name for device in self.devices]
        _require(len(set(names)) == len(names), "devices", names, "must have different names")
        for what in ("engine_options", "launcher_options", "device_options"):
            options = getattr(self, what)
            _require(isinstance(options, Mapping), what, options, "must be a mapping of option names to values")
