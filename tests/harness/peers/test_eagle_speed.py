"""The emulated Eagle does as many layers a second as IBM's."""

from __future__ import annotations

from harness.peers import eagle_speed


def test_layers_per_second_are_near_the_published_ones() -> None:
    found, published = eagle_speed.layers_per_second(), eagle_speed.CLOPS_PUBLISHED.values()
    assert min(published) < found["layers_per_s"] < 2 * max(published)
    assert found["shot_schedule_s"] < found["shot_delay_s"]


def test_bricks_have_the_layers_that_they_are_counted_as() -> None:
    circuit = eagle_speed.brick(5, 4)
    assert circuit.depth(lambda instruction: instruction.operation.num_qubits == 2) == 4
