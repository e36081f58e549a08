"""Kind ``ibm``: IBM's QPUs through qiskit-ibm-runtime's ``SamplerV2``, in job, batch or session mode.

The account comes from the vendor's own file or environment, or from the batch system that gave the device to the job,
never from a description. Everything is tested in the library's local mode, where a recorded device stands in for the
cloud; queues, sessions (those of QRMI's plug-in included), batches and the search by tag exist only in IBM's cloud and
are **unverified** there.
"""

from __future__ import annotations

import itertools
import warnings
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from .._registry import check_options
from ..errors import InvalidDescription
from ._compile import Compiler
from ._targets import backend_called
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
    ReplyLost,
)
from .scheduled import SESSION, settings_of

if TYPE_CHECKING:
    from ..descriptions import DeviceDescription
    from .clock import Clock

_OPTIONS = {
    "backend": str,
    "local": str,
    "instance": str,
    "mode": str,
    "job_s": float,
    "visible_s": float,
    "sampler": dict,
}
_REPETITION_S: Final = 250e-6
_OVERHEAD_S: Final = 2.0
_STATES: Final = {
    "INITIALIZING": JobState.QUEUED,
    "QUEUED": JobState.QUEUED,
    "VALIDATING": JobState.QUEUED,
    "RUNNING": JobState.RUNNING,
    "DONE": JobState.DONE,
    "ERROR": JobState.FAILED,
    "CANCELLED": JobState.CANCELLED,
}


class IbmDevice(AbstractDevice):
    """One backend of IBM.

    Options: ``backend`` (its name at IBM) or ``local`` (a recorded device, see kind ``emulated``), ``instance``,
    ``mode`` (``"job"`` or ``"batch"`` for shared access), ``job_s`` (seconds assumed for each job in the queue, of
    which IBM tells only the number; 30), ``visible_s`` as in kind ``ionq``, ``sampler`` (the vendor's own options, such
    as ``{"dynamical_decoupling": {"enable": True}, "twirling": {"enable_measure": True}}``; passed on, **unverified**
    in the cloud, without effect in local mode).
    """

    def __init__(self, description: DeviceDescription, clock: Clock) -> None:
        super().__init__(description, clock)
        options = dict(description.options)
        check_options("device", "ibm", options, _OPTIONS)
        if ("backend" in options) == ("local" in options):
            raise InvalidDescription("device kind 'ibm': needs exactly one of options.backend and options.local")
        if options.get("mode", "job") not in ("job", "batch"):
            raise InvalidDescription(f"options.mode = {options['mode']!r}: must be job or batch")
        if "sampler" in options:
            check_sampler_options(options["sampler"])
        self._options = options
        self.paid = "backend" in options
        self.visible_s = float(options.get("visible_s", 60.0))
        self._jobs: dict[str, Any] = {}
        self._modes: dict[str, Any] = {}
        self._numbers = itertools.count()

    @property
    def libraries(self) -> tuple[str, ...]:
        """See `AbstractDevice.libraries`."""
        return ("qiskit.qpy", "qiskit_ibm_runtime", "qiskit_ibm_runtime.fake_provider", "qiskit_aer")

    @cached_property
    def _service(self) -> Any:
        from qiskit_ibm_runtime import QiskitRuntimeService

        key, instance = self._granted("IAM_APIKEY"), self._granted("SERVICE_CRN")
        if key is None:
            return QiskitRuntimeService(instance=self._options.get("instance"))
        return QiskitRuntimeService(channel="ibm_quantum_platform", token=key, instance=instance)

    def _granted(self, what: str) -> str | None:
        """Return a setting of the batch system that gave the device to the job, under QRMI's name for it."""
        settings = settings_of(self.description)
        return next((settings[n] for n in (f"IBM_QCS_{what}", f"IBM_QRS_{what}", what) if settings.get(n)), None)

    @cached_property
    def _backend(self) -> Any:
        if "local" in self._options:
            return backend_called(str(self._options["local"]))
        return self._service.backend(str(self._options["backend"]))

    @cached_property
    def _compiler(self) -> Compiler:
        from qiskit import transpile

        backend = self._backend
        return Compiler(lambda c: transpile(c, backend, optimization_level=2, seed_transpiler=7), backend.target)

    def facts(self) -> DeviceFacts:
        """Return calibration and queue."""
        backend = self._backend
        online, note, jobs = True, "", None
        if self.paid:
            try:
                status = backend.status()
            except Exception as error:  # noqa: BLE001 - the vendor's library raises many kinds
                raise DeviceUnavailable(f"IBM: {type(error).__name__}") from None
            online, note, jobs = bool(status.operational), str(status.status_msg), int(status.pending_jobs)
        two, read = _medians(backend.target)
        return DeviceFacts(
            name=self.description.name,
            kind="ibm",
            vendor="IBM",
            n_qubits=backend.num_qubits,
            gates=tuple(sorted(n for n in backend.target.operation_names if n not in ("measure", "delay", "reset"))),
            online=online,
            note="" if online else note,
            error_2q=two,
            error_readout=read,
            queue_s=None if jobs is None else jobs * float(self._options.get("job_s", 30.0)),
            queue_jobs=jobs,
            max_shots=getattr(backend, "max_shots", None),
            max_circuits=getattr(backend, "max_circuits", None),
        )

    def compile(self, circuit: Any) -> Compiled:
        """Return the circuit in the device's gates, as IBM's primitives want it."""
        return self._compiler(circuit)

    def forecast(self, compiled: Compiled, shots: int) -> Forecast:
        """Return the vendor's usage formula: overhead + (repetition delay + circuit) for each shot."""
        delay = float(getattr(self._backend, "default_rep_delay", None) or _REPETITION_S)
        parts = {
            "schedule": (compiled.duration_s or 0.0) * shots,
            "repetition_delay": delay * shots,
            "overhead": _OVERHEAD_S,
        }
        return Forecast(sum(parts.values()), compiled.fidelity, parts_s=parts)

    def submit(self, job: DeviceJob) -> str:
        """Send a job."""
        from qiskit_ibm_runtime import SamplerV2

        with warnings.catch_warnings():  # 0.50 announces a successor, which has no local mode yet
            warnings.simplefilter("ignore", DeprecationWarning)
            sampler = SamplerV2(mode=self._mode(job))
        if self.paid:
            sampler.options.update(**self._options.get("sampler", {}))
            sampler.options.environment.job_tags = [job.tag]
        else:
            sampler.options.simulator.seed_simulator = job.seeds[0] % 2**31
        try:
            sent = sampler.run([one.bind() for one in job.circuits], shots=job.shots)
        except (OSError, TimeoutError) as error:
            raise ReplyLost(f"IBM: {type(error).__name__}") from None
        except Exception as error:  # noqa: BLE001 - as above
            raise (ReplyLost if self.paid else DeviceError)(f"IBM: {type(error).__name__}: {error}") from None
        job_id = str(sent.job_id())
        self._jobs[job_id] = sent
        return job_id

    def _mode(self, job: DeviceJob) -> Any:
        if job.session is not None:
            return self._modes[job.session]
        if self._options.get("mode") == "batch":
            from qiskit_ibm_runtime import Batch

            if "batch" not in self._modes:
                self._modes["batch"] = Batch(backend=self._backend)
            return self._modes["batch"]
        return self._backend

    def _job(self, job_id: str) -> Any:
        if job_id not in self._jobs:
            if not self.paid:
                raise DeviceError(f"no job {job_id!r}: local jobs end with their process")
            self._jobs[job_id] = self._service.job(job_id)
        return self._jobs[job_id]

    def find(self, tag: str) -> str | None:
        """Return the job with this tag (unverified in the cloud)."""
        if not self.paid:
            return None
        found = self._service.jobs(job_tags=[tag], limit=1)
        return str(found[0].job_id()) if found else None

    def poll(self, job_id: str) -> JobView:
        """Ask how far a job is."""
        try:
            status = self._job(job_id).status()
        except (OSError, TimeoutError) as error:
            raise DeviceUnavailable(f"IBM: {type(error).__name__}") from None
        state = _STATES.get(str(getattr(status, "name", status)).upper(), JobState.RUNNING)
        reason = ""
        if state is JobState.FAILED:
            told = getattr(self._job(job_id), "error_message", lambda: "failed")
            reason = str(told())
        return JobView(state, reason=reason)

    def fetch(self, job_id: str, job: DeviceJob) -> list[Counts]:  # noqa: ARG002 - the interface's
        """Return the counts of each circuit."""
        results = self._jobs.pop(job_id, None) or self._service.job(job_id)
        return [{str(b): int(n) for b, n in one.join_data().get_counts().items()} for one in results.result()]

    def cancel(self, job_id: str) -> None:
        """Ask for a job's end."""
        try:
            self._job(job_id).cancel()
        except (OSError, TimeoutError) as error:
            raise DeviceUnavailable(f"IBM: {type(error).__name__}") from None
        except Exception as error:  # noqa: BLE001 - a job that has ended cannot be cancelled, and says so in many ways
            raise DeviceError(f"IBM: {type(error).__name__}: {error}") from None

    def open_session(self, ttl_s: float) -> str:
        """Open a session, or take the one that a batch system has opened for the job; a stand-in in local mode."""
        from qiskit_ibm_runtime import Session

        known = self._granted("SESSION_ID") or self._granted(SESSION)
        if known is not None:
            self._modes[known] = Session.from_id(known, self._service)
            return known
        opened = Session(backend=self._backend, max_time=max(1, round(ttl_s)))
        name = str(getattr(opened, "session_id", None) or f"local-session-{next(self._numbers)}")
        self._modes[name] = opened
        return name

    def close_session(self, session: str) -> None:
        """Close a session, unless it is the batch system's."""
        opened = self._modes.pop(session, None)
        if opened is not None and session not in (self._granted("SESSION_ID"), self._granted(SESSION)):
            opened.close()

    def close(self) -> None:
        """Close the batch and any session."""
        for name in list(self._modes):
            self.close_session(name)


def check_sampler_options(options: dict[str, Any]) -> None:
    """Refuse options that IBM's sampler does not have; raises InvalidDescription."""
    from qiskit_ibm_runtime.options import SamplerOptions

    try:
        SamplerOptions(**options)
    except (TypeError, ValueError) as error:
        reason = " ".join(str(error).split("For further")[0].split())
        raise InvalidDescription(f"options.sampler = {options!r}: refused by qiskit-ibm-runtime: {reason}") from error


def _medians(target: Any) -> tuple[float | None, float | None]:
    two: list[float] = []
    read: list[float] = []
    for name in target.operation_names:
        for qubits, known in (target[name] or {}).items():
            if qubits is not None and known is not None and known.error is not None and known.error < 0.5:
                (two if len(qubits) == 2 else read if name == "measure" else []).append(known.error)
    middle = [sorted(values)[len(values) // 2] if values else None for values in (two, read)]
    return middle[0], middle[1]
