"""Exchanges are counted, not timed: the planner's bytes against a search over every schedule."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miniapps._circuits import CircuitSpec
from miniapps._circuits.families import build
from miniapps.distributed_state_vector.elements import Angle, Element, elements_of
from miniapps.distributed_state_vector.layout import layout
from miniapps.distributed_state_vector.planner import plan
from miniapps.distributed_state_vector.stages import parts_of


def _least_volume(n: int, items: Sequence[Element], p: int) -> float:
    """Dijkstra over (elements that have run, global wires), one element or one exchange at a time."""
    everything = (1 << len(items)) - 1
    queue = [(0.0, 0, wires) for wires in combinations(range(n), p)]
    best: dict[tuple[int, tuple[int, ...]], float] = {}
    while queue:
        cost, done, wires = heapq.heappop(queue)
        if done == everything:
            return cost
        if best.get((done, wires), 9e9) <= cost:
            continue
        best[done, wires] = cost
        for index, item in enumerate(items):
            earlier = (k for k in range(index) if not done >> k & 1)
            free = not any(set(items[k].wires) & set(item.wires) for k in earlier)
            if not done >> index & 1 and free and item.moves not in wires:
                heapq.heappush(queue, (cost, done | 1 << index, wires))
        for other in combinations(range(n), p):
            moved = len(set(wires) - set(other))
            if moved:
                heapq.heappush(queue, (cost + 1 - 2.0**-moved, done, other))
    raise AssertionError("no schedule")


@st.composite
def circuits(draw: st.DrawFn) -> tuple[int, list[Element]]:
    n = draw(st.integers(2, 4))
    items = []
    for _ in range(draw(st.integers(0, 8))):
        wires = draw(st.permutations(range(n)))
        kind = draw(st.sampled_from(["cx", "y", "z"]))
        items.append(Element(kind, tuple(wires[:2] if kind == "cx" else wires[:1]), Angle(1.0)))
    return n, items


@settings(deadline=None, max_examples=60)
@given(circuits(), st.integers(1, 2))
def test_no_schedule_sends_less(circuit: tuple[int, list[Element]], p: int) -> None:
    n, items = circuit
    if n >= 2 * p:
        assert plan(n, items, p).volume == pytest.approx(_least_volume(n, items, p))


@given(circuits(), st.integers(0, 2))
def test_segments_hold_every_element_once_in_an_order_that_may_be_applied(
    circuit: tuple[int, list[Element]], p: int
) -> None:
    n, items = circuit
    if n < 2 * p:
        return
    planned = plan(n, items, p)
    ran = [item for segment in planned.segments for item in segment.items]
    assert sorted(map(id, ran)) == sorted(map(id, items))
    for wire in range(n):
        assert [id(i) for i in ran if wire in i.wires] == [id(i) for i in items if wire in i.wires]
    for segment in planned.segments:
        assert len(segment.global_wires) == p
        assert all(item.moves not in segment.global_wires for item in segment.items)


@pytest.mark.parametrize(("n", "layers", "p"), [(8, 3, 2), (12, 4, 3), (24, 2, 3), (24, 6, 2), (30, 3, 5), (34, 4, 8)])
def test_a_layer_costs_at_most_two_exchanges_of_all_global_bits(n: int, layers: int, p: int) -> None:
    elements = elements_of(n, build(CircuitSpec("strongly_entangling", n, layers)).gates)
    planned = plan(n, parts_of(n, elements.items).core, p)
    assert planned.volume <= 2 * layers * (1 - 2.0**-p)
    assert layers > 2 or len(planned.sizes) == 1


def test_phases_and_controls_need_no_exchange() -> None:
    items = [Element("z", (0, 3), Angle(1.0)), Element("cx", (3, 0)), Element("cx", (2, 1)), Element("z", (2,))]
    assert plan(4, items, 2).volume == 0


def test_too_many_shards_are_refused_with_the_rule() -> None:
    with pytest.raises(ValueError, match="2\\^3 shards need 6 qubits"):
        plan(5, [], 3)


def test_steps_exchange_what_the_plan_says() -> None:
    elements = elements_of(8, build(CircuitSpec("strongly_entangling", 8, 3)).gates)
    made = layout(elements, [frozenset({0})], 2)
    assert [len(step.exchange) for step in made.steps if step.exchange] == list(made.exchanges.sizes)
