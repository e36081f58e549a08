"""Shows what the gate is worth: runs of one commit against itself, and a commit with an injected slowdown.

``python -m harness.gate.demonstrate --out results/gate/gate.json`` measures and stores; on a quiet machine, since it
is the machine's noise that would raise a false alarm.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from harness import environment
from harness.compare import Comparison

from .build import git, toplevel
from .decide import GateResult, Request, gate

_KERNELS: Final = Path("miniapps") / "circuit_execution" / "kernels.py"
_ONLY: Final = "app == 'circuit_execution'"
_SLOWER: Final = '''

_as_it_was = run_batch


def run_batch(*args: Any, **kwargs: Any) -> Any:
    """Take longer than needed, by {share:.0%}: injected, to see whether it is found."""
    import time

    start = time.perf_counter()
    found = _as_it_was(*args, **kwargs)
    end = start + {factor} * (time.perf_counter() - start)
    while time.perf_counter() < end:
        pass
    return found
'''
_AUTHOR: Final = ("-c", "user.name=gate", "-c", "user.email=gate@localhost")


def slowed(repository: Path, factor: float) -> str:
    """Commit a slowdown of the kernels of circuit_execution on top of HEAD; return its hash."""
    file = repository / _KERNELS
    file.write_text(file.read_text("utf-8") + _SLOWER.format(factor=factor, share=factor - 1.0), "utf-8")
    git(repository, *_AUTHOR, "commit", "--quiet", "--all", "--message", f"kernels take {factor} times as long")
    return git(repository, "rev-parse", "HEAD")


def demonstrate(repository: Path, *, pairs: int, factor: float, rounds: int) -> dict[str, Any]:
    """Run the gate on ``pairs`` pairs of equal commits and on one slowed commit, in a clone; return what it said."""
    with tempfile.TemporaryDirectory(prefix="qhpc-gate-") as scratch:
        clone = Path(scratch) / "clone"
        git(repository, "clone", "--quiet", "--shared", str(repository), str(clone))
        base = git(clone, "rev-parse", "HEAD")
        request = Request(
            clone, base, base, only=_ONLY, rounds=rounds, instructions=False, cache=Path(scratch) / "cache"
        )
        equal = [_told(f"A/A {number + 1} of {pairs}", gate(request)) for number in range(pairs)]
        head = slowed(clone, factor)
        different = Request(clone, base, head, only=_ONLY, rounds=rounds, instructions=False, cache=request.cache)
        found = _told(f"{factor} times as slow", gate(different))
    return {
        "kind": "measured",
        "what": "qhpc gate: pairs of equal commits, and one with kernels that take longer",
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "environment": environment.describe(),
        "threshold": request.threshold,
        "rounds": rounds,
        "equal": {
            "pairs": pairs,
            "alarms": sum(one.code != 0 for one in equal),
            "runs": [_short(one) for one in equal],
        },
        "slowed": {"factor": factor, "found": int(found.code) == 5, "run": _short(found)},
    }


def _told(what: str, found: GateResult) -> GateResult:
    ratios = [c.effect.ratio for c in found.first if c.effect.ratio is not None]
    sys.stderr.write(f"{what}: exit code {int(found.code)}, ratios {' '.join(f'{ratio:.3f}' for ratio in ratios)}\n")
    return found


def _short(found: GateResult) -> dict[str, Any]:
    return {
        "exit_code": int(found.code),
        "first": [_numbers(c) for c in found.first],
        "again": [_numbers(c) for c in found.again],
        "worse_counts": [asdict(count) for count in found.worse_counts],
    }


def _numbers(c: Comparison) -> dict[str, Any]:
    return {"app": c.app, "metric": c.metric, "verdict": c.verdict, **asdict(c.effect)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and store; 0 if no equal pair raised an alarm and the slowdown was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--factor", type=float, default=1.2)
    parser.add_argument("--rounds", type=int, default=8)
    given = parser.parse_args(arguments)
    found = demonstrate(toplevel(Path()), pairs=given.pairs, factor=given.factor, rounds=given.rounds)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    return 0 if found["slowed"]["found"] and not found["equal"]["alarms"] else 1


if __name__ == "__main__":
    sys.exit(main())
