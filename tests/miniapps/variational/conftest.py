from __future__ import annotations

from collections.abc import Iterator

import pytest

from pilot_quantum import PilotDescription, PilotManager


@pytest.fixture(scope="session")
def manager() -> Iterator[PilotManager]:
    """Four workers, of which most wait: the devices of these tests are emulated."""
    options = {"oversubscribe": True}
    with PilotManager() as manager:
        manager.submit_pilot(
            PilotDescription(name="p", engine="processes", cores_per_node=4, launcher_options=options)
        ).wait(90)
        yield manager
