"""Lanes that compete for the same places, in the order in which their tasks should start. Scheduler's thread only."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator

from ._lanes import Lane, Place

_Entry = tuple[tuple[int, int], int, Lane]


class Group:
    """Active lanes that need the same place: if one of them finds none, neither do the others.

    Keeps a heap by head task. Heads change only when the scheduler takes or gives back tasks; a lane is then added
    again, and its older entry is dropped when it comes up.
    """

    __slots__ = ("_entry", "_heap", "_numbers", "lanes")

    def __init__(self) -> None:
        self.lanes: dict[int, Lane] = {}
        self._entry: dict[int, int] = {}
        self._heap: list[_Entry] = []
        self._numbers = itertools.count()

    def add(self, lane: Lane) -> None:
        """Take in a lane, or note that its head has changed."""
        self.lanes[id(lane)] = lane
        number = self._entry[id(lane)] = next(self._numbers)
        heapq.heappush(self._heap, (lane.order, number, lane))

    def drop(self, lane: Lane) -> None:
        """Forget a lane."""
        self.lanes.pop(id(lane), None)
        self._entry.pop(id(lane), None)

    def first(self) -> Lane | None:
        """Return the lane whose head should start first; None if there is none."""
        while self._heap:
            _, number, lane = self._heap[0]
            if self._entry.get(id(lane)) == number:
                return lane
            heapq.heappop(self._heap)
        return None

    def set_aside(self, lane: Lane) -> None:
        """Leave a lane out of `first` until it is added again."""
        self._entry.pop(id(lane), None)


class Groups:
    """All active lanes of a manager."""

    def __init__(self) -> None:
        self._groups: dict[Place, Group] = {}

    def __contains__(self, lane: Lane) -> bool:
        group = self._groups.get(lane.spec.place)
        return group is not None and id(lane) in group.lanes

    def __iter__(self) -> Iterator[Lane]:
        """Return all active lanes, as they were when the iteration began."""
        return iter([lane for group in self._groups.values() for lane in group.lanes.values()])

    def all(self) -> list[Group]:
        """Return all groups."""
        return list(self._groups.values())

    def add(self, lane: Lane) -> None:
        """Take in a lane, or note that its head has changed."""
        group = self._groups.get(lane.spec.place)
        if group is None:
            group = self._groups[lane.spec.place] = Group()
        group.add(lane)

    def drop(self, lane: Lane) -> None:
        """Forget a lane."""
        group = self._groups[lane.spec.place]
        group.drop(lane)
        if not group.lanes:
            del self._groups[lane.spec.place]
