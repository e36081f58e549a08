"""What every device does, and the values that pass between a device and the broker that feeds it.

Driver side. A device knows how to compile circuits for itself, to say what they will cost there, and to carry *jobs*:
``submit`` returns the vendor's job id at once, ``poll`` says how far a job is, ``fetch`` brings the counts. Queues,
leases, sessions, batching, retries, the journal and the choice among devices are the broker's and come for free.

Circuits are Qiskit's ``QuantumCircuit`` with their final measurements; counts are ``{bit string: number}`` in Qiskit's
order (last classical bit first, no spaces).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Final

from ..errors import PilotQuantumError

if TYPE_CHECKING:
    from ..descriptions import DeviceDescription, DeviceRequest
    from .clock import Clock

Counts = dict[str, int]
ACCESS_MODES: Final = ("dedicated", "shared", "session")


class DeviceError(PilotQuantumError):
    """A device refused or failed a job; the message is the vendor's reason."""

    retriable: ClassVar[bool] = False


class DeviceUnavailable(DeviceError):
    """The device or its service cannot be reached, or is down; nothing was accepted."""

    retriable = True


class ReplyLost(DeviceError):
    """A submission was sent and no answer came: the job may or may not exist."""

    retriable = True


class SessionExpired(DeviceError):
    """The session that a job named has ended; nothing was accepted."""

    retriable = True


class BudgetExhausted(PilotQuantumError):
    """The next circuits would cost more than what is left of a budget; nothing was submitted."""


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What is known of a device now.

    Attributes
    ----------
    name, kind, vendor
        Name within its pilot, registered kind, and who runs it.
    n_qubits
        Width.
    gates
        Names of its native gates; empty means any.
    simulator
        Whether answers are computed classically.
    online
        Whether it takes jobs; ``note`` says why not.
    error_2q, error_readout
        Median errors of the last calibration; None if the vendor tells none.
    calibrated_s
        Time of the last calibration, seconds of the broker's clock (negative: before it started); None if untold.
    queue_s, queue_jobs
        The vendor's prediction of the wait of a job sent now, and the jobs ahead of it; None if untold.
    max_shots, max_circuits
        Limits of one job; None means no limit.
    currency
        Unit of costs; empty means that it costs nothing.
    """

    name: str
    kind: str
    vendor: str
    n_qubits: int
    gates: tuple[str, ...] = ()
    simulator: bool = False
    online: bool = True
    note: str = ""
    error_2q: float | None = None
    error_readout: float | None = None
    calibrated_s: float | None = None
    queue_s: float | None = None
    queue_jobs: int | None = None
    max_shots: int | None = None
    max_circuits: int | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What one circuit is expected to cost on one device.

    Attributes
    ----------
    run_s
        Seconds of the device: the sum of ``parts_s`` (for example ``schedule``, ``repetition_delay``, ``overhead``).
    fidelity
        Product of calibrated gate and read-out fidelities and of idle decoherence; None if the device tells no errors.
    cost
        In the device's currency.
    parts_s
        Where the seconds go.
    """

    run_s: float
    fidelity: float | None
    cost: float = 0.0
    parts_s: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Compiled:
    """A circuit made ready for one device.

    Attributes
    ----------
    source
        The circuit as it was given.
    bind
        Makes what is sent to the device, with the circuit's own angles.
    structure
        Hash of the circuit without its angles; circuits of one structure are compiled once.
    duration_s
        Seconds of one shot's schedule; None if the device states no gate times.
    fidelity
        See `Forecast`.
    gates_1q, gates_2q
        Numbers of gates that are sent.
    idle_fidelity
        The part of ``fidelity`` that is idle decoherence.
    """

    source: Any
    bind: Callable[[], Any]
    structure: str
    duration_s: float | None = None
    fidelity: float | None = None
    gates_1q: int = 0
    gates_2q: int = 0
    idle_fidelity: float = 1.0


@dataclass(frozen=True, slots=True)
class DeviceJob:
    """Circuits that go to a device together.

    Attributes
    ----------
    tag
        Idempotency tag: travels in the job's metadata, so that the job can be found again.
    circuits
        Compiled for this device, all with the same shots.
    shots
        Of each circuit.
    seeds
        One a circuit, for simulators.
    session
        The vendor's session; None outside of one.
    """

    tag: str
    circuits: tuple[Compiled, ...]
    shots: int
    seeds: tuple[int, ...]
    session: str | None = None


class JobState(StrEnum):
    """Where a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether nothing follows."""
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True, slots=True)
class JobView:
    """What a vendor says about a job.

    Attributes
    ----------
    state
        Where it is.
    reason
        Why it failed; empty otherwise.
    retriable
        Whether the failure was the device's and not the circuits'.
    wait_s
        Predicted seconds until it starts; None if untold.
    qpu_s, cost
        What it used, once it is done; None if untold.
    fidelity
        Fidelity that an emulation gave each circuit; None for real devices.
    """

    state: JobState
    reason: str = ""
    retriable: bool = False
    wait_s: float | None = None
    qpu_s: float | None = None
    cost: float | None = None
    fidelity: tuple[float, ...] | None = None


class AbstractDevice(ABC):
    """One device of a pilot. Its methods may block, and are called by one thread at a time.

    Attributes
    ----------
    local
        Whether it computes in the calling process: then workers make their own, without a queue.
    paid
        Whether its jobs cost something that must not be spent twice: then jobs are looked up before anything is sent
        again.
    projected
        Whether its times are simulated rather than waited for.
    visible_s
        After this many seconds an accepted job is certain to be found by `find`.
    """

    local: ClassVar[bool] = False
    paid: bool = False
    projected: bool = False
    visible_s: float = 0.0

    def __init__(self, description: DeviceDescription, clock: Clock) -> None:
        self.description = description
        self.clock = clock

    @property
    def libraries(self) -> tuple[str, ...]:
        """What is imported before circuits are made: in two threads, an import and Qiskit can end the process."""
        return ("qiskit.qpy", "qiskit_aer")

    @abstractmethod
    def facts(self) -> DeviceFacts:
        """Return what is known now; raises DeviceUnavailable if the service cannot be reached."""

    @abstractmethod
    def compile(self, circuit: Any) -> Compiled:
        """Return a circuit made ready for this device, from a cache where its structure was compiled before."""

    @abstractmethod
    def forecast(self, compiled: Compiled, shots: int) -> Forecast:
        """Return what one circuit is expected to cost."""

    @abstractmethod
    def submit(self, job: DeviceJob) -> str:
        """Send a job and return the vendor's id.

        Raises
        ------
        DeviceUnavailable, SessionExpired
            If the device certainly has not accepted it.
        ReplyLost
            If that is not certain.
        DeviceError
            If it was refused for good.
        """

    @abstractmethod
    def poll(self, job_id: str) -> JobView:
        """Return how far a job is; raises DeviceUnavailable if the service cannot be reached."""

    @abstractmethod
    def fetch(self, job_id: str, job: DeviceJob) -> list[Counts]:
        """Return the counts of each circuit of a job that is done."""

    @abstractmethod
    def cancel(self, job_id: str) -> None:
        """Ask for the end of a job that has not started; `poll` says whether that came in time."""

    def find(self, tag: str) -> str | None:
        """Return the id of the job with this tag, None if there is none (or none that can be seen yet)."""
        raise DeviceError(f"{self.description.kind!r} cannot look jobs up by tag ({tag})")

    def poll_after_s(self, job_id: str, polls: int) -> float:  # noqa: ARG002 - devices that know better use it
        """Return the seconds to wait before the next poll."""
        return float(min(5.0, 0.05 * 1.5 ** min(polls, 12)))

    def open_session(self, ttl_s: float) -> str:
        """Open a session and return its id; raises DeviceError for devices without sessions."""
        raise DeviceError(
            f"device {self.description.name!r} of kind {self.description.kind!r} has no sessions ({ttl_s} s)"
        )

    def close_session(self, session: str) -> None:  # noqa: B027 - devices without sessions have nothing to end
        """End a session; harmless when it has ended."""

    def close(self) -> None:  # noqa: B027 - many hold nothing
        """Give back whatever the device holds; harmless when called twice."""


def unfit(facts: DeviceFacts, request: DeviceRequest) -> str | None:
    """Return why a device can never serve a request, as a clause for a person; None if it can."""
    checks = (
        (request.name is None or facts.name == request.name, f"its name is not {request.name!r}"),
        (
            request.vendor is None or facts.vendor == request.vendor,
            f"its vendor is {facts.vendor!r}, not {request.vendor!r}",
        ),
        (facts.n_qubits >= request.min_qubits, f"it has {facts.n_qubits} qubits, {request.min_qubits} are needed"),
        (
            request.simulator is None or facts.simulator == request.simulator,
            "it is no simulator" if request.simulator else "it is a simulator",
        ),
        (
            not facts.gates or set(request.gates) <= set(facts.gates),
            f"it lacks {', '.join(sorted(set(request.gates) - set(facts.gates)))}",
        ),
        (
            _within(facts.error_2q, request.max_error),
            f"its median two-qubit error is {facts.error_2q}, at most {request.max_error} is wanted",
        ),
        (
            facts.max_shots is None or request.shots <= facts.max_shots,
            f"it takes {facts.max_shots} shots, {request.shots} are asked",
        ),
    )
    return next((reason for good, reason in checks if not good), None)


def _within(error: float | None, limit: float | None) -> bool:
    return limit is None or (error is not None and error <= limit)


def outcomes(counts: Sequence[Counts]) -> list[dict[int, int]]:
    """Return counts by outcome number instead of bit string."""
    return [{int(bits, 2): number for bits, number in one.items()} for one in counts]
