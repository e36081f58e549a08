"""A local service that speaks IonQ's REST interface, version 0.4: for trying things out, and for our tests.

Written after the published schema; qiskit-ionq and plain HTTP clients cannot tell it from IonQ's but by its speed. It
simulates circuits, keeps jobs and sessions in a file, and makes trouble on demand. It listens on the loopback interface
only, takes any key that it is not told to check, and stores none.

Assumed where the schema is silent: a job that names an ended session is refused with status 400; prices.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from . import _ionq_circuits as circuits
from ._ionq_faults import Faults
from ._ionq_jobs import JobStore, stamp, state_of
from ._ionq_serving import running, serve
from ._ionq_wire import (
    LEAST,
    RATE_1Q,
    RATE_2Q,
    Receive,
    Send,
    active,
    answer,
    break_off,
    gates,
    price,
    session_view,
    swallow,
)

if TYPE_CHECKING:
    import sqlite3

    from starlette.requests import Request
    from starlette.responses import JSONResponse

_Scope = MutableMapping[str, Any]
__all__ = ["BACKENDS", "IonqService", "ServiceSettings", "make_service", "running", "serve"]
BACKENDS: Final = {"simulator": 29, "qpu.aria-1": 25, "qpu.forte-1": 36}


@dataclass(slots=True)
class ServiceSettings:
    """How the service behaves.

    Attributes
    ----------
    wait_s, run_s
        Queue time of a job, and its run.
    key
        The only accepted key; None accepts any.
    faults
        What goes wrong.
    """

    wait_s: float = 0.0
    run_s: float = 0.0
    key: str | None = None
    faults: Faults = field(default_factory=Faults)


class IonqService:
    """The service as an ASGI application."""

    def __init__(self, settings: ServiceSettings | None = None, store: JobStore | None = None) -> None:
        from starlette.applications import Starlette
        from starlette.routing import Route

        self.settings = settings or ServiceSettings()
        self.store = store or JobStore()
        routes = [
            ("/backends", self._backends, "GET"),
            ("/backends/{backend}", self._backend, "GET"),
            ("/backends/{backend}/characterizations", self._characterizations, "GET"),
            ("/jobs", self._create, "POST"),
            ("/jobs", self._list, "GET"),
            ("/jobs/estimate", self._estimate, "GET"),
            ("/jobs/{job}", self._job, "GET"),
            ("/jobs/{job}/cost", self._cost, "GET"),
            ("/jobs/{job}/status/cancel", self._cancel, "PUT"),
            ("/jobs/{job}/results/probabilities", self._probabilities, "GET"),
            ("/sessions", self._open_session, "POST"),
            ("/sessions", self._sessions, "GET"),
            ("/sessions/{session}", self._session, "GET"),
            ("/sessions/{session}/end", self._end_session, "POST"),
        ]
        self._app = Starlette(routes=[Route(f"/v0.4{path}", call, methods=[how]) for path, call, how in routes])

    async def __call__(self, scope: _Scope, receive: Receive, send: Send) -> None:
        """Serve one request, with its fault."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = str(scope["path"]).removeprefix("/v0.4")
        problem = self._unauthorized(scope, path)
        fault = None if problem else self.settings.faults.of_request(scope["method"], path)
        if problem:
            await answer(send, 401, problem)
        elif fault == "reset":
            break_off(receive)
        elif fault == "drop":
            await self._app(scope, receive, swallow)
            break_off(receive)
        elif fault == "503-after":
            await self._app(scope, receive, swallow)
            await answer(send, 503, "Service Unavailable")
        elif fault is not None:
            await answer(send, int(fault), "injected")
        else:
            await self._app(scope, receive, send)

    def _unauthorized(self, scope: _Scope, path: str) -> str:
        if path.startswith("/backends") and not path.endswith("characterizations"):
            return ""
        given = dict(scope["headers"]).get(b"authorization", b"").decode()
        scheme, _, key = given.partition(" ")
        good = scheme == "apiKey" and key and (self.settings.key is None or key == self.settings.key)
        return "" if good else "Unauthorized"

    # Backends.

    async def _backends(self, _request: Request) -> JSONResponse:
        return _json([self._about(name) for name in BACKENDS])

    async def _backend(self, request: Request) -> JSONResponse:
        name = request.path_params["backend"]
        return _json(self._about(name)) if name in BACKENDS else _error(404, f"no backend {name}")

    def _about(self, name: str) -> dict[str, Any]:
        state = self.settings.faults.status.get(name, "available")
        wait_s = self.settings.wait_s + self.store.backlog_s(name)
        return {
            "backend": name,
            "status": "available" if state == "degraded" else state,
            "degraded": state == "degraded",
            "qubits": BACKENDS[name],
            "average_queue_time": 0 if name == "simulator" else round(1000 * wait_s),
            "last_updated": stamp(time.time()),
            **({} if name == "simulator" else {"characterization_id": f"{name}-now"}),
        }

    async def _characterizations(self, request: Request) -> JSONResponse:
        name = request.path_params["backend"]
        if name == "simulator" or name not in BACKENDS:
            return _json({"characterizations": []})
        errors = self._errors(name)
        pairs = [[i, j] for i in range(BACKENDS[name]) for j in range(i + 1, BACKENDS[name])]
        fidelity = {key: {"median": 1 - error} for key, error in errors.items()}
        timing = {"1q": 0.00013, "2q": 0.00097, "readout": 0.00015, "reset": 2e-05, "t1": 100.0, "t2": 1.0}
        age = self.settings.faults.calibration_age_s
        return _json(
            {
                "characterizations": [
                    {
                        "id": f"{name}-now",
                        "backend": name,
                        "date": stamp(time.time() - age),
                        "qubits": BACKENDS[name],
                        "connectivity": pairs,
                        "fidelity": fidelity,
                        "timing": timing,
                    }
                ]
            }
        )

    def _errors(self, name: str) -> dict[str, float]:
        faults = self.settings.faults
        jobs = (
            len(self.store.listed(before=None, limit=10_000, visible_before=time.time())) if faults.drift_per_job else 0
        )
        scale = (1 + faults.drift_per_job) ** jobs * (3.0 if faults.status.get(name) == "degraded" else 1.0)
        return {"spam": min(0.5, 0.005 * scale), "1q": min(0.5, 0.0002 * scale), "2q": min(0.5, 0.0046 * scale)}

    # Jobs.

    async def _create(self, request: Request) -> JSONResponse:
        body: dict[str, Any] = {}
        try:
            body = json.loads(await request.body())
            problem = self._refusal(body)
        except (ValueError, KeyError, TypeError) as error:
            problem = f"malformed job: {error!r}"
        if problem:
            return _error(400, problem)
        fate = self.settings.faults.of_job()
        failure = None if fate in (None, "stuck") else fate
        wait_s = 0.0 if body.get("session_id") else self.settings.wait_s
        job = self.store.add(body, wait_s=wait_s, run_s=self.settings.run_s, failure=failure, stuck=fate == "stuck")
        return _json({"id": job, "status": "submitted", "session_id": body.get("session_id")}, 201)

    def _refusal(self, body: dict[str, Any]) -> str:
        backend, work = body["backend"], body["input"]
        if backend not in BACKENDS:
            return f"backend {backend!r} is unknown"
        if self.settings.faults.status.get(backend) == "unavailable":
            return f"backend {backend!r} is unavailable"
        shots = body.get("shots")
        if not isinstance(shots, int) or not 1 <= shots <= 1_000_000:
            return "shots must be between 1 and 1000000"
        session = body.get("session_id")
        if session is not None and not active(self.store.session(session)):
            return f"session {session} has ended"
        if not isinstance(work.get("circuit", work.get("circuits")), list):
            return "input needs a circuit"
        return "" if work.get("qubits", 1) <= BACKENDS[backend] else "NotEnoughQubits"

    async def _list(self, request: Request) -> JSONResponse:
        limit = min(100, int(request.query_params.get("limit", 25)))
        before = request.query_params.get("next")
        visible = time.time() - self.settings.faults.visible_after_s
        rows = self.store.listed(before=None if before is None else int(before), limit=limit, visible_before=visible)
        following = str(rows[-1]["number"]) if len(rows) == limit else None
        wanted = request.query_params
        jobs = [self._view(row) for row in rows]
        targets = wanted["target"].split(",") if "target" in wanted else None
        jobs = [
            job
            for job in jobs
            if (targets is None or job["backend"] in targets)
            and wanted.get("status", job["status"]) == job["status"]
            and wanted.get("session_id", job["session_id"]) == job["session_id"]
        ]
        return _json({"jobs": jobs, "next": following})

    async def _job(self, request: Request) -> JSONResponse:
        row = self.store.job(request.path_params["job"])
        return _error(404, "no such job") if row is None else _json(self._view(row, children=True))

    def _view(self, row: sqlite3.Row, *, children: bool = False) -> dict[str, Any]:
        request, state, now = json.loads(row["request"]), state_of(row), time.time()
        parts = [part["id"] for part in self.store.children(row["id"])] if children else []
        one, two = gates(request)
        done, stuck = state == "completed", row["starts"] > 1e17
        where = f"/v0.4/jobs/{row['id']}/results/probabilities"
        failure = {"code": row["failure"], "message": "injected", "error": "injected"}
        return {
            "id": row["id"], "status": state, "type": request["type"], "backend": request["backend"],
            "dry_run": False, "submitter_id": "local", "project_id": None, "parent_job_id": row["parent"],
            "session_id": request.get("session_id"), "metadata": request.get("metadata"), "name": request.get("name"),
            "submitted_at": stamp(row["accepted"]), "cost_model": "quantum_compute_time",
            "started_at": stamp(row["starts"]) if state in ("started", "completed", "failed") else None,
            "completed_at": stamp(row["ends"]) if state in ("completed", "failed") else None,
            "predicted_wait_time_ms": None if stuck else max(0, round(1000 * (row["starts"] - now))),
            "predicted_execution_duration_ms": round(1000 * self.settings.run_s),
            "execution_duration_ms": round(1000 * (row["ends"] - row["starts"])) if done else None,
            "shots": request.get("shots"), "failure": failure if state == "failed" else None,
            "output": {}, "settings": request.get("settings", {}),
            "stats": {"qubits": request["input"].get("qubits", 1), "circuits": max(1, len(parts)),
                      "gate_counts": {"1q": one, "2q": two}},
            "results": {"probabilities": {"url": where}} if done else None,
            "child_job_ids": parts or None,
        }  # fmt: skip

    async def _cancel(self, request: Request) -> JSONResponse:
        job = request.path_params["job"]
        self.store.cancel(job)
        row = self.store.job(job)
        return _error(404, "no such job") if row is None else _json({"id": job, "status": state_of(row)})

    async def _probabilities(self, request: Request) -> JSONResponse:
        row = self.store.job(request.path_params["job"])
        if row is None or state_of(row) != "completed":
            return _error(404, "no results")
        parts = self.store.children(row["id"])
        if parts:
            return _json({part["id"]: await asyncio.to_thread(self._outcomes, part) for part in parts})
        return _json(await asyncio.to_thread(self._outcomes, row))

    def _outcomes(self, row: sqlite3.Row) -> dict[str, float]:
        request = json.loads(row["request"])
        gates, qubits = request["input"]["circuit"], request["input"].get("qubits", 1)
        table = circuits.probabilities(circuits.build(gates, qubits))
        if request["backend"] != "simulator":
            one, two = circuits.counts_of_gates(gates)
            errors = self._errors(request["backend"])
            fidelity = (1 - errors["1q"]) ** one * (1 - errors["2q"]) ** two * (1 - errors["spam"]) ** qubits
            table = circuits.sampled(table, request["shots"], fidelity=fidelity, qubits=qubits, seed=row["id"])
        return {str(outcome): probability for outcome, probability in table.items()}

    async def _cost(self, request: Request) -> JSONResponse:
        row = self.store.job(request.path_params["job"])
        if row is None:
            return _error(404, "no such job")
        body = json.loads(row["request"])
        value = price(body["backend"], *gates(body), body["shots"])
        return _json(
            {
                "dry_run": False,
                "estimated_cost": {"value": value, "unit": "usd"},
                "cost": {"value": value, "unit": "usd"},
            }
        )

    async def _estimate(self, request: Request) -> JSONResponse:
        asked = request.query_params
        backend, shots = asked.get("backend", ""), int(asked.get("shots", 1))
        one, two = int(asked.get("1q_gates", 0)), int(asked.get("2q_gates", 0))
        if backend not in BACKENDS:
            return _error(404, f"no backend {backend}")
        return _json(
            {
                "input_values": {
                    "backend": backend,
                    "1q_gates": one,
                    "2q_gates": two,
                    "qubits": int(asked.get("qubits", 1)),
                    "shots": shots,
                },
                "estimated_at": stamp(time.time()),
                "estimated_cost": price(backend, one, two, shots),
                "cost_unit": "usd",
                "estimated_execution_time": self.settings.run_s,
                "current_predicted_queue_time": self.settings.wait_s + self.store.backlog_s(backend),
                "rate_information": {
                    "organization": "local",
                    "cost_1q_gate": RATE_1Q,
                    "cost_2q_gate": RATE_2Q,
                    "job_cost_minimum": LEAST,
                },
            }
        )

    # Sessions.

    async def _open_session(self, request: Request) -> JSONResponse:
        body = json.loads(await request.body())
        if body.get("backend") not in BACKENDS:
            return _error(400, f"backend {body.get('backend')!r} is unknown")
        session = self.store.open_session(body["backend"], body.get("settings") or {})
        return _json(session_view(self.store.session(session)), 201)

    async def _sessions(self, _request: Request) -> JSONResponse:
        return _json({"organization_id": "local", "sessions": [session_view(row) for row in self.store.sessions()]})

    async def _session(self, request: Request) -> JSONResponse:
        row = self.store.session(request.path_params["session"])
        return _error(404, "no such session") if row is None else _json(session_view(row))

    async def _end_session(self, request: Request) -> JSONResponse:
        session = request.path_params["session"]
        self.store.end_session(session)
        row = self.store.session(session)
        return _error(404, "no such session") if row is None else _json(session_view(row))


def _json(body: Any, status: int = 200) -> JSONResponse:
    from starlette.responses import JSONResponse

    return JSONResponse(body, status)


def _error(status: int, message: str) -> JSONResponse:
    return _json({"statusCode": status, "error": "Error", "message": message}, status)


def make_service(
    *,
    state: str = ":memory:",
    wait_s: float = 0.0,
    run_s: float = 0.0,
    key: str | None = None,
    faults: dict[str, Any] | None = None,
) -> IonqService:
    """Return a service.

    Parameters
    ----------
    state
        File of its jobs and sessions.
    wait_s, run_s, key
        See `ServiceSettings`.
    faults
        Fields of `Faults`.

    Raises
    ------
    ValueError
        If a fault is unknown.
    """
    trouble = Faults.from_dict(faults or {})
    return IonqService(ServiceSettings(wait_s=wait_s, run_s=run_s, key=key, faults=trouble), JobStore(state))
