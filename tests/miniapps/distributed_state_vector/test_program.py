"""What is static and what is data: layers compile once, maps can be inverted, patterns are found."""

from __future__ import annotations

from functools import reduce
from operator import xor

import jax
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miniapps._circuits import CircuitSpec
from miniapps._circuits.families import build
from miniapps.distributed_state_vector.elements import elements_of
from miniapps.distributed_state_vector.layout import layout
from miniapps.distributed_state_vector.program import ALL, Kind, Program, inverse, program, roll
from miniapps.distributed_state_vector.xla import computation, inputs


def _program(layers: int) -> tuple[Program, tuple[float, ...]]:
    elements = elements_of(8, build(CircuitSpec("strongly_entangling", 8, layers)).gates)
    return program(layout(elements, [frozenset({q}) for q in range(8)], 0), double=False), elements.parameters


@pytest.mark.parametrize("mode", ["expval", "vjp"])
def test_more_layers_are_not_more_to_compile(mode: str) -> None:
    lines = []
    with jax.enable_x64(True):
        for layers in (3, 12):
            made, parameters = _program(layers)
            lowered = computation(made, mode, jax.devices()[:1]).lower(inputs(made, parameters, [1.0] * 8))
            lines.append(lowered.as_text().count("\n"))
    assert lines[0] == lines[1]


def test_a_layer_is_one_step() -> None:
    made, _ = _program(5)
    assert made.kinds == (Kind((), True, True, True, ALL),) * 4


@given(st.lists(st.integers(1, 4), max_size=12))
def test_the_pattern_found_is_there(turns: list[int]) -> None:
    kinds = [Kind((), False, False, True, count) for count in turns]
    found = roll(kinds)
    block = kinds[found.first : found.first + found.period]
    assert kinds[found.first : found.first + found.period * found.count] == block * found.count
    assert found.count == 0 or found.first + found.period * found.count <= len(kinds)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=20))
def test_the_inverse_of_a_map_undoes_it(gates: list[tuple[int, int]]) -> None:
    columns = [1 << bit for bit in range(6)]
    for control, target in gates:
        if control != target:
            columns = [column ^ ((column >> control & 1) << target) for column in columns]
    back = inverse(columns)

    def through(value: int, of: list[int]) -> int:
        return reduce(xor, (of[bit] for bit in range(6) if value >> bit & 1), 0)

    assert [through(through(value, columns), back) for value in range(64)] == list(range(64))
