"""Quantum devices of a job, from what a batch system says."""

from __future__ import annotations

import pytest

from pilot_quantum import InvalidDescription
from pilot_quantum.launchers.qpus import Qpu, from_environment, from_gres, from_licences


def test_qrmi() -> None:
    environment = {
        "QRMI_JOB_QPU_RESOURCES": "ibm_a, pasqal_b",
        "QRMI_JOB_QPU_TYPES": "direct-access,pasqal-cloud",
        "ibm_a_QRMI_IBM_DA_ENDPOINT": "http://127.0.0.1:1",
        "pasqal_b_QRMI_PROJECT": "p",
        "PATH": "/bin",
    }
    a, b = from_environment(environment)
    assert (a.name, a.kind, a.settings) == ("ibm_a", "direct-access", {"IBM_DA_ENDPOINT": "http://127.0.0.1:1"})
    assert (b.name, b.kind, b.settings) == ("pasqal_b", "pasqal-cloud", {"PROJECT": "p"})


def test_settings_are_not_shown() -> None:
    secret = {"QRMI_JOB_QPU_RESOURCES": "a", "QRMI_JOB_QPU_TYPES": "t", "a_QRMI_KEY": "hidden"}
    assert "hidden" not in repr(from_environment(secret))


def test_older_names_and_none_at_all() -> None:
    assert from_environment({}) == ()
    assert from_environment({"SLURM_JOB_QPU_RESOURCES": "a", "SLURM_JOB_QPU_TYPES": "t"}) == (Qpu("a", "t"),)


def test_a_type_for_each_name() -> None:
    with pytest.raises(InvalidDescription, match=r"names 2 device\(s\), QRMI_JOB_QPU_TYPES has 1"):
        from_environment({"QRMI_JOB_QPU_RESOURCES": "a,b", "QRMI_JOB_QPU_TYPES": "t"})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("vendor_qpu:2,matlab:1", [("vendor_qpu", 2)]),
        ("vendor_qpu@server", [("vendor_qpu", 1)]),
        ("", []),
    ],
)
def test_licences(text: str, found: list[tuple[str, int]]) -> None:
    assert [(qpu.name, qpu.count) for qpu in from_licences(text)] == found
    assert [qpu.name for qpu in from_licences("iqm:1,other", frozenset({"iqm"}))] == ["iqm"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("gpu:4,qpu:1", [("qpu", 1)]),
        ("qpu", [("qpu", 1)]),
        ("gres:qpu:heron:2", [("heron", 2)]),
        ("gres/qpu:heron", [("heron", 1)]),
    ],
)
def test_gres(text: str, found: list[tuple[str, int]]) -> None:
    assert [(qpu.name, qpu.count) for qpu in from_gres(text)] == found


def test_a_count_that_is_none() -> None:
    with pytest.raises(InvalidDescription, match="whole number, 1 or more"):
        from_licences("a_qpu:0")
