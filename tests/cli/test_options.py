"""Which of the shared options each command offers: those that it reads, so that none is ignored without a word."""

import json
from dataclasses import fields

import typer

from lga_core.cli.options import Common, FactsOptions, ModelOptions, SeededOptions
from lga_core.cli.table import SETTINGS, commands
from lga_core.settings import flat_names

EVERY = {field.name for field in fields(Common)}
MODEL = {field.name for field in fields(ModelOptions)}
FACTS = {field.name for field in fields(FactsOptions)}
SEEDED = {field.name for field in fields(SeededOptions)}
OFFERED = {
    "models": MODEL,
    "facts": EVERY,
    "score": SEEDED,
    "trace": SEEDED,
    "edit": MODEL | {"chat"},
    "many": FACTS,
    "sweep": SEEDED,
    "race": SEEDED,
    "edits": MODEL,
    "publish": EVERY,
    "replay": MODEL,
    "report": EVERY,
    "cache": EVERY,
    "bench": EVERY | {"limit", "seed", "accept_terms"},
    "demo": MODEL,
    "app": set(),
}


def test_each_command_offers_the_shared_options_that_it_reads():
    made = typer.main.get_command(commands).commands
    assert {
        name: {item.name for item in command.params if not item.hidden} & SEEDED for name, command in made.items()
    } == OFFERED


def test_the_help_of_a_command_names_every_setting_that_it_takes(here):
    made = typer.main.get_command(commands).commands
    assert {*SETTINGS} == {name for name, command in made.items() if "set_" in {item.name for item in command.params}}
    for command, kinds in SETTINGS.items():
        _options, settings = here(command, "--help").out.split("Settings for --set, with their defaults:")
        for owner, kind in kinds.items():
            (line,) = [text for text in settings.split("\n\n") if owner in text.partition(":")[0].strip().split(", ")]
            listed = [item.partition("=")[0] for item in " ".join(line.partition(":")[2].split()).split(", ")]
            assert listed == list(flat_names(kind)), (command, owner)


def test_another_one_is_taken_and_told(here, fact_file):
    every = ("--limit", "2", "--shuffle", "1", "--seed", "3", "--device", "cpu", "--dtype", "float32", "--accept-terms")
    plain = here("facts", fact_file, "--json")
    answer = here("facts", fact_file, "--json", *every)
    assert answer.code == 0 and json.loads(answer.out) == json.loads(plain.out)
    note = "facts does not use --limit, --shuffle, --seed, --device, --dtype, --accept-terms."
    assert note in answer.err and note not in plain.err
    assert note not in here("facts", fact_file, "--json", "--quiet", *every).err


def test_what_no_command_knows_is_refused(here, fact_file):
    answer = here("facts", fact_file, "--limits", "2")
    assert answer.code == 2 and answer.err.startswith("No such option: --limits")
