"""Dispatch of zero-compute tasks, ours against bare peers: ``python -m harness.peers.dispatch [PEER …] [--quick]``.

Each pairing is measured in a process of its own, where both sides take turns (`harness.peers.dispatch_session`); what a
queued task occupies is found in a fresh process for each system. Every sample goes to ``results/peers/dispatch.json``,
with the environment, and the rates of no-ops into a figure beside it; tables go to the terminal.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from harness.environment import describe

from .dispatch_session import Cell, Session
from .dispatch_systems import SYSTEMS
from .dispatch_tables import factors, tables

DEFAULT_PLACE: Final = Path("results/peers")
_LIMIT_S: Final = 3600.0
_WEIGHING_LIMIT_S: Final = 180.0
"""Parsl's own shutdown has been seen to wait for ever."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """Ours against one peer.

    Attributes
    ----------
    peer, ours
        Keys of `SYSTEMS`.
    noops, sleeps
        Numbers of tasks.
    """

    peer: str
    ours: str
    noops: tuple[int, ...] = (512, 4096)
    sleeps: tuple[int, ...] = (512,)

    def session(self) -> Session:
        """Return what its process measures: first a new function, then known ones, small before large."""
        cells = [Cell("noop", 512, "new")]
        cells += [Cell("noop", n) for n in self.noops]
        cells += [Cell("sleep", n) for n in self.sleeps]
        return Session((self.ours, self.peer, "spawn-loop"), tuple(cells))


_FAR: Final = (512, 4096, 32_768, 100_000, 1_000_000)
_SPAWNED: Final = (256, 1024, 4096)
PAIRINGS: Final = (
    Pairing("ray", "ours-ray", _FAR, _SPAWNED),
    Pairing("dask", "ours-dask", _FAR, _SPAWNED),
    Pairing("process-pool", "ours-processes", _FAR, _SPAWNED),
    Pairing("loky", "ours-processes"),
    Pairing("executorlib", "ours-processes"),
    Pairing("parsl", "ours-processes"),
)


def _silent(_text: str) -> None:
    """Tell nobody."""


def compare(
    pairings: Sequence[Pairing] = PAIRINGS,
    *,
    workers: int = 2,
    rounds: int = 7,
    quick: bool = False,
    tell: Callable[[str], None] = _silent,
) -> dict[str, Any]:
    """Measure pairings one after the other.

    Parameters
    ----------
    pairings
        Which.
    workers
        Workers of each side.
    rounds
        Samples of each way in each cell.
    quick
        Three rounds, no more than 4,096 tasks, and no weighing.
    tell
        Called with a line for a person before each step.

    Returns
    -------
    dict
        What is written to the results; see ``results/README.md``.
    """
    found: dict[str, Any] = {
        "kind": "measured",
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "settings": {"workers": workers, "rounds": 3 if quick else rounds},
        "environment": describe(),
        "versions": {system.title: system.version for system in SYSTEMS.values() if system.package},
        "pairings": [],
        "weights": {},
    }
    for pairing in pairings:
        tell(f"{SYSTEMS[pairing.ours].title} and {SYSTEMS[pairing.peer].title} take turns")
        session = replace(pairing.session(), workers=workers, rounds=rounds)
        found["pairings"].append(_pairing(pairing, _quick(session) if quick else session))
    if not quick:
        tell("what a queued task occupies, in each system")
        names = dict.fromkeys(name for pairing in pairings for name in (pairing.ours, pairing.peer))
        for name in names:
            session = Session((name,), workers=workers, weigh=True)
            found["weights"][name] = _in_process(session, _WEIGHING_LIMIT_S)
    return {**found, "factors": factors(found)}


def _quick(session: Session) -> Session:
    cells = tuple(cell for cell in session.cells if cell.n <= (4096 if cell.task == "noop" else 512))
    return replace(session, cells=cells, rounds=3, trips=50)


def _pairing(pairing: Pairing, session: Session) -> dict[str, Any]:
    return {"peer": pairing.peer, "ours": pairing.ours, **_in_process(session)}


def _in_process(session: Session, limit_s: float = _LIMIT_S) -> dict[str, Any]:
    """Measure a session in a process of its own; ``left_out`` in the answer says why there is nothing in it."""
    for name in session.systems:
        if SYSTEMS[name].version is None:
            return {"left_out": f"{SYSTEMS[name].package} is not installed (the extra 'peers' has it)"}
    with tempfile.TemporaryDirectory(prefix="peers-") as directory:
        file = Path(directory, "found.json")
        command = [sys.executable, "-m", "harness.peers.dispatch_session", session.as_json(), str(file)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=limit_s)
        except subprocess.TimeoutExpired:
            return {"left_out": f"did not end within {limit_s:.0f} s"}
        if done.returncode == 0:
            answer: dict[str, Any] = json.loads(file.read_text("utf-8"))
            return answer
    last = [line for line in done.stderr.splitlines() if line.strip()][-1:]
    return {"left_out": f"failed with exit code {done.returncode}: {''.join(last)}"}


def file_name(pairings: Sequence[Pairing], *, quick: bool) -> str:
    """Return where a comparison is kept: one of some peers, or a quick one, replaces no whole one."""
    some = [pairing.peer for pairing in pairings] if len(pairings) < len(PAIRINGS) else []
    return f"{'-'.join(['dispatch', *some, *(['quick'] if quick else [])])}.json"


def write(found: dict[str, Any], file: Path) -> list[Path]:
    """Write what was measured, and its figure where the plotting libraries are installed; return the files."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found, indent=1, allow_nan=False) + "\n", "utf-8")
    try:
        from harness.report import dispatch_peers
    except ImportError:
        return [file]
    return [file, *dispatch_peers.write(found, file.parent / "figures", name=file.stem)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the tables, write the numbers."""
    options = _options(arguments)
    chosen = [pairing for pairing in PAIRINGS if pairing.peer in (options.peers or [pairing.peer])]
    console, progress = Console(), Console(stderr=True, highlight=False)
    found = compare(chosen, workers=options.workers, rounds=options.rounds, quick=options.quick, tell=progress.print)
    for table in tables(found):
        console.print(table)
    files = write(found, options.place / file_name(chosen, quick=options.quick))
    console.print(f"written: {', '.join(map(str, files))}", markup=False, soft_wrap=True)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="dispatch of zero-compute tasks, ours against bare peers")
    peers = [pairing.peer for pairing in PAIRINGS]
    parser.add_argument("peers", nargs="*", metavar="PEER", help=f"{', '.join(peers)}; default: all")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="three rounds of no more than 4,096 tasks")
    parser.add_argument("--place", type=Path, default=DEFAULT_PLACE, help="directory to write to")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.peers if name not in peers]:
        parser.error(f"no peer {unknown[0]!r}; valid: {', '.join(peers)}")
    return options


if __name__ == "__main__":
    main()
