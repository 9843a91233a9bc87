"""The table of commands."""

import typer

from lga_core.cli.commands.app import app
from lga_core.cli.commands.bench import bench
from lga_core.cli.commands.demo import demo
from lga_core.cli.commands.facts import facts
from lga_core.cli.commands.measuring.edit import edit
from lga_core.cli.commands.measuring.many import many
from lga_core.cli.commands.measuring.race import race
from lga_core.cli.commands.measuring.score import score
from lga_core.cli.commands.measuring.sweep import sweep
from lga_core.cli.commands.measuring.trace import trace
from lga_core.cli.commands.models import models
from lga_core.cli.commands.stored.cache import cache
from lga_core.cli.commands.stored.publish import publish
from lga_core.cli.commands.stored.replay import replay
from lga_core.cli.commands.stored.report import report
from lga_core.cli.options import with_common

commands = typer.Typer(
    help="Which layer of a language model to edit a fact at.",
    add_completion=False,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (models, facts, score, trace, edit, many, sweep, race, publish, replay, report, cache, bench, demo):
    commands.command(name=command.__name__)(with_common(command))
commands.command(name="app", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(app)
