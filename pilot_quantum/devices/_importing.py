"""One lock for the import of quantum libraries: circles of imports look half done from a second thread."""

from __future__ import annotations

import threading
from typing import Final

IMPORTING: Final = threading.RLock()
