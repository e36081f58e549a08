from __future__ import annotations

import pytest

from harness.labels import axes, case_label, pool_id, pool_names, quantity


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [
        (0.00123, "s", "1.23 ms"),
        (0.9999, "s", "1.00 s"),
        (4260.0, "s", "4260 s"),
        (5e-8, "s", "50.0 ns"),
        (12345.0, "circuits/s", "12.3 k circuits/s"),
        (0.5, "circuits/s", "0.500 circuits/s"),
        (0.0, "s", "0 s"),
        (0.1234, "1", "0.123"),
        (None, "s", "–"),
    ],
)
def test_quantities_read_as_people_write_them(number: float | None, unit: str, text: str) -> None:
    assert quantity(number, unit) == text


def test_axes_are_what_differs_in_numeric_order(make_record) -> None:
    records = [make_record(n_qubits=n, shots=s) for n in (10, 2) for s in (0, 100)]
    assert axes(records) == {"n_qubits": [2, 10], "shots": [0, 100]}
    assert case_label(records[0].params, axes(records)) == "n_qubits=10, shots=0"


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ([{"engine": "ray"}, {"engine": "inline"}], ["ray", "inline"]),
        ([{"cores_per_node": 2}, {"cores_per_node": 8}], ["ray 2 cores", "ray 8 cores"]),
        ([{"name": "a"}, {"name": "b"}], ["a: ray 2 cores", "b: ray 2 cores"]),
    ],
)
def test_pools_are_named_by_the_least_that_tells_them_apart(changes, names) -> None:
    pools = [[{"engine": "ray", "cores_per_node": 2, **change}] for change in changes]
    found = pool_names(pools)
    assert [found[pool_id(pool)] for pool in pools] == names
