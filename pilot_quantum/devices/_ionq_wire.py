"""What the local IonQ service puts on the wire: views, prices, and replies that never arrive."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Final

from . import _ionq_circuits as circuits
from ._ionq_jobs import stamp

if TYPE_CHECKING:
    import sqlite3

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
RATE_1Q: Final = 0.0001645
RATE_2Q: Final = 0.001121
LEAST: Final = 12.42
"""Assumed prices in US dollars: for each gate and shot, and for a job at least."""


def active(row: sqlite3.Row | None) -> bool:
    """Return whether a session takes jobs."""
    return row is not None and row["ended"] is None and time.time() < row["ends"]


def session_view(row: sqlite3.Row | None) -> dict[str, Any]:
    if row is None:
        return {}
    lives = active(row)
    ended = row["ended"] if row["ended"] is not None else None if lives else row["ends"]
    return {
        "id": row["id"], "created_at": stamp(row["created"]), "organization_id": "local", "backend": row["backend"],
        "project_id": None, "creator_id": "local", "ended_at": stamp(ended), "ender_id": None, "active": lives,
        "status": "started" if lives else "ended", "started_at": stamp(row["created"]),
        "settings": {**json.loads(row["settings"]), "expires_at": stamp(row["ends"])},
    }  # fmt: skip


def gates(request: dict[str, Any]) -> tuple[int, int]:
    work = request["input"]
    lists = [work["circuit"]] if "circuit" in work else [part["circuit"] for part in work.get("circuits", [])]
    numbers = [circuits.counts_of_gates(gates) for gates in lists]
    return sum(one for one, _ in numbers), sum(two for _, two in numbers)


def price(backend: str, one: int, two: int, shots: int) -> float:
    return 0.0 if backend == "simulator" else max(LEAST, shots * (one * RATE_1Q + two * RATE_2Q))


async def answer(send: Send, status: int, message: str) -> None:
    body = json.dumps({"statusCode": status, "error": message, "message": message}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def swallow(_message: MutableMapping[str, Any]) -> None:
    """Take a reply that nobody gets."""


def break_off(receive: Receive) -> None:
    """Break the connection: the server's own transport is behind the callable that it passes in."""
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is None:
        raise RuntimeError("this server does not let its connections be broken")
    transport.abort()
