"""A TCP port at which the processes of a pilot report in, and the way there. Both sides.

Who does not prove to know the key is turned away before anything that was received is unpickled. The key itself never
travels; what is sent afterwards is not encrypted.
"""

from __future__ import annotations

import contextlib
import pickle
import secrets
import socket
import threading
from collections.abc import Callable
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge
from typing import Any

LOOPBACK = "127.0.0.1"
_CONNECT_S = 30.0
_KEEPALIVE = {"TCP_KEEPIDLE": 20, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
"""A host that crashed, and so says nothing any more, is noticed within a minute."""

Serve = Callable[["Connection[Any, Any]", Any], None]
"""Takes the connection of a caller and what it said first; runs in a thread of its own, and closes it by returning."""


class Door:
    """Lets callers in that know the key, and takes them to whoever expects them.

    Parameters
    ----------
    host
        Address to listen on.

    Attributes
    ----------
    key
        What callers must know.
    """

    def __init__(self, host: str = LOOPBACK) -> None:
        self.key = secrets.token_bytes(32)
        self._expected: dict[str, Serve] = {}
        self._socket = socket.create_server((host, 0), backlog=1024)
        threading.Thread(target=self._accept, name="pilot-door", daemon=True).start()

    @property
    def address(self) -> str:
        """``host:port`` of the door."""
        host, port = self._socket.getsockname()
        return f"{host}:{port}"

    def expect(self, name: str, serve: Serve) -> None:
        """Take callers who ask for ``name`` to ``serve``."""
        self._expected[name] = serve

    def forget(self, name: str) -> None:
        """Turn callers who ask for ``name`` away from now on."""
        self._expected.pop(name, None)

    def close(self) -> None:
        """Let nobody in any more."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            _keep_alive(client)
            connection = Connection(client.detach())
            threading.Thread(target=self._welcome, args=(connection,), name="pilot-caller", daemon=True).start()

    def _welcome(self, connection: Connection[Any, Any]) -> None:
        with connection:
            try:
                deliver_challenge(connection, self.key)
                answer_challenge(connection, self.key)
                name, first_words = pickle.loads(connection.recv_bytes())  # noqa: S301 - from one who knows the key
            except (AuthenticationError, EOFError, OSError):
                return
            serve = self._expected.get(name)
            if serve is not None:
                serve(connection, first_words)


def call(address: str, key: bytes, name: str, first_words: Any) -> Connection[Any, Any]:
    """Connect to a door and ask for ``name``.

    Raises
    ------
    OSError
        If nobody answers there.
    multiprocessing.AuthenticationError
        If either side does not know the key.
    """
    host, _, port = address.rpartition(":")
    sock = socket.create_connection((host, int(port)), timeout=_CONNECT_S)
    sock.settimeout(None)
    _keep_alive(sock)
    connection: Connection[Any, Any] = Connection(sock.detach())
    try:
        answer_challenge(connection, key)
        deliver_challenge(connection, key)
        connection.send_bytes(pickle.dumps((name, first_words), 5))
    except BaseException:
        connection.close()
        raise
    return connection


def _keep_alive(sock: socket.socket) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if hasattr(socket, name):  # not on every system
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
