"""What asv itself does not check in its configuration."""

from __future__ import annotations

import json
import re
from pathlib import PurePath

from asv.config import Config

from tests.architecture.source import PACKAGES, ROOT

_CONFIGURATION = json.loads((ROOT / "asv.conf.json").read_text("utf-8"))


def test_every_key_is_one_asv_reads() -> None:
    assert set(_CONFIGURATION) - set(vars(Config())) == {"version"}


def test_the_suite_does_not_shadow_the_packages_it_measures() -> None:
    """The folder that holds ``benchmark_dir`` is importable ahead of what is installed, under its last name."""
    assert PurePath(_CONFIGURATION["benchmark_dir"]).name not in PACKAGES


def test_results_of_asv_do_not_mix_with_records() -> None:
    assert PurePath(_CONFIGURATION["results_dir"]).parts == ("results", "asv")


def test_pins_are_those_of_the_lock() -> None:
    """So that a point of the history and a record were made with the same libraries."""
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    locked: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==([\w.]+)", lock, re.MULTILINE):
        locked.setdefault(name, set()).add(version)
    pins = {name.removeprefix("pip+"): wanted for name, (wanted,) in _CONFIGURATION["matrix"]["req"].items() if wanted}
    wrong = {name: wanted for name, wanted in pins.items() if wanted not in locked.get(name.replace("_", "-"), set())}
    assert wrong == {}
