"""Serving the local IonQ service on the loopback interface."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .ionq_service import IonqService


def serve(service: IonqService, port: int = 0, ready: Callable[[str], None] = lambda _url: None) -> None:
    """Serve on the loopback interface until interrupted; ``ready`` gets the address."""
    import socket

    import uvicorn

    listening = socket.create_server(("127.0.0.1", port))
    config = uvicorn.Config(service, log_level="critical", lifespan="off", timeout_graceful_shutdown=1, http="h11")
    ready(f"http://127.0.0.1:{listening.getsockname()[1]}/v0.4")
    uvicorn.Server(config).run(sockets=[listening])


@contextlib.contextmanager
def running(service: IonqService) -> Iterator[str]:
    """Serve in a thread for the time of a ``with`` block; gives the address."""
    import socket

    import uvicorn

    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(service, log_level="critical", lifespan="off", timeout_graceful_shutdown=1, http="h11")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="ionq-service", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v0.4"
    finally:
        server.should_exit = True
        thread.join(10)
        service.store.close()
        listening.close()
