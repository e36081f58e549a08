"""Time of one evaluation of a state vector in shards, from bytes.

::

    seconds = t_0 + t_memory · M / P + t_link · X / P

for P shards; M is what a simulator that works gate by gate reads and writes (passes · 2 · s · 2ⁿ bytes, s bytes an
amplitude), X what the exchanges send. 1/t_memory and 1/t_link are effective bandwidths of one shard: where shards share
a memory bus, or a link has fewer lanes than shards, they are those of the observed placement.
"""

from __future__ import annotations

from qdreamer.model import Features, Law


def _design(features: Features) -> tuple[float, ...]:
    shards = features["shards"]
    return 1.0, features["memory_bytes"] / shards, features["sent_bytes"] / shards


LAW = Law(
    name="state_vector",
    summary="t_0 + t_memory·(bytes gate by gate)/shards + t_link·(bytes exchanged)/shards",
    features=("shards", "memory_bytes", "sent_bytes"),
    terms=("evaluation", "memory byte", "sent byte"),
    design=_design,
)
