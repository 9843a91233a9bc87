"""Which of the shared options each command offers: those that it reads, so that none is ignored without a word."""

from dataclasses import fields

import pytest
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
    assert {name: {item.name for item in command.params} & FACTS for name, command in made.items()} == OFFERED


@pytest.mark.parametrize(
    "arguments",
    [
        ("facts", "FACTS", "--limit", "2"),
        ("edit", "MODEL", "FACTS", "--index", "0", "--layers", "0", "--shuffle", "1"),
        ("replay", "nix", "--seed", "1"),
        ("report", "nix", "--device", "cpu"),
    ],
    ids=lambda arguments: f"{arguments[0]} {arguments[-2]}",
)
def test_another_one_is_refused(here, tiny_folder, fact_file, arguments):
    places = {"MODEL": tiny_folder, "FACTS": fact_file}
    answer = here(*(places.get(argument, argument) for argument in arguments))
    assert answer.code == 2 and answer.err.startswith(f"No such option: {arguments[-2]}")
