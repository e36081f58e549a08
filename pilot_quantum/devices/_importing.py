"""One lock for the import of quantum libraries: circles of imports look half done from a second thread.

Reading and writing QPY takes it as well. With Qiskit 2.6 a process dies (segmentation fault) in the first circuit that
a thread makes while, or after, other threads have imported Qiskit and its relatives for the first time. After an import
in the thread that asks for the pilot, usually the main one, it does not. Why is not known.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module
from typing import Final

IMPORTING: Final = threading.RLock()


def import_all(names: Iterable[str]) -> None:
    """Import libraries before any thread works with them; what is not installed is the device's to say."""
    with IMPORTING:
        for name in names:
            with suppress(ImportError):
                import_module(name)
