"""What opening a door costs: each import in a new interpreter; and what is behind it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


class Import:
    version = "1"
    timeout = 60

    def timeraw_pilot_quantum(self) -> str:
        return "import pilot_quantum"

    def timeraw_qdreamer(self) -> str:
        return "import qdreamer"

    def timeraw_command_line(self) -> str:
        return "import harness.cli"

    def timeraw_labels(self) -> str:
        return "import miniapps\nfor name in miniapps.names(): miniapps.load(name)"


class Source:
    """Size of the packages as they are installed in the environment of the commit under test."""

    version = "1"
    params = ("harness", "miniapps", "pilot_quantum", "qdreamer")
    param_names = ("package",)
    unit = "bytes"

    def track_bytes(self, package: str) -> int:
        found = find_spec(package)
        if found is None or found.submodule_search_locations is None:
            raise NotImplementedError
        places = [Path(place) for place in found.submodule_search_locations]
        files = [file for place in places for file in place.rglob("*.py") if "asv_suite" not in file.parts]
        return sum(file.stat().st_size for file in files)
