"""Kind ``emulated``: a recorded or made-up QPU. Its time comes from the scheduled circuit, its queue from a model.

The time of a job on the device is, as IBM's documentation states the usage of a workload [1]_::

    overhead + circuits × shots × (repetition delay + duration of the schedule)

A schedule is the compiled circuit with the gate and read-out durations of the target's calibration. With a real clock
the device takes that long; with a virtual one nobody waits, and everything measured on it is projected.

Answers are Aer's: of the circuit as given (``ideal``), of the compiled circuit with the target's noise (``noisy``), or
of a stand-in that is cheap at any width: ideal samples, of which a share of 1 − fidelity is replaced by coin flips
(``stand-in``). ``none`` returns no counts, for studies of time alone.

.. [1] IBM Quantum documentation, "Workload usage".
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Final

from .._registry import check_options
from ..errors import InvalidDescription
from ._compile import Compiler
from ._queue import Queue
from ._targets import GENERIC, backend_called, target_called
from ._worlds import others, outages
from .base import (
    AbstractDevice,
    Compiled,
    Counts,
    DeviceError,
    DeviceFacts,
    DeviceJob,
    DeviceUnavailable,
    Forecast,
    JobState,
    JobView,
    SessionExpired,
)

if TYPE_CHECKING:
    from ..descriptions import DeviceDescription
    from .clock import Clock

RESULTS: Final = ("ideal", "noisy", "stand-in", "none")
_OPTIONS = {
    "target": str,
    "results": str,
    "seed": int,
    "repetition_s": float,
    "overhead_s": float,
    "others_load": float,
    "others_job_s": float,
    "others_waiting": int,
    "queue_trace": str,
    "queue_guess": float,
    "outages": list,
    "drift_per_h": float,
    "calibrate_every_h": float,
    "calibrate_min": float,
    "error_scale": float,
    "cost_per_shot": float,
    "max_circuits": int,
}
_REPETITION_S: Final = 250e-6
_OVERHEAD_S: Final = 2.0
_REPORT_S: Final = 3600.0


@dataclass(slots=True)
class _Sent:
    job: DeviceJob
    seconds: float


class EmulatedDevice(AbstractDevice):
    """A QPU made of a target, a queue and a clock.

    Options: ``target`` (see `backend_called`; FakeSherbrooke, an Eagle r3, if not given), ``results``, ``seed``,
    ``repetition_s`` and ``overhead_s`` (see above; the target's own default delay, and 2 s), ``cost_per_shot``,
    ``max_circuits`` of a job, ``error_scale`` (all errors times this).

    Shared access: other people's jobs keep the device busy for the fraction ``others_load`` of the time,
    ``others_job_s`` seconds each on average, exponentially distributed;
    ``others_waiting`` of them wait at the start. ``queue_trace`` is
    JSON [[time, jobs waiting], …] instead, recorded. ``queue_guess`` is the spread (sigma of a log-normal) of the
    prediction that the device gives of its queue.

    Trouble: ``outages`` [[start, end], …] in seconds; errors grow by ``drift_per_h`` (0.02 = 2 %) an hour, and go back
    with a calibration of ``calibrate_min`` minutes every ``calibrate_every_h`` hours, during which the device is down.
    """

    def __init__(self, description: DeviceDescription, clock: Clock) -> None:
        super().__init__(description, clock)
        options = dict(description.options)
        check_options("device", "emulated", options, _OPTIONS)
        self._results = str(options.get("results", "ideal"))
        if self._results not in RESULTS:
            raise InvalidDescription(f"options.results = {self._results!r}: must be one of {', '.join(RESULTS)}")
        self.projected = clock.virtual
        self._options = options
        self._seed = int(options.get("seed", 0))
        self._queue = Queue(others(options, f"{description.name}-{self._seed}"), outages(options))
        self._sent: dict[str, _Sent] = {}
        self._numbers = itertools.count()
        self._sessions: dict[str, tuple[float, float]] = {}

    # What it is.

    @property
    def libraries(self) -> tuple[str, ...]:
        """See `AbstractDevice.libraries`."""
        recorded = not str(self._options.get("target", "")).startswith(GENERIC)
        source = "qiskit_ibm_runtime" if recorded else "qiskit.providers"
        return ("qiskit.qpy", "qiskit_aer", f"{source}.fake_provider")

    @cached_property
    def backend(self) -> Any:
        """The Qiskit backend whose target is emulated."""
        return backend_called(str(self._options.get("target", "FakeSherbrooke")))

    @cached_property
    def target(self) -> Any:
        """Its target, without what is broken."""
        return target_called(str(self._options.get("target", "FakeSherbrooke")))

    @cached_property
    def _compiler(self) -> Compiler:
        return _compiler_for(str(self._options.get("target", "FakeSherbrooke")))

    @cached_property
    def _median_errors(self) -> tuple[float | None, float | None]:
        target = self.target
        two: list[float] = []
        read: list[float] = []
        for name in target.operation_names:
            for qubits, properties in (target[name] or {}).items():
                if qubits is not None and properties is not None and properties.error is not None:
                    (two if len(qubits) == 2 else read if name == "measure" else []).append(properties.error)
        return _median([error for error in two if error < 1]), _median(read)

    @cached_property
    def repetition_s(self) -> float:
        """Delay between two shots, in seconds: as asked, or the device's default."""
        given = self._options.get("repetition_s")
        own = getattr(self.backend, "default_rep_delay", None)
        return float(given if given is not None else own if own is not None else _REPETITION_S)

    def facts(self) -> DeviceFacts:
        """Return calibration, queue and state."""
        now = self.clock.now()
        self._queue.advance(now)
        down = self._queue.outage(now)
        waiting_s, jobs = self._queue.waiting()
        two, read = self._median_errors
        scale = self._error_scale(math.floor(now / _REPORT_S) * _REPORT_S)
        shared = self.description.access == "shared"
        return DeviceFacts(
            name=self.description.name,
            kind="emulated",
            vendor="emulated",
            n_qubits=self.backend.num_qubits,
            gates=tuple(sorted(name for name in self.backend.target.operation_names if name not in _CONTROL)),
            online=down is None,
            note="" if down is None else "down, or being calibrated",
            error_2q=None if two is None else two * scale,
            error_readout=None if read is None else read * scale,
            calibrated_s=self._calibrated_s(now),
            queue_s=waiting_s * self._guess(now) if shared else None,
            queue_jobs=jobs if shared else None,
            max_shots=getattr(self.backend, "max_shots", None) or 100_000,
            max_circuits=int(self._options.get("max_circuits", 300)),
            currency="credits" if self._options.get("cost_per_shot") else "",
        )

    # What circuits cost.

    def compile(self, circuit: Any) -> Compiled:
        """Return the circuit in the target's gates, routed on its couplings."""
        return self._compiler(circuit)

    def forecast(self, compiled: Compiled, shots: int) -> Forecast:
        """Return the time and the fidelity by the last reported calibration."""
        schedule = (compiled.duration_s or 0.0) * shots
        delay = self.repetition_s * shots
        overhead = self._overhead_s
        report = math.floor(self.clock.now() / _REPORT_S) * _REPORT_S
        return Forecast(
            run_s=schedule + delay + overhead,
            fidelity=self._fidelity(compiled, report),
            cost=float(self._options.get("cost_per_shot", 0.0)) * shots,
            parts_s={"schedule": schedule, "repetition_delay": delay, "overhead": overhead},
        )

    @property
    def _overhead_s(self) -> float:
        return float(self._options.get("overhead_s", _OVERHEAD_S))

    def _fidelity(self, compiled: Compiled, time_s: float) -> float:
        idle = compiled.idle_fidelity
        operations = max(1e-300, (compiled.fidelity or 0.0) / max(idle, 1e-300))
        return float(operations ** self._error_scale(time_s) * idle)

    # Jobs.

    def submit(self, job: DeviceJob) -> str:
        """Queue a job."""
        now = self.clock.now()
        self._queue.advance(now)
        if self._queue.outage(now) is not None:
            raise DeviceUnavailable(f"device {self.description.name!r} is down")
        first = job.session is not None and self._session_is_warm(job.session, now)
        each = sum((one.duration_s or 0.0) + self.repetition_s for one in job.circuits)
        seconds = self._overhead_s + job.shots * each
        job_id = f"{self.description.name}-{next(self._numbers)}"
        self._sent[job_id] = _Sent(job, seconds)
        self._queue.add(job_id, seconds, first=first)
        return job_id

    def poll(self, job_id: str) -> JobView:
        """Return where a job is in the queue, or what it used."""
        self._queue.advance(self.clock.now())
        sent = self._sent.get(job_id)
        if sent is None:
            return JobView(JobState.CANCELLED)
        span = self._queue.span(job_id)
        if span is not None:
            cost = float(self._options.get("cost_per_shot", 0.0)) * sent.job.shots * len(sent.job.circuits)
            self._touch(sent.job.session, span[1])
            fidelity = tuple(self._fidelity(one, span[0]) for one in sent.job.circuits)
            return JobView(JobState.DONE, qpu_s=sent.seconds, cost=cost, fidelity=fidelity)
        ahead = self._queue.ahead_s(job_id)
        if ahead is None:
            return JobView(JobState.RUNNING)
        return JobView(JobState.QUEUED, wait_s=ahead * self._guess(self.clock.now()))

    def poll_after_s(self, job_id: str, polls: int) -> float:  # noqa: ARG002 - the interface's
        """Return the time until the job ends on a virtual clock; at most a second on the real one."""
        left = max(0.0, self._queue.ends_s(job_id) - self.clock.now()) + 1e-6
        return left if self.clock.virtual else min(left, 1.0)

    def fetch(self, job_id: str, job: DeviceJob) -> list[Counts]:
        """Return the counts, computed now."""
        self._sent.pop(job_id, None)
        return [self._answer(one, job.shots, seed) for one, seed in zip(job.circuits, job.seeds, strict=True)]

    def cancel(self, job_id: str) -> None:
        """Take the job out of the queue, unless it has started."""
        self._queue.advance(self.clock.now())
        if self._queue.remove(job_id):
            self._sent.pop(job_id, None)

    # Sessions: the first job waits in the queue, the following ones go first while the session is warm.

    def open_session(self, ttl_s: float) -> str:
        """Open a session."""
        session = f"{self.description.name}-session-{next(self._numbers)}"
        self._sessions[session] = (self.clock.now() + ttl_s, -math.inf)
        return session

    def close_session(self, session: str) -> None:
        """End a session."""
        self._sessions.pop(session, None)

    def _session_is_warm(self, session: str, now: float) -> bool:
        ends_s, last_s = self._sessions.get(session, (-math.inf, 0.0))
        if now >= ends_s:
            self._sessions.pop(session, None)
            raise SessionExpired(f"session {session} of device {self.description.name!r} has ended")
        return now - last_s <= self.description.session_idle_s

    def _touch(self, session: str | None, time_s: float) -> None:
        if session in self._sessions:
            self._sessions[session] = (self._sessions[session][0], time_s)

    # Answers.

    def _answer(self, one: Compiled, shots: int, seed: int) -> Counts:
        if self._results == "none":
            return {}
        if self._results == "noisy":
            return _sampled(one.bind(), shots, seed, self._noisy_simulator)
        counts = _sampled(one.source, shots, seed, self._ideal_simulator)
        return counts if self._results == "ideal" else _spoiled(counts, self._fidelity(one, self.clock.now()), seed)

    @cached_property
    def _ideal_simulator(self) -> Any:
        from qiskit_aer import AerSimulator

        return AerSimulator(max_parallel_threads=1, max_parallel_experiments=1)

    @cached_property
    def _noisy_simulator(self) -> Any:
        from qiskit_aer import AerSimulator
        from qiskit_aer.noise import NoiseModel

        noise = NoiseModel.from_backend(self.backend)
        return AerSimulator(noise_model=noise, max_parallel_threads=1, max_parallel_experiments=1)

    # Its world.

    def _calibrated_s(self, now: float) -> float:
        every = float(self._options.get("calibrate_every_h", 0.0))
        if every <= 0:
            return 0.0
        done = math.floor((now - 60 * float(self._options.get("calibrate_min", 0.0))) / (3600 * every))
        return 3600 * every * max(0, done)

    def _error_scale(self, time_s: float) -> float:
        hours = max(0.0, time_s - self._calibrated_s(time_s)) / 3600
        drift = 1 + float(self._options.get("drift_per_h", 0.0)) * hours
        return drift * float(self._options.get("error_scale", 1.0))

    def _guess(self, now: float) -> float:
        """Return by what factor the device misjudges its queue: one draw for each ten minutes."""
        import random

        spread = float(self._options.get("queue_guess", 0.0))
        rng = random.Random(f"{self.description.name}-{self._seed}-{int(now // 600)}")
        return math.exp(rng.gauss(0.0, spread)) if spread else 1.0


_CONTROL: Final = frozenset({"measure", "delay", "reset", "if_else", "for_loop", "while_loop", "switch_case", "box"})


@lru_cache(maxsize=16)
def _compiler_for(name: str) -> Compiler:
    """Return the compiler of a target; emulated devices of one target share it."""
    from qiskit import transpile

    target = target_called(name)
    return Compiler(lambda c: transpile(c, target=target, optimization_level=2, seed_transpiler=7), target)


def _median(values: list[float]) -> float | None:
    ordered = sorted(values)
    return ordered[len(ordered) // 2] if ordered else None


def _sampled(circuit: Any, shots: int, seed: int, simulator: Any) -> Counts:
    from qiskit import transpile

    result = simulator.run(
        transpile(circuit, simulator, optimization_level=0), shots=shots, seed_simulator=seed % 2**31
    )
    found = result.result()
    if not found.success:
        raise DeviceError(f"Aer: {found.status}")
    return {bits.replace(" ", ""): int(number) for bits, number in found.get_counts().items()}


def _spoiled(counts: Counts, fidelity: float, seed: int) -> Counts:
    """Replace each outcome, with probability 1 − fidelity, by a uniformly random one."""
    import random

    rng = random.Random(seed)
    width = len(next(iter(counts)))
    spoiled: Counts = {}
    for bits, number in counts.items():
        for _ in range(number):
            outcome = bits if rng.random() < fidelity else format(rng.getrandbits(width), f"0{width}b")
            spoiled[outcome] = spoiled.get(outcome, 0) + 1
    return spoiled
