"""The site: whole, self-contained, the records' numbers in its charts, nothing foreign in its markup."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from harness.cli import main
from harness.report.site import Site, build
from harness.report.summary import summarize
from harness.store import read_records
from tests.harness.publication import html, made_up, stores

Pages = dict[str, html.Page]


@pytest.fixture(name="store", scope="module")
def _store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stores.everything(tmp_path_factory.mktemp("results"))


@pytest.fixture(name="site", scope="module")
def _site(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return build(store, tmp_path_factory.mktemp("site"))


@pytest.fixture(name="pages", scope="module")
def _pages(site: Site) -> Pages:
    return html.read_all(site.index.parent)


# ---------------------------------------------------------------- whole and self-contained


def test_every_page_is_there_and_reachable_from_the_first(site: Site, pages: Pages) -> None:
    assert set(pages) == set(site.pages)
    reached, todo = set(), ["index.html"]
    while todo:
        name = todo.pop()
        if name not in reached:
            reached.add(name)
            todo += [
                _path(pages[name], link, site) for link in pages[name].links if link.split("#")[0].endswith(".html")
            ]
    assert reached == set(pages)


def _path(page: html.Page, link: str, site: Site) -> str:
    target = (page.file.parent / unquote(link.split("#", maxsplit=1)[0])).resolve()
    return target.relative_to(site.index.parent.resolve()).as_posix()


def test_every_link_and_file_exists_and_is_relative(pages: Pages) -> None:
    for name, page in pages.items():
        targets = [*page.links, *page.loaded]
        local = [link for link in targets if not link.startswith(("#", "data:"))]
        assert [link for link in local if re.match(r"[a-z]+:|/", link)] == [], name
        assert [link for link in local if not (page.file.parent / unquote(link.split("#")[0])).exists()] == [], name
        assert [link for link in page.links if link.startswith("#") and link[1:] not in page.ids] == [], name


def test_style_and_script_load_nothing_from_elsewhere(site: Site) -> None:
    for name in ("site.css", "site.js"):
        text = (site.index.parent / "static" / name).read_text("utf-8")
        assert (
            re.findall(r"https?:|//[a-z]|url\(|@import|fetch\(|XMLHttpRequest|import\(", text.replace("// ", "")) == []
        )


def test_pages_can_be_read_without_seeing_them(pages: Pages) -> None:
    for name, page in pages.items():
        assert page.language == "en", name
        assert page.headings.count("h1") == 1, name
        assert all(alt and len(alt) > 20 for alt in page.alts), name
        assert all(page.labels), name
        assert len(page.labels) == len(set(page.labels)), name
        assert len(page.ids) == len(set(page.ids)), name
        assert all(cell.get("scope") for cell in page.header_cells), name


def test_text_of_records_is_never_markup(site: Site, pages: Pages) -> None:
    page = pages["campaigns/fig11.html"]
    assert stores.HOSTILE in page.text
    assert "<script>alert" not in page.file.read_text("utf-8")


# ---------------------------------------------------------------- the numbers


def test_charts_are_what_the_plotting_library_accepts(pages: Pages) -> None:
    import plotly.graph_objects as go

    count = 0
    for page in pages.values():
        for chart in page.charts:
            figure = go.Figure(chart)
            assert len(figure.data) > 0
            count += 1
    assert count >= 7


def test_a_chart_holds_the_medians_of_the_records(store: Path, pages: Pages) -> None:
    (chart,) = pages["figures/fig11-fig11.html"].charts
    named = [one for one in chart["data"] if one.get("name") == "amplitudes, drawn as published"]
    (trace,) = [one for one in named if one["legendgroup"] == "measured"]
    cases = summarize(read_records(store / "fig11").records)
    medians = {
        case.params["cuts"]: case.main.median
        for case in cases
        if case.params["executor"] == "amplitude" and case.main is not None
    }
    assert dict(zip(trace["x"], trace["y"], strict=True)) == pytest.approx(medians, rel=1e-6)
    assert len(trace["error_y"]["array"]) == len(trace["y"])


def test_measured_published_and_projected_look_different(pages: Pages) -> None:
    charts = pages["campaigns/table3.html"].charts
    looks = {one["legendgroup"]: one["line"].get("dash", "solid") for one in charts[0]["data"] if "legendgroup" in one}
    assert looks == {"measured": "solid", "published": "dash"}
    assert "open" in next(one for one in charts[0]["data"] if one["legendgroup"] == "published")["marker"]["symbol"]


def test_predictions_stand_beside_their_measurements(pages: Pages) -> None:
    page = pages["models.html"]
    points = page.charts[0]["data"][0]
    ratios = [p / m for p, m in zip(points["y"], points["x"], strict=True)]
    assert ratios == pytest.approx([1.3 / 1.03] * len(ratios), rel=0.05)
    assert "qdreamer" in page.text


def test_commits_are_compared_with_a_verdict(pages: Pages) -> None:
    text = pages["history.html"].text
    assert "1a2b3c4d5e against 9f8e7d6c5b" in text
    assert "worse" in text
    assert "1.500" in text


def test_tasks_over_time_are_drawn_and_exported(site: Site, pages: Pages) -> None:
    page = pages["campaigns/table3.html"]
    tasks = page.charts[-1]
    assert sum(len(one["x"]) for one in tasks["data"]) == 20
    assert [link for link in page.links if link.endswith(".perfetto.json")]
    assert "To keep some: qhpc run fig11 --traces" in pages["campaigns/fig11.html"].text


def test_middleware_environment_and_claims_are_told(pages: Pages) -> None:
    assert "commit 1a2b3c4d5e" in pages["middleware.html"].text
    assert all(words in pages["environment.html"].text for words in ("node1 (made up, 2 cores)", "numpy", "2.2.6"))
    paper = pages["paper.html"].text
    assert all(words in paper for words in ("Two cuts are the best.", "holds", "not testable here", "qhpc paper fig9"))


def test_peers_are_told_by_what_differs_with_the_factor_of_each(pages: Pages) -> None:
    page = pages["middleware.html"]
    bars = [dict(zip(bar["y"], bar["x"], strict=True)) for chart in page.charts for bar in chart["data"]]
    assert bars == [
        {"n_qubits 24: reference": 96, "n_qubits 20: reference": 80},
        {"4 qubits: theirs": 4, "2 qubits: theirs": 2},
    ]
    assert all(words in page.text for words in ("In every row: family ghz.", "80 x", "faster than reference", "160 s"))
    assert "environment" not in page.text


# ---------------------------------------------------------------- around it


def test_a_site_is_replaced_and_nothing_else_is(store: Path, tmp_path: Path, capsys) -> None:
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter1.tex").write_text("years of work", "utf-8")
    with pytest.raises(SystemExit) as end:
        main(["site", "--results", str(store), "--out", str(other)])
    assert end.value.code == 2
    assert "holds files that are no site" in capsys.readouterr().err
    assert (other / "chapter1.tex").read_text("utf-8") == "years of work"


def test_without_records_it_says_so(tmp_path: Path, capsys) -> None:
    with pytest.raises(SystemExit) as end:
        main(["site", "--results", str(tmp_path), "--out", str(tmp_path / "site")])
    assert end.value.code == 6
    assert "no records there" in capsys.readouterr().err


def test_asv_histories_and_pages_are_taken_in(tmp_path: Path) -> None:
    machine = tmp_path / "results" / "asv" / "node1"
    machine.mkdir(parents=True)
    (machine / "machine.json").write_text("{}", "utf-8")
    for number, commit in enumerate(("a" * 40, "b" * 40)):
        results = {
            "suite.track_seconds": [[1.0 + number], [], "version"],
            "suite.broken": [None, [], "version"],
            "cases.time_run": [[4.0, 2.0 + number, float("nan")], [["'one'", "'two'", "'three'"]], "version"],
        }
        entry = {"commit_hash": commit, "date": number, "results": results}
        (machine / f"{commit[:8]}-env.json").write_text(json.dumps(entry), "utf-8")
    (tmp_path / "html").mkdir()
    (tmp_path / "html" / "index.html").write_text("<!doctype html><title>asv</title>", "utf-8")
    made_up.write(tmp_path / "results", made_up.records("fig11", repeats=1))
    site = build(tmp_path / "results", tmp_path / "site", asv_html=tmp_path / "html")
    page = html.read(site.index.parent / "history.html")
    drawn = [{line["name"]: line["y"] for line in chart["data"]} for chart in page.charts]
    assert drawn == [{"suite.track_seconds": [1, 2]}, {"one": [1, 1], "two": [1, 1.5]}]
    assert "2.000" in page.text
    assert "asv/index.html" in page.links
