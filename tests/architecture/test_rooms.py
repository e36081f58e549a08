"""Who may open which door: the import matrix of docs/architecture.md as far as import-linter cannot say it.

The internal matrix is checked by ``lint-imports`` (contracts in pyproject.toml), third-party libraries here.
"""

from __future__ import annotations

import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.architecture.source import PACKAGES, ROOT, Import, imports, third_party

ANY = "*"

# First match wins. A new engine, launcher, device, law or mini-app is a new file and needs no new line.
ALLOWED: tuple[tuple[str, frozenset[str]], ...] = (
    ("pilot_quantum/*/__init__.py", frozenset()),
    ("pilot_quantum/*/base.py", frozenset()),
    # One file per family member: its vendor's library, and what reads the machine.
    ("pilot_quantum/engines/*.py", frozenset({ANY})),
    ("pilot_quantum/launchers/*.py", frozenset({ANY})),
    ("pilot_quantum/devices/*.py", frozenset({ANY})),
    ("pilot_quantum/*.py", frozenset({"cloudpickle"})),
    # Labels and parameters are read by `qhpc list` on a login node.
    ("miniapps/__init__.py", frozenset({"pydantic"})),
    ("miniapps/_app.py", frozenset({"pydantic"})),
    ("miniapps/*/__init__.py", frozenset()),
    ("miniapps/*/params.py", frozenset({"pydantic"})),
    ("miniapps/**", frozenset({ANY})),
    ("qdreamer/workload.py", frozenset({"numpy", "qiskit"})),
    ("qdreamer/resources.py", frozenset({"psutil", "pynvml"})),
    ("qdreamer/**", frozenset({"numpy", "scipy", "pandas"})),
    ("harness/asv_suite/*.py", frozenset()),
    # Other systems, measured beside ours.
    ("harness/peers/*.py", frozenset({ANY})),
    (
        "harness/**",
        frozenset(
            {
                "jinja2",
                "matplotlib",
                "numpy",
                "pandas",
                "psutil",
                "pydantic",
                "pydantic_core",
                "rich",
                "scipy",
                "seaborn",
                "typer",
            }
        ),
    ),
)

# Plotting and pilots are other rooms' work.
FORBIDDEN_IN_MINIAPPS = frozenset({"ray", "dask", "distributed", "matplotlib", "seaborn", "pandas", "rich", "typer"})

_CODE = imports(*PACKAGES)


def _matches(path: str, pattern: str) -> bool:
    depth_fits = pattern.endswith("**") or path.count("/") == pattern.count("/")
    return depth_fits and fnmatch(path, pattern)


def _allowed(found: Import) -> frozenset[str]:
    return next((names for pattern, names in ALLOWED if _matches(found.path, pattern)), frozenset())


def test_third_party_libraries_stay_in_their_rooms() -> None:
    strangers = [found for found in _CODE if third_party(found) and not {found.library, ANY} & _allowed(found)]
    assert [str(found) for found in strangers] == []


def test_mini_apps_name_no_engine_and_draw_nothing() -> None:
    wrong = [found for found in _CODE if found.path.startswith("miniapps/") and found.library in FORBIDDEN_IN_MINIAPPS]
    assert [str(found) for found in wrong] == []


def test_kernels_import_nothing_of_the_driver_side() -> None:
    kernels = [found for found in _CODE if fnmatch(found.path, "miniapps/*/kernels.py")]
    wrong = [found for found in kernels if found.module in ("miniapps", "miniapps._app") or _is_ours(found)]
    assert [str(found) for found in wrong] == []


def _is_ours(found: Import) -> bool:
    return found.library in ("pilot_quantum", "qdreamer", "harness")


def test_the_harness_goes_through_the_doors() -> None:
    """Nothing with an underscore is a door. Peers are left out: they time what lies behind the doors."""
    files = [found for found in _CODE if found.path.startswith("harness/") and "/peers/" not in found.path]
    used = [found for found in files if found.library in PACKAGES]
    behind = [
        found for found in used if found.library != "harness" and any(p[0] == "_" for p in found.module.split("."))
    ]
    assert [str(found) for found in behind] == []


def _apps() -> list[Path]:
    return sorted(p for p in (ROOT / "miniapps").iterdir() if p.is_dir() and p.name[0] not in "_.")


@pytest.mark.parametrize("app", _apps(), ids=lambda path: path.name)
def test_a_mini_app_has_its_rooms(app: Path) -> None:
    present = {path.name for path in app.iterdir()}
    assert {"__init__.py", "params.py", "kernels.py", "flow.py", "README.md"} <= present


def test_results_hold_data_only() -> None:
    assert [str(path) for path in (ROOT / "results").rglob("*.py*")] == []


def test_no_room_stands_beside_the_named_ones() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so what belongs to the project cannot be told from what lies beside it")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    folders = {path.partition("/")[0] for path in listed.splitlines() if "/" in path and path[0] != "."}
    assert folders <= {*PACKAGES, "results", "tests", "docs"}


def test_the_lock_names_no_place() -> None:
    lines = (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert pins
    assert [line for line in pins if "==" not in line or "://" in line or "@" in line or line.startswith("-")] == []
