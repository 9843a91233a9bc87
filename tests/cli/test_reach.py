"""Each option reaches what it is for: the settings in the JSON, the stored run, the files, or an error of its own."""

import os
from functools import reduce

import pytest

from lga_core.runs.storage.store import Store

QUICK = ("--set", "steps=2", "--set", "contexts=0", "--set", "covariance=identity", "--limit", 2)
MEASURING = {
    "score": (),
    "trace": ("--index", 0),
    "edit": ("--index", 0, "--layers", 1),
    "many": ("--layers", 1),
    "sweep": (),
    "race": (),
}
SWEEP = ("sweep", "--layers", "1,2", "--method", "middle", *QUICK)
RACE = ("race", "--layers", "1,2", "--method", "middle", *QUICK)
MANY = ("many", "--layers", 1, *QUICK)
EDIT = ("edit", "--index", 0, "--layers", 1, *QUICK[:-2])


@pytest.mark.parametrize("command", MEASURING)
@pytest.mark.parametrize(
    ("option", "value", "words"),
    [("--device", "mps", "'mps' has no float64"), ("--dtype", "float8", "There is no dtype 'float8'.")],
)
def test_device_and_dtype_reach_the_model(here, tiny_folder, fact_file, command, option, value, words):
    answer = here(command, tiny_folder, fact_file, *MEASURING[command], option, value)
    assert answer.code == 2 and words in answer.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "place", "expected"),
    [
        (("score", "--old", "model"), "settings.old", "model"),
        (("score", "--normalize", "cosine"), "settings.normalize", "cosine"),
        (("score", "--known", "unknown"), "settings.known", "unknown"),
        (("score", "--seed", 3), "bootstrap.seed", 3),
        (("score", "--method", "cma", "--seed", 3), "settings.seed", 3),
        ((*SWEEP, "--seed", 3), "bootstrap.seed", 3),
        ((*SWEEP, "--seed", 3), "settings.seed", 0),
        ((*SWEEP, "--set", "seed=3"), "settings.seed", 3),
        ((*RACE, "--seed", 3), "race.seed", 3),
        ((*RACE, "--seed", 3), "settings.seed", 0),
        ((*MANY, "--seed", 3), "settings.seed", 0),
        ((*MANY, "--set", "seed=3"), "settings.seed", 3),
        ((*EDIT, "--seed", 3), "settings.seed", 0),
        ((*EDIT, "--set", "seed=3"), "settings.seed", 3),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, tuple) else str(value),
)
def test_an_option_reaches_the_settings(here, tiny_folder, fact_file, arguments, place, expected):
    command, *options = arguments
    answer = here(command, tiny_folder, fact_file, *options, "--json")
    assert answer.code == 0, answer.err
    found = answer.json[0] if command == "score" else answer.json
    assert reduce(lambda part, name: part[name], place.split("."), found) == expected


def test_a_command_whose_only_seed_is_the_editors_says_so(here, tiny_folder, fact_file):
    noted = "edit does not use --seed. The editor's seed is --set seed=N."
    assert noted in here(EDIT[0], tiny_folder, fact_file, *EDIT[1:], "--seed", 3).err


@pytest.mark.parametrize(
    ("options", "expected"),
    [(("--seed", 3), (3, "cpu, float32")), (("--dtype", "bfloat16", "--device", "cpu"), (0, "cpu, bfloat16"))],
)
def test_a_traces_run_is_of_that_seed_and_machine(here, home, tiny_folder, fact_file, options, expected):
    key = here("trace", tiny_folder, fact_file, "--index", 0, "--set", "draws=1", "--json", *options).json["run"]
    run = Store(home / "runs").find(key).provenance
    assert (run.settings["seed"], run.machine.rpartition(",")[0]) == expected


def test_a_model_that_is_fetched_is_listed(here, tiny_folder):
    answer = here("models", "--fetch", tiny_folder, "--json")
    assert answer.code == 0 and answer.json[-1]["path"] == str(tiny_folder), answer.err


def test_the_cache_is_made_smaller(here, home, tiny_folder, fact_file):
    """By what can be worked out again, here an edit's second moments, and is not in use. Texts stay."""
    assert here("edit", tiny_folder, fact_file, "--index", 0, "--layers", 1, "--set", "steps=1").code == 0
    for path in (home / "derived").rglob("*.*"):
        os.utime(path, (0, 0))
    assert here("cache", "--shrink", 1, "--json").json["freed_bytes"] == 0
    smaller = here("cache", "--shrink", 0, "--json").json
    left = {part["name"]: part["bytes"] for part in smaller["parts"] if part["removable"]}
    assert smaller["freed_bytes"] > 0 and left.pop("texts") > 0 and not any(left.values())
