"""Resources: what is detected, what limits it, and files about machines that are not here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from qdreamer import BadResources, Gpu, Qpu, Resources, detect
from qdreamer.limits import Limit, cgroup, numa, numbers, slurm
from qdreamer.machines import parse, read
from qdreamer.resources import limited

GIB = 2**30
NODE = Resources("node", cores=64, memory=512 * GIB, gpus=(Gpu("A100", 40 * GIB, 4),))


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_this_machine_is_what_the_operating_system_says() -> None:
    found = detect(environment={})
    assert 1 <= found.cores <= len(os.sched_getaffinity(0))
    assert 0 < found.memory <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert found.nodes == 1


def test_the_tightest_group_above_the_process_counts(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/job/step\n",
            "sys/fs/cgroup/job/cpu.max": "250000 100000",
            "sys/fs/cgroup/job/memory.max": str(8 * GIB),
            "sys/fs/cgroup/job/memory.current": str(2 * GIB),
            "sys/fs/cgroup/job/step/cpu.max": "max 100000",
            "sys/fs/cgroup/job/step/memory.max": str(7 * GIB),
            "sys/fs/cgroup/job/step/memory.current": str(GIB // 2),
        },
    )
    assert cgroup(root) == Limit("cgroup", cores=2.5, memory=8 * GIB, memory_used=2 * GIB)


def test_groups_of_version_one_are_read_too(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/a\n3:cpu,cpuacct:/a\n",
            "sys/fs/cgroup/memory/a/memory.limit_in_bytes": str(GIB),
            "sys/fs/cgroup/memory/a/memory.usage_in_bytes": "1000",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
            "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "150000",
            "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000",
        },
    )
    assert cgroup(root) == Limit("cgroup", cores=1.5, memory=GIB, memory_used=1000)


def test_no_group_is_no_limit(tmp_path: Path) -> None:
    assert cgroup(tmp_path) is None


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, None),
        (
            {"SLURM_JOB_ID": "1", "SLURM_CPUS_ON_NODE": "16", "SLURM_MEM_PER_CPU": "2048", "SLURM_JOB_NUM_NODES": "3"},
            Limit("Slurm", cores=16, memory=32 * GIB, nodes=3),
        ),
        (
            {
                "SLURM_JOB_ID": "1",
                "SLURM_JOB_CPUS_PER_NODE": "8(x2),4",
                "SLURM_MEM_PER_NODE": "1024",
                "SLURM_JOB_GPUS": "0-1,3",
            },
            Limit("Slurm", cores=8, memory=GIB, gpus=3),
        ),
        ({"SLURM_JOB_ID": "1", "SLURM_MEM_PER_NODE": "0"}, Limit("Slurm")),
    ],
    ids=["outside a job", "memory a core", "memory a node", "all of the node"],
)
def test_slurm_limits_are_read_from_its_variables(variables: dict[str, str], expected: Limit | None) -> None:
    assert slurm(variables) == expected


def test_limits_take_away_and_say_so() -> None:
    found = limited(NODE, [Limit("Slurm", cores=16, memory=64 * GIB, memory_used=GIB, gpus=1, nodes=2)])
    assert (found.cores, found.memory, found.nodes, found.workers) == (16, 63 * GIB, 2, 32)
    assert [gpu.count for gpu in found.gpus] == [1]
    assert found.limited_by == ("Slurm: 16 of 64 cores", "Slurm: 63 GiB")


def test_numa_nodes_count_the_cores_that_may_be_used(tmp_path: Path) -> None:
    places = {f"sys/devices/system/node/node{i}/cpulist": text for i, text in enumerate(("0-3", "4-7", "8"))}
    assert numa(write(tmp_path, places), [0, 1, 4]) == (2, 1)
    assert numbers("0-2,7, x,9-") == [0, 1, 2, 7, 9]


FILE = """
name = "8 x B200"
cores = 224
memory_gib = 2048
[[gpus]]
name = "NVIDIA B200"
count = 8
memory_gib = 180
bandwidth_gb_s = 8000
[[qpus]]
name = "IBM Eagle r3"
count = 256
n_qubits = 127
"""


def test_a_file_describes_a_machine_that_is_not_here(tmp_path: Path) -> None:
    found = read(write(tmp_path, {"m.toml": FILE}) / "m.toml")
    assert (found.cores, found.memory, found.nodes) == (224, 2048 * GIB, 1)
    assert found.gpus == (Gpu("NVIDIA B200", 180 * GIB, 8, 8e12),)
    assert found.qpus == (Qpu("IBM Eagle r3", 127, 256),)
    assert found.describe() == (
        "8 x B200: 224 core(s), 2048 GiB, 8 × NVIDIA B200 (180 GiB), 256 × IBM Eagle r3 (127 qubits)"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cores = 2", "name = None: must be a name"),
        ('name = "a"\ncores = 0\nmemory_gib = 1', "cores = 0: must be a whole number, 1 or more"),
        ('name = "a"\ncores = 2\nmemory_gib = -1', "memory_gib = -1: must be a positive number"),
        ('name = "a"\ncors = 2', "cors: unknown key; valid: name, nodes, cores.*did you mean 'cores'"),
        ('name = "a"\ncores = 2\nmemory_gib = 1\n[[qpus]]\nname = "q"', r"qpus\[0\]\.n_qubits = None: must be a whole"),
        ('name = "a"\ncores = 2\nmemory_gib = 1\ngpus = 3', "gpus = 3: must be tables"),
        ("name = ", "TOML syntax"),
    ],
)
def test_a_wrong_file_is_refused_with_key_and_rule(tmp_path: Path, text: str, message: str) -> None:
    file = write(tmp_path, {"wrong.toml": text}) / "wrong.toml"
    with pytest.raises(BadResources, match=f"wrong.toml: {message}"):
        read(file)


def test_values_are_checked_wherever_they_are_typed_in() -> None:
    with pytest.raises(BadResources, match=r"Gpu\.memory = 0: must be positive"):
        Gpu("none", 0)
    with pytest.raises(BadResources, match="unknown key"):
        parse({"name": "a", "cores": 1, "memory_gib": 1, "gpu": []})
