"""The table of commands, and the settings that the help of each names."""

from collections.abc import Mapping

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
from lga_core.cli.commands.stored.edits import edits
from lga_core.cli.commands.stored.publish import publish
from lga_core.cli.commands.stored.replay import replay
from lga_core.cli.commands.stored.report import report
from lga_core.cli.options import with_common
from lga_core.editing.table import EDITORS
from lga_core.evaluation.settings import ManyEditsSettings, MetricSettings, SweepMetrics
from lga_core.scores.methods import MEASUREMENTS, METHODS
from lga_core.scores.settings import CmaSettings
from lga_core.settings import flat_values

OF_EDITORS = {item.name: item.settings for item in EDITORS.values()}
SETTINGS: Mapping[str, Mapping[str, type]] = {  # by command: whose settings --set changes
    "score": {item.name: MEASUREMENTS[item.measurement].settings for item in METHODS.values() if item.measurement},
    "trace": {"the trace": CmaSettings},
    "edit": {**OF_EDITORS, "the probes": MetricSettings},
    "many": {**OF_EDITORS, "edits and measuring": ManyEditsSettings},
    "sweep": {**OF_EDITORS, "the probes": SweepMetrics},
    "race": OF_EDITORS,
}


def settings_help(kinds: Mapping[str, type]) -> str:
    """Each setting with its default, as it is typed; a paragraph for each settings class."""
    owners: dict[type, list[str]] = {}
    for name, kind in kinds.items():
        owners.setdefault(kind, []).append(name)
    paragraphs = [
        f"{', '.join(names)}: {', '.join(f'{key}={value}'.lower() for key, value in flat_values(kind()).items())}"
        for kind, names in owners.items()
    ]
    return "\n\n".join(["Settings for --set, with their defaults:", *paragraphs])


commands = typer.Typer(
    help="Which layer of a language model to edit a fact at.",
    add_completion=False,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
COMMANDS = (
    *(models, facts, score, trace, edit, many, sweep, race),
    *(edits, publish, replay, report, cache, bench, demo),
)
for command in COMMANDS:
    kinds = SETTINGS.get(command.__name__)
    commands.command(name=command.__name__, epilog=settings_help(kinds) if kinds else None)(with_common(command))
commands.command(name="app", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(app)
