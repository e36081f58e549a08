"""Size, build time and load time of the site, for results as shipped and for 10,000 records.

    python -m tests.browser.measure [results] [--rounds 5] [--screenshots DIR]

Writes ``results/site/measured.json`` with the environment. Loading is from disk, until every chart in sight is drawn.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from harness.cases import expand
from harness.environment import describe, load
from harness.record import CheckRecord, MetricRecord, Record
from harness.report.site import build
from harness.spec import parse_campaign
from tests.browser.chromium import DESKTOP, PHONE, Watched, browser

LOADED = """() => new Promise(done => {
  const look = () => {
    const seen = [...document.querySelectorAll('.chart')].filter(p => p.getBoundingClientRect().top < innerHeight);
    if (seen.every(p => p.dataset.drawn)) done(performance.now()); else requestAnimationFrame(look);
  };
  look();
})"""


def many(directory: Path) -> Path:
    """Write 10,010 records of 1,430 cases."""
    campaign = parse_campaign(
        {
            "name": "many",
            "seed": 1,
            "apps": [
                {
                    "name": "circuit_execution",
                    "repeats": 7,
                    "params": {
                        "family": "random",
                        "n_qubits": list(range(2, 12)),
                        "depth": list(range(1, 14)),
                        "shots": [2**power for power in range(11)],
                        "n_circuits": 8,
                    },
                }
            ],
        }
    )
    environment = describe()
    file = directory / "many" / "records" / "made-up.jsonl"
    file.parent.mkdir(parents=True)
    with file.open("w", encoding="utf-8") as stream:
        for number, case in enumerate(expand(campaign).cases):
            for repeat in range(case.repeats):
                stream.write(_record(case, number, repeat, environment).to_line())
    return directory


def _record(case: Any, number: int, repeat: int, environment: dict[str, Any]) -> Record:
    seconds = 1e-3 * 2 ** (case.values["n_qubits"] / 4) * (1 + (number * 7 + repeat) % 13 / 100)
    return Record(
        key=case.key,
        campaign="many",
        app=case.app.name,
        app_version=case.app.version,
        params=case.values,
        pool=case.pool.as_record(),
        seed=case.seed,
        repeat=repeat,
        status="ok",
        check=CheckRecord(verdict="pass"),
        metrics={"time_to_value_s": MetricRecord(value=seconds, unit="s", better="lower")},
        environment=environment,
        started_at="2026-01-01T00:00:00+00:00",
    )


def measure(results: Path, out: Path, *, rounds: int, screenshots: Path | None) -> dict[str, Any]:
    """Build one site and load its pages."""
    start_s = time.perf_counter()
    site = build(results, out)
    built_s = time.perf_counter() - start_s
    pages = ["index.html", "paper.html", *sorted(p for p in site.pages if p.startswith(("campaigns/", "figures/")))]
    files = [file for file in out.rglob("*") if file.is_file()]
    with browser() as started:
        watched = Watched(started)
        loads = {name: _load_s(watched, out / name, rounds) for name in pages[:12]}
        watched.close()
        if screenshots is not None:
            _shoot(started, out, site.pages, screenshots)
    slowest = max(loads, key=lambda name: loads[name])
    return {
        "pages": len(site.pages),
        "bytes": site.size,
        "bytes_of_the_library": (out / "static" / "plotly.min.js").stat().st_size,
        "largest_page_bytes": max(file.stat().st_size for file in files if file.suffix == ".html"),
        "build_s": built_s,
        "load_s": loads,
        "slowest": slowest,
        "slowest_load_s": loads[slowest],
        "troubles": watched.troubles,
    }


def _load_s(watched: Watched, file: Path, rounds: int) -> float:
    """Return the median seconds from the start of the navigation to the last chart in sight."""
    times = []
    for _ in range(rounds):
        watched.page.goto(file.resolve().as_uri(), wait_until="load")
        times.append(float(watched.page.evaluate(LOADED)) / 1e3)
    return median(times)


def _shoot(started: Any, out: Path, pages: list[str], directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for look, options in (("light", {}), ("dark", {"scheme": "dark"}), ("phone", {"viewport": PHONE})):
        watched = Watched(started, **options)
        for name in pages:
            page = watched.open(out / name)
            page.screenshot(path=directory / f"{look}-{name.replace('/', '-')}.png", full_page=look != "dark")
        watched.close()


def main() -> None:
    """Measure both and write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", nargs="?", type=Path, default=Path("results"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--screenshots", type=Path)
    parser.add_argument("--out", type=Path, default=Path("results/site/measured.json"))
    options = parser.parse_args()
    with TemporaryDirectory() as scratch:
        place = Path(scratch)
        many(place / "many-results")
        found = {
            "kind": "measured",
            "what": f"python -m tests.browser.measure --rounds {options.rounds}; window {DESKTOP}",
            "environment": {**describe(), "load_before": load()},
            "shipped": measure(
                options.results, place / "shipped", rounds=options.rounds, screenshots=options.screenshots
            ),
            "10,010 records": measure(place / "many-results", place / "many", rounds=options.rounds, screenshots=None),
        }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    for name in ("shipped", "10,010 records"):
        one: dict[str, Any] = found[name]
        print(  # noqa: T201 - a script that tells what it measured
            f"{name}: {one['pages']} pages, {one['bytes'] / 1e6:.1f} MB, built in {one['build_s']:.1f} s, slowest page "
            f"{one['slowest']} {one['slowest_load_s']:.2f} s"
        )


if __name__ == "__main__":
    main()
