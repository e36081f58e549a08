"""What the paper shows: its tables and figures in their order, and the campaign that measures each at each scale."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from harness.errors import UserError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SCALES: Final = ("laptop", "node", "paper")


@dataclass(frozen=True, slots=True)
class Item:
    """One table or figure of the paper.

    Attributes
    ----------
    name
        Stem of its files, and the name of the module that draws it.
    title
        What it shows.
    campaigns
        Shipped campaign that measures it, by scale; empty for what needs no measurement.
    calibrated
        Whether Q-Dreamer's cost model of this machine has to be there first, so that records hold what it said.
    """

    name: str
    title: str
    campaigns: Mapping[str, str] = field(default_factory=dict)
    calibrated: bool = False

    @property
    def measured(self) -> bool:
        """Whether it is drawn from records."""
        return bool(self.campaigns)


def _scaled(name: str, **other: str) -> dict[str, str]:
    return {"laptop": name, "node": f"{name}-node", "paper": f"{name}-paper", **other}


ITEMS: Final = (
    Item("table1", "Table 1: application scenarios"),
    Item("table2", "Table 2: execution motifs"),
    Item("table3", "Table 3: dispatch of zero-compute tasks", _scaled("table3")),
    Item("fig6", "Figure 6: circuit execution", _scaled("fig6")),
    Item("fig7", "Figure 7: distributed state vector", _scaled("fig7")),
    Item("fig8", "Figure 8: compression of images", _scaled("fig8")),
    Item("fig9", "Figure 9: training step of the classifier", _scaled("fig9", node="fig9-paper")),
    Item("fig10", "Figure 10: circuit cutting, strong scaling", _scaled("fig10"), calibrated=True),
    Item("fig11", "Figure 11: circuit cutting, number of cuts", _scaled("fig11"), calibrated=True),
    Item(
        "table4", "Table 4: how often the fastest way is named", _scaled("table4", node="table4-paper"), calibrated=True
    ),
)
NAMES: Final = tuple(item.name for item in ITEMS)


def chosen(names: Sequence[str]) -> list[Item]:
    """Return the items of these names in the paper's order; all without a name.

    Raises
    ------
    UserError
        If one is unknown; the message lists the names.
    """
    for name in names:
        if name not in NAMES:
            raise UserError(f"{name!r}: no such table or figure; there are: {', '.join(NAMES)}{nearest(name, NAMES)}")
    return [item for item in ITEMS if not names or item.name in names]
