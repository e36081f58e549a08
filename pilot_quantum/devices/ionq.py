"""Kind ``ionq``: IonQ's simulators and QPUs through qiskit-ionq.

The vendor's client sends a job again by itself when the service answers 502, 503 or 504, whether or not the job was
accepted; and it repeats polls for ever. Both are taken away from it here: what a lost reply means is the broker's to
find out, by listing the jobs and looking for the tag.

The key comes from ``IONQ_API_KEY`` (or the other places where the vendor's client looks), or from the batch system that
gave the device to the job, never from a description.
"""

from __future__ import annotations

import os
import warnings
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from .._registry import check_options
from ..errors import InvalidDescription
from ._compile import Compiler
from ._drawing import drawn, plain
from ._importing import IMPORTING
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
    SessionExpired,
)
from .scheduled import settings_of

if TYPE_CHECKING:
    from ..descriptions import DeviceDescription
    from .clock import Clock

_OPTIONS = {"backend": str, "url": str, "noise_model": str, "visible_s": float, "poll_s": float, "prices": bool}
_STATES: Final = {
    "submitted": JobState.QUEUED,
    "ready": JobState.QUEUED,
    "started": JobState.RUNNING,
    "completed": JobState.DONE,
    "failed": JobState.FAILED,
    "canceled": JobState.CANCELLED,
}
RETRIABLE: Final = frozenset(
    {"InternalError", "QuantumComputerError", "SystemCancel", "SimulationTimeout", "PreflightError"}
)
"""Failure codes that are not the circuit's fault."""
_TAG: Final = "pilot_quantum_tag"
_PAGE: Final = 100
_PAGES: Final = 50
_RATES: Final = (0.0001645, 0.001121, 12.42)


class IonqDevice(AbstractDevice):
    """One backend of IonQ's service.

    Options: ``backend`` (``"simulator"`` if not given, or for example ``"qpu.forte-1"``), ``url`` (of another service
    with the same interface; ``IONQ_API_URL`` if not given), ``noise_model`` of the simulator, ``visible_s`` (a job that
    was accepted is listed after this many seconds at the latest; 30), ``poll_s`` (between two polls at most; 5).
    """

    paid = True

    def __init__(self, description: DeviceDescription, clock: Clock) -> None:
        super().__init__(description, clock)
        options = dict(description.options)
        check_options("device", "ionq", options, _OPTIONS)
        self.visible_s = float(options.get("visible_s", 30.0))
        self._poll_s = float(options.get("poll_s", 5.0))
        self._name = str(options.get("backend", "simulator"))
        self._url = options.get("url")
        self._noise = str(options.get("noise_model", "ideal"))
        self._calibration: dict[str, Any] = {}

    @cached_property
    def _backend(self) -> Any:
        try:
            with IMPORTING:
                from qiskit_ionq import IonQProvider
        except ModuleNotFoundError as error:
            raise InvalidDescription(
                f"device kind 'ionq': needs {error.name!r} (pip install 'qhpc-miniapps[ionq]')"
            ) from error
        with IMPORTING:  # 1.1 asks the address in the environment for the number of qubits, whatever it is given
            before = os.environ.get("IONQ_API_URL")
            if self._url is not None:
                os.environ["IONQ_API_URL"] = str(self._url)
            try:
                with warnings.catch_warnings():  # about the default level of transpilation, which is not used here
                    warnings.simplefilter("ignore")
                    provider = IonQProvider(
                        token=settings_of(self.description).get("IONQ_CLOUD_API_KEY"), url=self._url
                    )
                    if not provider.credentials.get("token"):
                        raise InvalidDescription(
                            "device kind 'ionq': no key found; set IONQ_API_KEY in the environment"
                        )
                    backend = provider.get_backend(self._name)
            finally:
                if before is None:
                    os.environ.pop("IONQ_API_URL", None)
                else:
                    os.environ["IONQ_API_URL"] = before
        backend._client = _one_try_client(provider.credentials["token"], provider.credentials["url"])
        told = self._get(backend.client, "backends", self._name).get("qubits")
        if told is not None and int(told) != backend.num_qubits:  # the vendor's client guesses if it gets no answer
            raise DeviceUnavailable(f"IonQ: the width of {self._name!r} could not be read")
        backend.options.noise_model = self._noise
        return backend

    @property
    def libraries(self) -> tuple[str, ...]:
        """See `AbstractDevice.libraries`."""
        return ("qiskit.qpy", "qiskit_ionq")

    @property
    def _simulated(self) -> bool:
        return self._name == "simulator"

    @cached_property
    def _compiler(self) -> Compiler:
        from qiskit import transpile

        backend = self._backend
        return Compiler(lambda circuit: transpile(circuit, backend, optimization_level=1, seed_transpiler=7))

    # What it is.

    def facts(self) -> DeviceFacts:
        """Ask for status, queue and the latest characterization."""
        client = self._backend.client
        about = self._get(client, "backends", self._name)
        if not self._simulated:
            found = self._get(client, "backends", self._name, "characterizations", limit=1).get(
                "characterizations"
            ) or [{}]
            self._calibration = found[0]
        status = about.get("status", "available")
        fidelity = self._calibration.get("fidelity", {})
        return DeviceFacts(
            name=self.description.name,
            kind="ionq",
            vendor="IonQ",
            n_qubits=int(about.get("qubits") or self._backend.num_qubits),
            gates=() if self._simulated else ("gpi", "gpi2", "zz" if "forte" in self._name else "ms"),
            simulator=self._simulated,
            online=status == "available",
            note="degraded" if about.get("degraded") else "" if status == "available" else status,
            error_2q=_error(fidelity, "2q"),
            error_readout=_error(fidelity, "spam"),
            calibrated_s=self._age(),
            queue_s=float(about.get("average_queue_time") or 0.0) / 1000,
            max_shots=1_000_000 if self._simulated else 10_000,
            max_circuits=None,
            currency="" if self._simulated else "usd",
        )

    def _age(self) -> float | None:
        date = self._calibration.get("date")
        if date is None:
            return None
        age = datetime.now(UTC) - datetime.fromisoformat(str(date).replace("Z", "+00:00"))
        return self.clock.now() - age.total_seconds()

    def _get(self, client: Any, *parts: str, **params: Any) -> dict[str, Any]:
        """Get a resource, once."""
        from qiskit_ionq.exceptions import IonQAPIError, IonQRetriableError

        try:
            reply = client.get_with_retry(client.make_path(*parts), headers=client.api_headers, params=params or None)
            IonQAPIError.raise_for_status(reply)
            found: dict[str, Any] = reply.json()
        except (IonQRetriableError, ValueError, OSError) as error:
            raise DeviceUnavailable(f"IonQ: {_reason(error)}") from None
        except IonQAPIError as error:
            if error.status_code >= 500:
                raise DeviceUnavailable(f"IonQ: {_reason(error)}") from None
            raise DeviceError(f"IonQ: {_reason(error)}") from None
        return found

    def compile(self, circuit: Any) -> Compiled:
        """Return the circuit in the gates of IonQ's interface; it is compiled to native ones by the service."""
        return self._compiler(circuit)

    def forecast(self, compiled: Compiled, shots: int) -> Forecast:
        """Return what the last characterization says of the gates that are sent; prices are assumed."""
        one, two, width = compiled.gates_1q, compiled.gates_2q, compiled.source.num_qubits
        if self._simulated:
            seconds = 1.0 + (one + two) * 2e-9 * 2.0**width
            return Forecast(
                seconds, 1.0 if self._noise == "ideal" else None, parts_s={"overhead": 1.0, "compute": seconds - 1.0}
            )
        timing, fidelity = self._calibration.get("timing", {}), self._calibration.get("fidelity", {})
        gates_s = shots * (one * timing.get("1q", 0.0) + two * timing.get("2q", 0.0))
        reading_s = shots * (timing.get("readout", 0.0) + timing.get("reset", 0.0))
        errors = [_error(fidelity, key) or 0.0 for key in ("1q", "2q", "spam")]
        expected = (1 - errors[0]) ** one * (1 - errors[1]) ** two * (1 - errors[2]) ** width
        cost = max(_RATES[2], shots * (one * _RATES[0] + two * _RATES[1]))
        parts = {"schedule": gates_s, "readout": reading_s, "overhead": 1.0}
        return Forecast(sum(parts.values()), expected if fidelity else None, cost, parts)

    # Jobs.

    def submit(self, job: DeviceJob) -> str:
        """Send a job once."""
        import requests
        from qiskit_ionq.exceptions import IonQError

        bound = [one.bind() for one in job.circuits]
        options: dict[str, Any] = {"shots": job.shots, "extra_metadata": {_TAG: job.tag}, "noise_model": self._noise}
        if job.session is not None:
            options["session_id"] = job.session
        try:
            return str(self._backend.run(bound if len(bound) > 1 else bound[0], **options).job_id())
        except (requests.exceptions.RequestException, ValueError, IonQError) as error:
            raise _meaning(error, in_session=job.session is not None) from None

    def find(self, tag: str) -> str | None:
        """Look through the list of jobs, newest first, for the tag."""
        following: str | None = None
        for _ in range(_PAGES):
            params: dict[str, Any] = {"limit": _PAGE, "target": self._name}
            if following is not None:
                params["next"] = following
            page = self._get(self._backend.client, "jobs", **params)
            for job in page.get("jobs", []):
                if (job.get("metadata") or {}).get(_TAG) == tag:
                    return str(job["id"])
            following = page.get("next")
            if following is None:
                return None
        return None

    def poll(self, job_id: str) -> JobView:
        """Ask how far a job is."""
        found = self._get(self._backend.client, "jobs", job_id)
        state = _STATES.get(str(found.get("status")), JobState.RUNNING)
        failure = found.get("failure") or {}
        wait_ms, run_ms = found.get("predicted_wait_time_ms"), found.get("execution_duration_ms")
        text = f"{failure.get('code', '')}: {failure.get('message') or failure.get('error') or ''}" if failure else ""
        return JobView(
            state,
            reason=text,
            retriable=failure.get("code") in RETRIABLE,
            wait_s=None if wait_ms is None else wait_ms / 1000,
            qpu_s=None if run_ms is None else run_ms / 1000,
            cost=self._cost(job_id) if state is JobState.DONE and not self._simulated else None,
        )

    def _cost(self, job_id: str) -> float | None:
        try:
            value = (self._get(self._backend.client, "jobs", job_id, "cost").get("cost") or {}).get("value")
        except DeviceError:
            return None
        return None if value is None else float(value)

    def poll_after_s(self, job_id: str, polls: int) -> float:  # noqa: ARG002 - the interface's
        """Return short pauses first, then ``poll_s``."""
        return float(min(self._poll_s, 0.1 * 1.4 ** min(polls, 20)))

    def fetch(self, job_id: str, job: DeviceJob) -> list[Counts]:
        """Return the counts; those of the ideal simulator are drawn from its probabilities with the circuits' seeds."""
        from qiskit_ionq.exceptions import IonQAPIError, IonQRetriableError

        exact = self._simulated and self._noise == "ideal"
        try:
            tables = self._probabilities(job_id) if exact else []
            rows = [] if exact else self._backend.retrieve_job(job_id).result(wait=0.2).results
        except (IonQRetriableError, OSError) as error:
            raise DeviceUnavailable(f"IonQ: {_reason(error)}") from None
        except IonQAPIError as error:
            raise (DeviceUnavailable if error.status_code >= 500 else DeviceError)(f"IonQ: {_reason(error)}") from None
        if not exact:
            return [plain(row.data.counts) for row in rows]
        seeds = job.seeds or tuple(range(len(tables)))
        return [drawn(table, job.shots, seed) for table, seed in zip(tables, seeds, strict=True)]

    def _probabilities(self, job_id: str) -> list[dict[str, float]]:
        """Return the probabilities of each circuit: those in the vendor's own result lack what its draw did not hit."""
        from qiskit_ionq.helpers import decompress_metadata_string
        from qiskit_ionq.ionq_job import map_output

        client = self._backend.client
        told = self._get(client, "jobs", job_id)
        found: dict[str, Any] = client.get_results(results_url=told["results"]["probabilities"]["url"])
        several = isinstance(next(iter(found.values()), None), dict)
        header = decompress_metadata_string(told["metadata"]["qiskit_header"])
        headers = header if isinstance(header, list) else [header]
        return [
            {format(value, f"0{len(one['meas_mapped'])}b"): chance for value, chance in mapped.items()}
            for one, table in zip(headers, found.values() if several else [found], strict=True)
            for mapped in [map_output(table, one["meas_mapped"], one["n_qubits"])]  # type: ignore[no-untyped-call]  # theirs
        ]

    def cancel(self, job_id: str) -> None:
        """Ask for a job's end."""
        from qiskit_ionq.exceptions import IonQError

        try:
            self._backend.client.cancel_job(job_id)
        except (IonQError, OSError) as error:
            raise DeviceUnavailable(f"IonQ: {_reason(error)}") from None

    # Sessions.

    def open_session(self, ttl_s: float) -> str:
        """Open a session of whole minutes."""
        from qiskit_ionq.exceptions import IonQError

        settings = {"duration_limit_min": max(1, round(ttl_s / 60))}
        try:
            opened = self._backend.client.post("sessions", json_body={"backend": self._name, "settings": settings})
        except (IonQError, OSError) as error:
            raise DeviceUnavailable(f"IonQ: {_reason(error)}") from None
        return str(opened["id"])

    def close_session(self, session: str) -> None:
        """End a session."""
        from qiskit_ionq.exceptions import IonQError

        try:
            self._backend.client.post("sessions", session, "end")
        except (IonQError, OSError) as error:
            raise DeviceUnavailable(f"IonQ: {_reason(error)}") from None


def _meaning(error: Exception, *, in_session: bool) -> DeviceError:
    """Return what an error of a submission says about the job: never accepted, refused for good, or unknown."""
    from qiskit_ionq.exceptions import IonQError

    cause = getattr(error, "_cause", error)
    status = int(getattr(cause, "status_code", 0) or 0)
    text = f"IonQ: {_reason(error)}"
    if status == 429 or _was_refused(error):
        return DeviceUnavailable(text)
    if not isinstance(error, IonQError) or status >= 500 or (status == 0 and cause is not error):
        return ReplyLost(text)
    if in_session and status and "session" in str(getattr(cause, "message", "")).lower():
        return SessionExpired(text)
    return DeviceError(text)


def _one_try_client(token: str, url: str) -> Any:
    """Return the vendor's client without its own repetitions."""
    from qiskit_ionq.ionq_client import IonQClient

    once = {
        name: getattr(IonQClient, name).__wrapped__
        for name in ("submit_job", "retrieve_job", "cancel_job", "get_results", "post", "put")
    }
    return type("OneTryClient", (IonQClient,), once)(token, url)


def _error(fidelity: dict[str, Any], key: str) -> float | None:
    median = (fidelity.get(key) or {}).get("median")
    return None if median is None else 1 - float(median)


def _reason(error: BaseException) -> str:
    """Return an error's text without headers or bodies, which could repeat what was sent."""
    cause = getattr(error, "_cause", error)
    status = getattr(cause, "status_code", None)
    message = str(getattr(cause, "message", "") or type(cause).__name__)
    return f"{message[:200]} (status {status})" if status is not None else f"{type(cause).__name__}"


def _was_refused(error: BaseException) -> bool:
    """Return whether no connection came about, so that nothing was sent."""
    cause: BaseException | None = error
    while cause is not None:
        if type(cause).__name__ == "NewConnectionError" or isinstance(cause, ConnectionRefusedError):
            return True
        inner = next((arg for arg in cause.args if isinstance(arg, BaseException)), None)
        cause = getattr(cause, "reason", None) if isinstance(getattr(cause, "reason", None), BaseException) else inner
    return False
