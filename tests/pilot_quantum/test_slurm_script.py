"""Batch scripts as text: what sbatch and the shell will read. No Slurm is needed."""

from __future__ import annotations

import re
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilot_quantum import InvalidDescription, PilotDescription
from pilot_quantum.launchers.slurm import SlurmLauncher
from pilot_quantum.launchers.slurm_script import ELEMENT, BatchJob, Site, quoted, render, slurm_time

PRINTABLE = st.text(min_size=1).filter(lambda text: text.isprintable() and bool(text.strip()))


def job(**changes: object) -> BatchJob:
    values = {"name": "j", "nodes": 1, "cores_per_node": 4, "log": "/l/{job}.log", "command": ["prog"]}
    return BatchJob(**{**values, **changes})  # type: ignore[arg-type]  # values of each field's type


def sbatch_reads(value: str) -> str:
    """Return what sbatch makes of a value in a directive: quotes group, a backslash takes the next character."""
    found, escaped, inside = "", False, ""
    for character in value:
        if escaped:
            found, escaped = found + character, False
        elif character == "\\":
            escaped = True
        elif inside:
            found, inside = (found, "") if character == inside else (found + character, inside)
        elif character in "\"'":
            inside = character
        elif character.isspace() or character == "#":
            break
        else:
            found += character
    return found


@given(PRINTABLE)
def test_sbatch_reads_every_value_literally(text: str) -> None:
    assert sbatch_reads(quoted("name", text)) == text


@given(PRINTABLE, PRINTABLE)
def test_the_shell_reads_every_word_literally(word: str, value: str) -> None:
    lines = render(job(command=["prog", word, ""], environment={"V": value})).splitlines()
    assert shlex.split(lines[-1]) == ["exec", "prog", word, ""]
    assert shlex.split(lines[-2]) == ["export", f"V={value}"]


def test_an_element_of_an_array_is_the_only_word_that_is_expanded() -> None:
    text = render(job(command=["prog", "{element}x", ELEMENT], elements=8, at_once=3))
    assert text.splitlines()[-1] == "exec prog '{element}x' \"$SLURM_ARRAY_TASK_ID\""
    assert "#SBATCH --array=0-7%3\n" in text
    assert "#SBATCH --output=/l/%A_%a.log\n" in text


@pytest.mark.parametrize(("walltime_s", "grace_s"), [(None, 60), (60, 30), (61, 60), (7200, 60)])
def test_a_short_job_is_not_told_to_end_as_it_starts(walltime_s: float | None, grace_s: int) -> None:
    assert f"#SBATCH --signal=B:TERM@{grace_s}\n" in render(job(walltime_s=walltime_s))


def test_percent_signs_of_a_path_are_not_expanded_by_slurm() -> None:
    assert "--output=/100%%/j-%j.log" in render(job(log="/100%/j-{job}.log"))


def test_a_backslash_in_the_path_of_a_log_is_refused() -> None:
    """Slurm would expand nothing in it, the job's id neither."""
    with pytest.raises(InvalidDescription, match="takes a backslash"):
        render(job(log="/a\\b/{job}.log"))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1, "00:01:00"), (60, "00:01:00"), (61, "00:02:00"), (3600, "01:00:00"), (90000, "1-01:00:00")],
)
def test_times_are_rounded_up_to_minutes(seconds: float, text: str) -> None:
    assert slurm_time(seconds) == text


@pytest.mark.parametrize(
    ("site", "lines"),
    [
        ({}, ["--gpus-per-node=4"]),
        ({"gpu_type": "a100"}, ["--gpus-per-node=a100:4"]),
        ({"gpu_directive": "gres"}, ["--gres=gpu:4"]),
        ({"gpu_directive": "gres", "gpu_type": "h100", "gres": "qpu:1"}, ["--gres=gpu:h100:4,qpu:1"]),
        ({"gres": "qpu:1"}, ["--gpus-per-node=4", "--gres=qpu:1"]),
    ],
)
def test_gpus(site: dict[str, str], lines: list[str]) -> None:
    text = render(job(gpus_per_node=4, site=Site.from_options(site)))
    assert re.findall(r"^#SBATCH (--g.*)$", text, re.MULTILINE) == lines


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"partion": "x"}, "unknown option 'partion' of 'slurm'; it has: account"),
        ({"partition": 3}, "partition = 3: must be of type str"),
        ({"account": "a\nb"}, "has a line break"),
        ({"gpu_directive": "gpus"}, "must be gpus-per-node or gres"),
        ({"extra": ["-p x"]}, "must be --name or --name=value"),
        ({"extra": ["--time=1"]}, "--time is set by walltime_s"),
        ({"extra": ["--partition=x"]}, "--partition is set by partition"),
        ({"extra": ["--wrap=x"]}, "leave it out"),
        ({"extra": [3]}, "lists of texts"),
        ({"setup": ["a\nb"]}, "has a line break"),
    ],
)
def test_options_that_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidDescription) as failure:
        Site.from_options(options)
    assert message in str(failure.value)


@pytest.mark.parametrize("missing", ["cores_per_node", "gpus_per_node"])
def test_a_pilot_says_how_large_it_is(missing: str) -> None:
    wanted = {"cores_per_node": 2, "gpus_per_node": 0, missing: None}
    with pytest.raises(InvalidDescription, match=f"{missing} = None: the launcher 'slurm' must be told"):
        SlurmLauncher(PilotDescription(launcher="slurm", **wanted)).expected()


def test_what_a_pilot_will_hold_is_known_before_it_is_asked_for() -> None:
    expected = SlurmLauncher(PilotDescription(launcher="slurm", nodes=3, cores_per_node=8, gpus_per_node=2)).expected()
    assert (len(expected.nodes), expected.cores, expected.gpus) == (3, 24, 6)
