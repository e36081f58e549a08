"""The doors stay light: what they load is on a list, so that a heavy import is a decision and not an accident."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.architecture.source import PACKAGES, ROOT

# What pydantic, typer and rich bring along; nothing that computes, plots or dispatches.
COMMAND_LINE = frozenset(
    {
        *(
            "annotated_doc",
            "annotated_types",
            "attr",
            "click",
            "markdown_it",
            "mdurl",
            "pydantic",
            "pydantic_core",
            "pygments",
        ),
        *("rich", "shellingham", "typer", "typing_extensions", "typing_inspection"),
    }
)

_REPORT = """
import json, sys
before = set(sys.modules)
{code}
names = {{name.partition('.')[0] for name in set(sys.modules) - before}}
names = {{name for name in names if not name.startswith(('_', 'cython'))}}  # parts of compiled libraries
print('LOADED ' + json.dumps(sorted(names - sys.stdlib_module_names)))
"""


def _loaded(code: str) -> set[str]:
    """Return the third-party and own top-level modules that this code loads in a new interpreter."""
    command = [sys.executable, "-c", _REPORT.format(code=code)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if line.startswith("LOADED "))
    return set(json.loads(line.removeprefix("LOADED ")))


@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        ("import pilot_quantum", {"pilot_quantum", "cloudpickle"}),
        ("import qdreamer", {"qdreamer", "numpy", "scipy", "charset_normalizer"}),
        (
            "from harness.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass",
            {"harness", *COMMAND_LINE},
        ),
    ],
    ids=["pilot_quantum", "qdreamer", "qhpc --help"],
)
def test_a_door_loads_only_what_is_listed(code: str, allowed: set[str]) -> None:
    assert _loaded(code) - allowed == set()


def test_labels_of_mini_apps_load_no_simulator() -> None:
    code = "import miniapps\nfor name in miniapps.names(): miniapps.load(name)"
    assert _loaded(code) - {"miniapps", *COMMAND_LINE} == set()


def test_the_packages_are_the_ones_that_are_shipped() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    shipped = project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    assert {*PACKAGES} == {name for name in shipped if "/" not in name}
