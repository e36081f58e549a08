"""Counts that must not change: tasks, messages, attempts, compilations, bytes, instructions.

A count is gated only where it is deterministic, and that is measured: all repeats of a side must agree. What varies by
itself (how many messages adaptive packing makes) is listed as varying.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from harness.labels import case_label

if TYPE_CHECKING:
    from harness.record import Record

Change = Literal["worse", "better", "same", "varies"]
Numbers = Mapping[str, Sequence[float]]

_FROM_TRACES: Final = ("tasks", "messages", "attempts")
_LESS_IS_BETTER: Final = frozenset({*_FROM_TRACES, "compilations", "exchanges"})


@dataclass(frozen=True, slots=True)
class Count:
    """One count of one case (or of the probe) on both sides.

    Attributes
    ----------
    case
        Which case, in words.
    name
        Which count.
    base, head
        Its value; None where its repeats do not agree.
    change
        ``worse`` if there is more of what costs something, or if another number changed at all.
    """

    case: str
    name: str
    base: float | None
    head: float | None
    change: Change


def compared(
    base: Mapping[str, Numbers], head: Mapping[str, Numbers], *, tolerances: Mapping[str, float] | None = None
) -> list[Count]:
    """Compare the counts of cases that both sides have; ``tolerances`` are relative changes to allow, by name."""
    return [
        _count(case, name, (base[case][name], head[case][name]), (tolerances or {}).get(name, 0.0))
        for case in base
        for name in base[case]
        if name in head.get(case, {})
    ]


def of_records(records: Iterable[Record]) -> dict[str, dict[str, list[float]]]:
    """Return the counts of ok repeats by case: from the traces, and every metric that is a whole number."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        if record.status == "ok":
            case = f"{record.app}({case_label(record.params, record.params)}) {record.key}"
            for name, value in _counts(record).items():
                found[case][name].append(value)
    return found


def _counts(record: Record) -> dict[str, float]:
    metrics = {name: m.value for name, m in record.metrics.items() if isinstance(m.value, int)}
    return {**metrics, **{name: record.trace[name] for name in _FROM_TRACES if name in record.trace}}


def _count(case: str, name: str, values: tuple[Sequence[float], Sequence[float]], tolerance: float) -> Count:
    base, head = (_constant(samples, tolerance) for samples in values)
    return Count(case, name, base, head, _change(name, base, head, tolerance))


def _constant(samples: Sequence[float], tolerance: float) -> float | None:
    """Return the value that all samples have, or None."""
    return samples[0] if max(samples) - min(samples) <= tolerance * abs(samples[0]) else None


def _change(name: str, base: float | None, head: float | None, tolerance: float) -> Change:
    if base is None or head is None:
        return "varies"
    if abs(head - base) <= tolerance * abs(base):
        return "same"
    less = name in _LESS_IS_BETTER or name.endswith(("_bytes", "instructions"))
    return "better" if less and head < base else "worse"
