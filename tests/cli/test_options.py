"""Which of the shared options each command offers: those that it reads, so that none is ignored without a word."""

import json
from dataclasses import fields

import typer

from lga_core.cli.options import Common, FactsOptions, ModelOptions
from lga_core.cli.table import commands

EVERY = {field.name for field in fields(Common)}
MODEL = {field.name for field in fields(ModelOptions)}
FACTS = {field.name for field in fields(FactsOptions)}
OFFERED = {
    "models": MODEL,
    "facts": EVERY,
    "score": FACTS,
    "trace": FACTS,
    "edit": MODEL | {"seed", "chat"},
    "many": FACTS,
    "sweep": FACTS,
    "race": FACTS,
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
        name: {item.name for item in command.params if not item.hidden} & FACTS for name, command in made.items()
    } == OFFERED


def test_another_one_is_taken_and_told(here, fact_file):
    every = ("--limit", "2", "--shuffle", "1", "--seed", "3", "--device", "cpu", "--dtype", "float32", "--accept-terms")
    plain = here("facts", fact_file, "--json")
    answer = here("facts", fact_file, "--json", *every)
    assert answer.code == 0 and json.loads(answer.out) == json.loads(plain.out)
    told = "facts does not use --limit, --shuffle, --seed, --device, --dtype, --accept-terms."
    assert told in answer.err and told not in plain.err
    assert told not in here("facts", fact_file, "--json", "--quiet", *every).err


def test_what_no_command_knows_is_refused(here, fact_file):
    answer = here("facts", fact_file, "--limits", "2")
    assert answer.code == 2 and answer.err.startswith("No such option: --limits")
