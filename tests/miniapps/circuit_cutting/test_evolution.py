"""What evolving a fragment is said to cost is what the arrays show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from miniapps.circuit_cutting import states
from miniapps.circuit_cutting.evolution import evolution
from miniapps.circuit_cutting.flow import planned
from miniapps.circuit_cutting.params import CircuitCutting


@pytest.mark.parametrize(
    "values",
    [
        {"n_qubits": 20, "cuts": 2, "reps": 2},
        {"n_qubits": 12, "cuts": 2},
        {"family": "clustered", "n_qubits": 18, "cuts": 2},
        {"family": "ghz", "n_qubits": 18, "cut_wires": "8@9"},
    ],
)
def test_steps_and_sizes_are_those_of_the_arrays(values: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []
    take = states.Tensor.take

    def counting(tensor: states.Tensor, operator: Any, out: Any, axes: Any) -> None:
        before = tensor.array.size
        take(tensor, operator, out, axes)
        seen.append((before + tensor.array.size, tensor.array.size * 2 ** len(axes)))

    monkeypatch.setattr(states.Tensor, "take", counting)
    for fragment in planned(CircuitCutting(**values))[2].fragments:
        seen.clear()
        needed = states.trimmed(fragment)
        states.states(needed)
        found = evolution(needed)
        assert (found.steps, found.moved, found.flops) == (len(seen), *np.sum(seen, axis=0))
