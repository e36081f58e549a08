"""Values on the wire: what is put into a script arrives in Slurm, and on the node, as it is, or is refused."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest

from pilot_quantum import InvalidDescription, PilotDescription, PilotManager
from pilot_quantum.launchers.slurm_jobs import SlurmError, ask, cancel, submit
from pilot_quantum.launchers.slurm_script import BatchJob, Site, render
from tests.slurm.conftest import START_S, slurm, until

pytestmark = pytest.mark.timeout(120)

HOSTILE = (
    """a "b" $(touch pwned) `touch pwned`; touch pwned; rm -rf 'x' # \\ %j %% é""",
    """--wrap=touch pwned --uid=0 && touch pwned | tee > "pwned" \\" * ? ~ ! {} [] $HOME""",
)


def file_name(text: str) -> str:
    """Return a text without what no file name, or no log of Slurm's, can hold."""
    return text.replace("/", "").replace("\\", "")


def job(where: Path, name: str, **changes: object) -> BatchJob:
    program = "import json, sys; print(json.dumps(sys.argv[1:]))"
    values = {
        "name": name,
        "nodes": 1,
        "cores_per_node": 1,
        "log": str(where / f"{file_name(name)} {{job}}.log"),
        "command": ["/usr/bin/env", "python3", "-c", program, name, ""],
        "environment": {"VALUE": name},
        "walltime_s": 60.0,
    }
    return BatchJob(**{**values, **changes})  # type: ignore[arg-type]  # values of each field's type


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_passed_literally(text: str, tmp_path: Path) -> None:
    where = tmp_path / f"{file_name(text)} dir"
    where.mkdir()
    program = "import json, os, sys; print(json.dumps([os.environ['VALUE'], *sys.argv[1:]]))"
    site = Site.from_options({"extra": [f"--comment={text}"]})
    number = submit(render(job(where, text, command=["python3", "-c", program, text, ""], site=site)))
    until(lambda: ask([number])[number].over)
    assert ask([number])[number].state == "COMPLETED"
    (log,) = where.iterdir()
    assert log.name == f"{file_name(text)} {number}.log"
    assert json.loads(log.read_text()) == [text, text, ""]
    shown = slurm("scontrol", "show", "job", number)
    assert f"JobName={text}\n" in shown
    assert f"Comment={text}" in shown
    assert not list(tmp_path.rglob("pwned"))
    assert not Path("pwned").exists()


@pytest.mark.parametrize("field", ["partition", "account", "qos", "reservation", "constraint", "licenses", "gres"])
def test_hostile_site_values_reach_slurm_and_nothing_else(field: str, tmp_path: Path) -> None:
    """Slurm refuses what it does not know, or, without accounting, ignores it; the shell never sees it."""
    value = f"x; touch {tmp_path}/pwned $(touch {tmp_path}/pwned)"
    with suppress(SlurmError):
        cancel([submit(render(job(tmp_path, "site", site=Site.from_options({field: value}))))])
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("text", ["two\nlines", "\x00", "a\rb", " ", "\x1b[2J"])
def test_control_characters_are_refused(text: str) -> None:
    with pytest.raises(InvalidDescription, match=r"control character|not empty"):
        render(job(Path("/nowhere"), text))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_pilot_may_have_any_name_and_directory(manager: PilotManager, name: str, tmp_path: Path) -> None:
    where = tmp_path / f"{file_name(name)} dir"
    options = {"directory": str(where), "address": "127.0.0.10"}
    wanted = PilotDescription(name=name, launcher="slurm", cores_per_node=1, launcher_options=options, walltime_s=60)
    manager.submit_pilot(wanted).wait(START_S)
    assert manager.submit_task(abs, -3, pilot=name).result(30) == 3
    assert not list(tmp_path.rglob("pwned"))
