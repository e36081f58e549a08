"""One lock for the import of quantum libraries: they import each other in circles, which several threads see half done."""

from __future__ import annotations

import threading
from typing import Final

IMPORTING: Final = threading.RLock()
