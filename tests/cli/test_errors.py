"""Every way to ask for the wrong thing: one line that names the cause and the remedy, exit code 2, no traceback."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from cli.conftest import ROOT

from lga_core.cli import main
from lga_core.cli.options import settings_of
from lga_core.editing.settings import RankOneSettings, ValueSettings


@pytest.fixture
def one_line(here):
    """Runs a command that must fail and returns its one line."""

    def call(*arguments: object) -> str:
        answer = here(*arguments)
        lines = answer.err.strip().splitlines()
        assert (answer.code, answer.out) == (2, "") and lines and "Traceback" not in answer.err
        assert "unexpected" not in lines[-1]
        return lines[-1]

    return call


CASES = [
    (("score", "MODEL", "FACTS", "--method", "best"), ("no method 'best'", "lga, cma-mlp")),
    (("score", "MODEL", "FACTS", "--old", "mine"), ("mine", "data")),
    (("score", "MODEL", "FACTS", "--fences", "wide"), ("--fences wide", "none")),
    (("score", "MODEL", "FACTS", "--fences", "-1"), ("--fences -1", "none")),
    (("score", "MODEL", "FACTS", "--fences", "nan"), ("--fences nan", "none")),
    (("score", "MODEL", "FACTS", "--limit", "0"), ("--limit", "--help")),
    (("score", "MODEL", "FACTS", "--seed", "-1"), ("--seed", "--help")),
    (("score", "MODEL", "FACTS", "--limit", "many"), ("--limit", "--help")),
    (("score", "MODEL", "FACTS", "--set", "speed=1"), ("speed=1", "NAME=VALUE")),
    (("score", "MODEL", "FACTS", "--method", "cma", "--set", "draws=few"), ("draws", "another value")),
    (("score", "MODEL", "FACTS", "--method", "cma", "--set", "draws=0"), ("draws", "another value")),
    (("score", "MODEL", "FACTS", "--method", "middle", "--set", "nonsense=1"), ("nonsense=1", "leave it out")),
    (
        ("score", "MODEL", "FACTS", "--method", "lga", "--method", "cma", "--set", "steps=1"),
        ("steps=1", "old, loss, w"),
    ),
    (("score", "MODEL", "FACTS", "--method", "cma", "--loss", "answer"), ("--loss", "CMA, MLP", "as lga")),
    (("score", "MODEL", "FACTS", "--method", "middle", "--old", "model"), ("--old", "Middle layer", "as lga")),
    (("score", "MODEL", "FACTS", "--method", "gradnorm-new", "--rank", "magnitude"), ("--rank", "as lga")),
    (("score", "MODEL", "FACTS", "--method", "ig", "--fences", "none"), ("--fences", "as lga")),
    (("score", "MODEL", "FACTS", "--out", "/nowhere/at/all.json"), ("/nowhere/at", "another file")),
    (("score", "MODEL", "nothing-like-it"), ("nothing-like-it", "shipped set")),
    (("score", "no/such/folder", "FACTS"), ("no folder or file no/such/folder", "Check the path")),
    (("score", "EMPTY", "FACTS"), ("no config.json", "save_pretrained")),
    (("score", "MODEL"), ("FACTS", "--help")),
    (("score", "MODEL", "FACTS", "--surprise"), ("--surprise", "--help")),
    (("trace", "MODEL", "FACTS", "--index", "9"), ("no record 9", "0 to 4")),
    (("trace", "MODEL", "FACTS", "--index", "-1"), ("no record -1", "0 to 4")),
    (("trace", "MODEL", "FACTS", "--index", "3"), ("Record 3", "another one")),
    (("trace", "MODEL", "FACTS"), ("--index", "--average", "--help")),
    (("trace", "MODEL", "FACTS", "--index", "0", "--average"), ("Both", "--average")),
    (("trace", "MODEL", "FACTS", "--average"), ("no trace to average", "not known by the model: 4")),
    (("trace", "MODEL", "FACTS", "--index", "0", "--kind", "heads"), ("heads", "hidden")),
    (("edit", "MODEL", "FACTS", "--index", "0", "--layers", "0", "--editor", "magic"), ("no editor 'magic'", "r-rome")),
    (("edit", "MODEL", "FACTS", "--index", "0", "--layers", "4"), ("no layer 4", "0 to 3")),
    (("edit", "MODEL", "FACTS", "--index", "0", "--layers", "0-999999999999"), ("no layer 4", "0 to 3")),
    (("edit", "MODEL", "FACTS", "--index", "0", "--layers", "1,1"), ("twice", "once")),
    (("edit", "MODEL", "FACTS", "--index", "0", "--layers", "3-1"), ("'3-1' counts down", "0-3")),
    (("edit", "MODEL", "FACTS", "--index", "0", "--layers", "last"), ("'last'", "5,6")),
    (
        ("many", "MODEL", "FACTS", "--layers", "0", "--editor", "alphaedit", "--set", "covariance=identity"),
        ("no null space", "another value"),
    ),
    (("edit", "MODEL", "FACTS", "--index", "4", "--layers", "0"), ("no new answer", "target_new")),
    (
        ("edit", "MODEL", "FACTS", "--index", "0", "--layers", "0", "--save", "/nowhere/at/all.zip"),
        ("/nowhere/at", "another file"),
    ),
    (("edit", "MODEL", "FACTS", "--index", "0", "--layers", "0", "--save", "FACTS"), ("there already", ".zip")),
    (("edit", "MODEL", "FACTS", "--index", "0", "--layers", "0", "--export", "MODEL"), ("there already", "new folder")),
    (
        ("edit", "MODEL", "FACTS", "--index", "0", "--layers", "0", "--export", "/nowhere/at/all"),
        ("/nowhere/at", "another folder"),
    ),
    (("edit", "MODEL", "FACTS", "--index", "0", "--layers", "0", "--lora-rank", "2"), ("--lora-rank", "--export-lora")),
    (("bench", "nothing"), ("no benchmark 'nothing'", "lga")),
    (("models", "--fetch", "nothing"), ("no model 'nothing'", "The catalogue has")),
    (("dance",), ("dance", "--help")),
    ((), ("command", "--help")),
]


@pytest.mark.parametrize(("arguments", "words"), CASES, ids=[" ".join(case[0]) for case in CASES])
def test_one_line_with_cause_and_remedy(one_line, tiny_folder, fact_file, tmp_path, arguments, words):
    places = {"MODEL": tiny_folder, "FACTS": fact_file, "EMPTY": tmp_path}
    line = one_line(*(places.get(argument, argument) for argument in arguments))
    for word in words:
        assert word.lower() in line.lower()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param("[{", "broken JSON", id="broken"),
        pytest.param("[]", "empty", id="empty"),
        pytest.param('[{"prompt": "a", "subject": "b", "target_new": "c"}]', "no fact that can be used", id="no fact"),
    ],
)
def test_a_fact_file_that_cannot_be_used(one_line, tiny_folder, tmp_path, content, words):
    path = tmp_path / "facts.json"
    path.write_text(content)
    assert words in one_line("score", tiny_folder, path)


@pytest.mark.parametrize(
    ("assignments", "expected"),
    [
        ([], RankOneSettings(seed=7)),
        (["covariance=identity", "ridge=0"], RankOneSettings(seed=7, covariance="identity", ridge=0.0)),
        (["steps=3"], RankOneSettings(seed=7, value=ValueSettings(steps=3))),
        (["seed=8"], RankOneSettings(seed=8)),
    ],
)
def test_settings_come_from_options_and_assignments(assignments, expected):
    assert settings_of(RankOneSettings, {"seed": 7, "old": "not a setting of editors"}, assignments) == expected


def test_a_process_ends_with_code_2_and_one_line(lga):
    answer = lga("facts", "nothing-like-it")  # needs no model, which takes seconds to import
    assert (answer.code, answer.out, len(answer.err.splitlines())) == (2, "", 1)


def test_an_unexpected_error_is_one_line_too(here, monkeypatch, fact_file):
    monkeypatch.setattr("lga_core.cli.commands.facts.load_facts", lambda name: 1 / 0)
    answer = here("facts", fact_file)
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert "unexpected error (ZeroDivisionError" in answer.err and "LGA_TRACEBACK=1" in answer.err
    monkeypatch.setenv("LGA_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        here("facts", fact_file)


@pytest.mark.parametrize(
    ("command", "module", "words"),
    [
        ("facts", "facts", "Stopped."),
        ("score", "measuring.score", "Stopped. What was finished is kept: the same command goes on from there."),
    ],
)
def test_ctrl_c_promises_no_more_than_is_kept(here, monkeypatch, fact_file, command, module, words):
    def interrupted(name):
        raise KeyboardInterrupt

    monkeypatch.setattr(f"lga_core.cli.commands.{module}.load_facts", interrupted)
    answer = here(command, *(["tiny"] if command == "score" else []), fact_file)
    assert (answer.code, answer.out, answer.err) == (130, "", f"{words}\n")


def test_a_score_that_was_stopped_goes_on_from_the_rows_that_it_has(lga, tiny_folder, tmp_path):
    """Stopped at the first rows, of LGA, with most of the work before it: integrated gradients in many steps."""
    count = 20
    shared = {"subject": "The Space Needle", "target_new": "Boston", "ground_truth": ["Seattle"]}
    records = [{**shared, "prompt": f"House {number} of The Space Needle is"} for number in range(count)]
    file, home = tmp_path / "numbered.json", tmp_path / "home"
    file.write_text(json.dumps(records))
    methods = ("--method", "lga", "--method", "ig", "--set", "steps=64")
    asked = ("score", tiny_folder, file, *methods, "--quiet", "--json")
    own = {"LGA_HOME": str(home), "LGA_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "lga_core", *map(str, asked)]
    with subprocess.Popen(
        command,
        env=os.environ | own,
        cwd=ROOT,
        text=True,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # which a shell's background job ignores
    ) as process:
        while process.poll() is None and not run_files(home):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.wait(600) == 130 and process.stderr.read().startswith("Stopped. What was finished is kept")
    kept = run_files(home)
    assert kept
    answer = lga(*asked, **own)
    assert answer.code == 0 and [item["n_facts"] for item in answer.json] == [count, count]
    for path, lines in kept.items():
        assert path.read_text().splitlines()[: len(lines)] == lines, "what was finished is not measured again"


def run_files(home):
    """The whole lines of each run that has a row."""
    runs = {path: path.read_text().splitlines(keepends=True) for path in (home / "runs").glob("*.jsonl")}
    whole = {path: [line.strip() for line in lines if line.endswith("\n")] for path, lines in runs.items()}
    return {path: lines for path, lines in whole.items() if len(lines) > 1}


def test_help_goes_to_stdout(capfd):
    assert main(["score", "--help"]) == 0
    out = capfd.readouterr().out
    assert "--method" in out and "--accept-terms" in out


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, lga_core; print([name for name in ('torch', 'transformers', 'numpy') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
