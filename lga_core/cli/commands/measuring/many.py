"""`many`: hundreds of edits one after another or in batches, and where they collapse."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from lga_core.cli.commands.measuring.sweep_report import NOT_SWEPT, FactsToSweep
from lga_core.cli.options import EditorName, FactsName, FactsOptions, ModelName, Set, settings_of_each
from lga_core.cli.output import answer, attributes, if_stored, origin, progress_line, table
from lga_core.data.asked import parse_layers
from lga_core.data.facts import Fact
from lga_core.results import ManyEdits, Stored
from lga_core.view.words.edits.many import COLLAPSE_RULE, checkpoint_rows, collapse_sentence, counts_sentence
from lga_core.view.words.sentences import cost_sentence, layers_in_words
from lga_core.view.words.text import count


def many(
    common: FactsOptions,
    model: ModelName,
    facts: FactsName,
    layers: Annotated[str, typer.Option(metavar="L[,L…]", help="Where to edit: 5 or 5,6 or 0-3.")],
    editor: EditorName = "r-rome",
    edits: Annotated[int | None, typer.Option(min=1, help="Edit only so many of the facts; else all.")] = None,
    batch: Annotated[int, typer.Option(help="Facts in one solve; 1: one after another.")] = 1,
    every: Annotated[int, typer.Option(help="Measure every so many edits.")] = 25,
    set_: Set = None,
) -> None:
    """Edit many facts, each on the model with all earlier edits, and measure how they fare."""
    from lga_core.editing.table import editor_named
    from lga_core.evaluation.memory_need import editing_need
    from lga_core.evaluation.settings import ManyEditsSettings
    from lga_core.runs.experiments.many_edits import many_edits

    chosen = editor_named(editor)
    schedule = {"batch": batch, "every": every}
    settings, how = settings_of_each([(chosen.settings, {}), (ManyEditsSettings, schedule)], set_)
    at = parse_layers(layers)
    asked = FactsToSweep.of(common, facts)
    edited = asked.edited[:edits]
    with progress_line(common) as report:
        loaded = common.load(model, report)
        chosen.check(loaded, edited[: how.batch], at)
        report.show_memory(chosen.title, editing_need(loaded, at, settings, facts=how.batch))
        result, stored = many_edits(
            loaded, asked.name, edited, at, editor, settings, how, common.store(model, facts), report=report
        )
    answer(common, _report(model, asked, edited, result, stored), _text(chosen.title, asked, result, stored))


def _report(
    model: str, asked: FactsToSweep, edited: Sequence[Fact], result: ManyEdits, stored: Stored
) -> dict[str, Any]:
    made = {fact.record for fact in edited}

    def status(fact: Fact) -> str:
        return "edited" if fact.record in made else "not reached" if fact.target_new else NOT_SWEPT

    return {
        "model": model,
        "facts": asked.name,
        **attributes(result, "editor", "layers", "settings", "how", "planned", "left_out", "dropped_locality"),
        "records": [{"record": fact.record, "status": status(fact)} for fact in asked.facts],
        "rule": COLLAPSE_RULE,
        "collapse": result.collapse and asdict(result.collapse),
        "checkpoints": [asdict(checkpoint) for checkpoint in result.checkpoints],
        "seconds": result.cost.seconds,
        **origin(stored),
    }


def _text(title: str, asked: FactsToSweep, result: ManyEdits, stored: Stored) -> str:
    rows = checkpoint_rows(result)
    return "\n".join(
        [
            f"{title} on {asked.name}, {count(result.planned, 'fact')} at {layers_in_words(result.layers)}, "
            f"{result.how['batch']} at a time. {collapse_sentence(result)}",
            COLLAPSE_RULE,
            counts_sentence(result),
            *asked.left_out("edited"),
            cost_sentence("All of it", result.cost) + if_stored(stored),
            table(list(rows[0]), [list(row.values()) for row in rows]),
        ]
    )
