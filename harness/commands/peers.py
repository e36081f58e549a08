"""``qhpc peers``: the same work through our pilots and through bare peers, interleaved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ._common import DEFAULT_RESULTS, Json, Results, emit, note, out

if TYPE_CHECKING:
    from harness.peers.dispatch import Pairing


def peers(
    comparison: Annotated[str, typer.Argument(metavar="COMPARISON", help="What is compared: dispatch.")],
    against: Annotated[
        list[str] | None, typer.Argument(metavar="PEER", help="ray, dask, process-pool, loky, executorlib, parsl.")
    ] = None,
    *,
    results: Results = DEFAULT_RESULTS,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Samples of each way.")] = 7,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Workers of each system.")] = 2,
    quick: Annotated[bool, typer.Option("--quick", help="Three rounds of no more than 4,096 tasks.")] = False,
    as_json: Json = False,
) -> int:
    """Compare the runtime with bare peers that do the same work.

    Both sides take turns in one process, with the same number of workers. Samples and factors go to
    DIR/peers/dispatch.json; peers that are not installed are left out and named.
    """
    from harness.peers import dispatch
    from harness.peers.dispatch_tables import tables

    chosen = _chosen(comparison, against or [])
    found = dispatch.compare(chosen, workers=workers, rounds=rounds, quick=quick, tell=note)
    files = dispatch.write(found, results / "peers" / dispatch.file_name(chosen, quick=quick))
    if as_json:
        emit(found)
        return 0
    for drawn in tables(found):
        out().print(drawn)
    out().print(f"written: {', '.join(map(str, files))}", markup=False, soft_wrap=True)
    return 0


def _chosen(comparison: str, names: list[str]) -> list[Pairing]:
    from harness.errors import UserError, nearest
    from harness.peers.dispatch import PAIRINGS

    if comparison != "dispatch":
        raise UserError(f"no comparison {comparison!r}; valid: dispatch")
    known = {pairing.peer: pairing for pairing in PAIRINGS}
    for name in names:
        if name not in known:
            raise UserError(f"no peer {name!r}; valid: {', '.join(known)}{nearest(name, tuple(known))}")
    return [known[name] for name in names or known]
