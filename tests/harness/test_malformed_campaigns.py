"""A malformed campaign is one line that names the key, the rule and the choices; exit code 2; nothing is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.conftest import GOOD, Qhpc

CASES: list[tuple[str, str, str, list[str]]] = [
    # what is wrong, text to replace, replacement, what the line must say
    ("not TOML", "seed = 5", "seed = = 5", [":3:8: TOML syntax", "Invalid value"]),
    ("open string", 'name = "toys"', 'name = "toys', [":2:13: TOML syntax"]),
    ("open table at the end", "n_tasks = [1, 3]\n", "n_tasks = [1, 3", ["TOML syntax", ":15:"]),
    ("key twice", "seed = 5", "seed = 5\nseed = 6", [":4:", "TOML syntax", "overwrite"]),
    ("nested too deeply", "seed = 5", f"seed = {'[' * 3000}", ["TOML syntax", "nested too deeply"]),
    ("unknown top key", "seed = 5", "sede = 5", ["sede: unknown key", "name, seed, description", "'seed'?"]),
    ("unknown app key", "repeats = 2", "repeat = 2", ["apps[0].repeat: unknown key", "warmups", "'repeats'?"]),
    ("unknown pilot key", 'engine = "inline"', "cores = 2", ["pilots[0].cores: unknown key", "cores_per_node"]),
    ("no name", 'name = "toys"\n', "", ["name: missing", "names the results directory"]),
    ("empty name", '"toys"', '""', ["name = ''", "must", "letters, digits"]),
    ("name is a path", '"toys"', '"../toys"', ["name = '../toys'", "letters, digits"]),
    ("name is reserved", '"toys"', '"paper"', ["name: 'paper' is reserved", "asv, paper"]),
    ("name is a number", '"toys"', "3", ["name = 3", "must be a text"]),
    ("no apps", "[[apps]]", "[[app]]", ["app: unknown key", "'apps'?"]),
    ("one bracket", "[[apps]]", "[apps]", ["apps", "must be a list", "[[…]]"]),
    ("app without a name", 'name = "tests.harness.toy:APP"\n', "", ["apps[0].name: missing", "name of a mini-app"]),
    (
        "unknown app",
        "tests.harness.toy:APP",
        "circuit_exection",
        ["apps[0].name", "installed:", "'circuit_execution'?"],
    ),
    ("app that is not there", "toy:APP", "toy:APPS", ["apps[0].name = 'tests.harness.toy:APPS'", "APPS"]),
    ("app whose module is not there", "toy:APP", "toyy:APP", ["apps[0].name", "No module named"]),
    ("app that is no app", "toy:APP", "toy:run", ["apps[0].name", "function, not a MiniApp"]),
    ("seed as text", "seed = 5", 'seed = "5"', ["seed = '5'", "must be a whole number"]),
    ("negative seed", "seed = 5", "seed = -1", ["seed = -1", "at least 0"]),
    ("huge seed", "seed = 5", "seed = 9223372036854775808", ["seed = 9223372036854775808", "at most"]),
    ("no repeats", "repeats = 2", "repeats = 0", ["apps[0].repeats = 0", "at least 1", "measured"]),
    ("repeats as bool", "repeats = 2", "repeats = true", ["apps[0].repeats = True", "must be a whole number"]),
    ("repeats as fraction", "repeats = 2", "repeats = 2.5", ["apps[0].repeats = 2.5", "must be a whole number"]),
    ("negative warm-ups", "warmups = 0", "warmups = -1", ["apps[0].warmups = -1", "at least 0"]),
    ("no time", "warmups = 0", "time_limit_s = 0", ["apps[0].time_limit_s = 0", "greater than 0", "seconds"]),
    ("endless time", "warmups = 0", "time_limit_s = inf", ["apps[0].time_limit_s = inf", "finite"]),
    ("tolerance without a use", "warmups = 0", "tolerance = 0.1", ["apps[0].tolerance", "toy has no parameter"]),
    ("unknown parameter", "n_tasks", "n_task", ["apps[0].params.n_task: unknown", "n_tasks, rounds", "'n_tasks'?"]),
    ("parameter too small", "[1, 3]", "[1, 0]", ["apps[0].params.n_tasks = 0", "at least 1", "tasks to"]),
    ("parameter as text", "[1, 3]", '"four"', ["apps[0].params.n_tasks = 'four'", "must be a whole number"]),
    ("parameter as digits", "[1, 3]", '["1"]', ["apps[0].params.n_tasks = '1'", "must be a whole number"]),
    (
        "not a choice",
        "[1, 3]",
        '1\nbehaviour = "rase"',
        ["params.behaviour = 'rase'", "'ok', 'raise'", "mean 'raise'?"],
    ),
    ("list where an axis is", "[1, 3]", '1\nwords = ["a", "b"]', ["params.words = 'a'", "must be a list", "[[…]]"]),
    ("date", "[1, 3]", "2026-11-22", ["apps[0].params.n_tasks = 2026-11-22", "date"]),
    ("not a number", "[1, 3]", "1\nratio = nan", ["apps[0].params.ratio = nan", "finite"]),
    ("empty axis", "[1, 3]", "[]", ["apps[0].params.n_tasks = []", "at least one value"]),
    ("value twice", "[1, 3]", "[1, 3, 1]", ["apps[0].params.n_tasks", "1 stands twice"]),
    ("params as list", "[apps.params]\nn_tasks = [1, 3]", "params = [1]", ["apps[0].params = [1]", "a table"]),
    (
        "unequal zip",
        "[1, 3]",
        "1\n[apps.zip]\nrounds = [1, 2]\nratio = [1.0]",
        ["apps[0].zip", "rounds has 2", "ratio has 1"],
    ),
    ("zip of no list", "[1, 3]", "1\n[apps.zip]\nrounds = 1", ["apps[0].zip", "rounds", "list"]),
    ("empty zip", "[1, 3]", "1\n[apps.zip]\nrounds = []", ["apps[0].zip.rounds = []", "at least one value"]),
    ("zip and params", "[1, 3]", "1\n[apps.zip]\nn_tasks = [1]", ["apps[0].zip", "'n_tasks' is given twice"]),
    ("unknown in zip", "[1, 3]", "1\n[apps.zip]\nround = [1]", ["apps[0].zip.round: unknown", "'rounds'?"]),
    (
        "wrong in include",
        "[1, 3]",
        "1\n[[apps.include]]\nrounds = 0",
        ["apps[0].include[0].rounds = 0", "at least 1"],
    ),
    ("include again", "[1, 3]", "[1, 3]\n[[apps.include]]\nn_tasks = 3", ["apps[0].include[0]", "from apps[0].params"]),
    ("no reason", "[1, 3]", '1\n[[apps.exclude]]\nwhen = "n_tasks > 1"', ["apps[0].exclude[0].reason: missing", "why"]),
    (
        "empty reason",
        "[1, 3]",
        '1\n[[apps.exclude]]\nreason = ""\nwhen = "n_tasks > 1"',
        ["exclude[0].reason = ''", "not be empty"],
    ),
    ("no condition", "[1, 3]", '1\n[[apps.exclude]]\nreason = "why"', ["exclude[0].when: missing", "condition"]),
    (
        "condition that calls",
        "[1, 3]",
        "1\n[[apps.exclude]]\nreason = \"why\"\nwhen = \"__import__('os').system('id')\"",
        ["apps[0].exclude[0].when", "Call", "is not allowed", "parameter names"],
    ),
    (
        "condition on an unknown name",
        "[1, 3]",
        '1\n[[apps.exclude]]\nreason = "why"\nwhen = "n_task > 3"',
        ["apps[0].exclude[0].when", "unknown name 'n_task'", "n_tasks", "'n_tasks'?"],
    ),
    (
        "condition on two kinds",
        "[1, 3]",
        '1\n[[apps.exclude]]\nreason = "why"\nwhen = "behaviour > 3"',
        ["apps[0].exclude[0].when", "cannot be decided", "'str' and 'int'"],
    ),
    ("unknown engine", '"inline"', '"proceses"', ["pilots[0].engine: 'proceses'", "processes, ray", "'processes'?"]),
    (
        "unknown launcher",
        '"inline"',
        '"inline"\nlauncher = "lcoal"',
        ["pilots[0].launcher: 'lcoal'", "local", "'local'?"],
    ),
    ("no cores", '"inline"', '"processes"\ncores_per_node = 0', ["pilots[0].cores_per_node = 0", "1 or more"]),
    (
        "cores as text",
        '"inline"',
        '"processes"\ncores_per_node = "2"',
        ["pilots[0].cores_per_node = '2'", "a whole number"],
    ),
    ("too many cores", '"inline"', '"processes"\ncores_per_node = 9999', ["cores_per_node = 9999", "may use"]),
    (
        "unknown option",
        '"inline"',
        '"inline"\nengine_options = {fast = 1}',
        ["'here'", "unknown option 'fast'", "it has"],
    ),
    (
        "pilots that differ in their names",
        '"inline"',
        '"inline"\n[[pilots]]\nname = "there"\nengine = "inline"',
        ["pilots: 'there' and 'here' differ only in their names"],
    ),
    (
        "a pilot's name twice",
        '"inline"',
        '"inline"\n[[pilots]]\nname = "here"\nengine = "processes"',
        ["pilots: the name 'here' stands twice"],
    ),
    (
        "more memory than there is",
        "[1, 3]",
        "1\nmemory = 1000000000000000",
        ["does not fit", "909.5 TiB", "--skip-unfit"],
    ),
    ("more cores than there are", "[1, 3]", "1\ncpus = 100000", ["does not fit", "100000 cores"]),
]


@pytest.mark.parametrize(("old", "new", "said"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
@pytest.mark.parametrize("command", ["run", "plan"])
def test_it_is_one_line_and_nothing_is_started(
    qhpc: Qhpc, tmp_path: Path, command: str, old: str, new: str, said: list[str]
) -> None:
    assert GOOD.count(old) == 1, "the table's text must hit one place"
    path = tmp_path / "bad.toml"
    path.write_text(GOOD.replace(old, new))
    done = qhpc(command, path, "--json")
    assert done.code == 2
    errors = [line for line in done.err.splitlines() if not line.startswith("note: ")]
    assert len(errors) == 1
    assert errors[0].startswith("error: ")
    for part in [str(path), *said]:
        assert part in errors[0]
    assert not (tmp_path / "results").exists()


def test_the_table_is_long_enough() -> None:
    assert len(CASES) >= 30


def test_the_campaign_that_the_table_breaks_is_sound(qhpc: Qhpc, tmp_path: Path) -> None:
    path = tmp_path / "good.toml"
    path.write_text(GOOD)
    done = qhpc("plan", path, "--json")
    assert done.code == 0
    assert [case["params"]["n_tasks"] for case in done.json["cases"]] == [1, 3]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"name = '\xff'", "UTF-8"),
        (b"", "missing"),
        (b"\x00", "TOML syntax"),
        (b"name = 'x'\r\napps = [1]", "apps[0]"),
        (b"name = 'x'\npilots = []\napps = []", "at least"),
    ],
)
def test_a_file_that_is_no_campaign_is_one_line_too(qhpc: Qhpc, tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    done = qhpc("run", path)
    assert (done.code, done.out) == (2, "")
    assert len(done.err.splitlines()) == 1
    assert said in done.err


@pytest.mark.parametrize(
    ("spec", "said"), [("qickstart", "'quickstart'?"), ("no/where.toml", "no campaign"), (".", "is a directory")]
)
def test_a_campaign_that_is_not_there_is_told_with_the_shipped_ones(qhpc: Qhpc, spec: str, said: str) -> None:
    done = qhpc("plan", spec)
    assert done.code == 2
    assert said in done.err
