"""The table of commands."""

import typer

from lga_core.cli.app import app
from lga_core.cli.bench import bench
from lga_core.cli.cache import cache
from lga_core.cli.demo import demo
from lga_core.cli.edit import edit
from lga_core.cli.facts import facts
from lga_core.cli.models import models
from lga_core.cli.options import with_common
from lga_core.cli.race import race
from lga_core.cli.replay import replay
from lga_core.cli.score import score
from lga_core.cli.sweep import sweep
from lga_core.cli.trace import trace

commands = typer.Typer(
    help="Which layer of a language model to edit a fact at.",
    add_completion=False,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (models, facts, score, trace, edit, sweep, race, replay, cache, bench, demo):
    commands.command(name=command.__name__)(with_common(command))
commands.command(name="app", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(app)
