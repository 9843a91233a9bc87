"""`race`: the best few layers of a ranking, swept on few facts until one is left or the budget is spent."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from lga_core.cli.commands.measuring.sweep_report import NOT_SWEPT, FactsToSweep
from lga_core.cli.options import EditorName, FactsName, ModelName, SeededOptions, Set, settings_of
from lga_core.cli.output import answer, attributes, if_stored, origin, progress_line, span, table
from lga_core.data.asked import parse_layers
from lga_core.data.facts import Fact
from lga_core.errors import LgaError
from lga_core.evaluation.settings import SWEEP_METRICS
from lga_core.probes.questions import dropped_locality, left_out
from lga_core.results import Race, RaceRound, Stored
from lga_core.view.words.protocol import not_asked_words, protocol_words
from lga_core.view.words.sentences import cost_sentence, percent
from lga_core.view.words.text import count

RULE = (
    "paired differences to the leader over the same facts, Student's t, Bonferroni over rivals and looks "
    "(blocked race: Moore & Lee 1994, Maron & Moore 1994)"
)


def race(
    common: SeededOptions,
    model: ModelName,
    facts: FactsName,
    editor: EditorName = "r-rome",
    method: Annotated[str, typer.Option(help="Whose ranking races: forecast, lga, cma-mlp, middle, …")] = "forecast",
    layers: Annotated[
        str | None, typer.Option(metavar="L[,L…]", help="Race among these only: 0-17 or 3,5,7-9; else all.")
    ] = None,
    candidates: Annotated[int, typer.Option(help="How many race, from the best of the ranking on.")] = 5,
    budget: Annotated[float | None, typer.Option(metavar="SECONDS", help="Ranking and race; else no limit.")] = None,
    budget_rows: Annotated[
        float | None, typer.Option(metavar="ROWS", help="The same in forward and backward rows.")
    ] = None,
    block: Annotated[int, typer.Option(help="Facts a round.")] = 4,
    confidence: Annotated[float, typer.Option(help="That the best of the layers is not dropped.")] = 0.95,
    set_: Set = None,
) -> None:
    """Name a layer by editing at the best few of a ranking on few facts."""
    from lga_core.editing.table import editor_named
    from lga_core.evaluation.memory_need import editing_need
    from lga_core.runs.experiments import races
    from lga_core.worth.racing import RaceSettings
    from lga_core.worth.selectors import pick_by_scores, selectors_named

    chosen = editor_named(editor)
    selector = selectors_named([method])[0]
    if selector.method is None:
        raise LgaError(
            "The brute force is the sweep itself: it ranks nothing beforehand.",
            hint="Race by a score's ranking, as forecast.",
        )
    settings = settings_of(chosen.settings, {}, set_)
    limits = {"seconds": budget, "rows": budget_rows, "seed": common.seed}
    how = settings_of(
        RaceSettings, {"candidates": candidates, "block": block, "confidence": confidence, **limits}, None
    )
    wanted = None if layers is None else parse_layers(layers)
    asked = FactsToSweep.of(common, facts)
    store = common.store(model, facts)
    with progress_line(common) as report:
        loaded = common.load(model, report)
        at = tuple(range(loaded.layers)) if wanted is None else tuple(sorted(wanted))
        chosen.check(loaded, asked.edited[:1], at)
        report.show_memory(chosen.title, editing_need(loaded, at, settings))
        scores = asked.scores(loaded, selector, common.seed, settings, store, report)
        ranking = pick_by_scores(selector, scores, at)
        result, stored = races.race(
            loaded, asked.name, asked.edited, ranking, editor, settings, how, store, report=report
        )
    answer(
        common,
        _report(model, editor, asdict(settings), asked, result, stored),
        _text(chosen.title, asked, result, stored),
    )


def _report(
    model: str, editor: str, settings: dict[str, Any], asked: FactsToSweep, result: Race, stored: Stored
) -> dict[str, Any]:
    swept = {fact.record for fact in asked.edited}
    used = set(result.records)

    def status(record: int) -> str:
        return "used" if record in used else "not reached" if record in swept else NOT_SWEPT

    return {
        "model": model,
        "editor": editor,
        "settings": settings,
        "protocol": protocol_words(SWEEP_METRICS.answers),
        "answers": SWEEP_METRICS.answers,
        "left_out": left_out(_used(asked, result), SWEEP_METRICS.probes),
        "dropped_locality": dropped_locality(_used(asked, result)),
        "rule": RULE,
        **attributes(result, "method", "candidates", "layer"),
        "confidence": result.share,
        **attributes(result, "certain", "ending", "left", "runner_up"),
        "lead": {"value": result.lead.value, "interval": [result.lead.low, result.lead.high], "n": result.lead.n},
        "race": {**result.settings, "error": result.error, "looks": result.looks},
        "facts": [{"record": fact.record, "status": status(fact.record)} for fact in asked.facts],
        "order": result.records,
        "n_facts": len(result.records),
        **attributes(result, "cells", "most_cells"),
        "rounds": [_round(item) for item in result.rounds],
        **asdict(result.spent),
        "costs": {"ranking": asdict(result.ranking_cost), "race": asdict(result.cost)},
        **origin(stored),
    }


def _used(asked: FactsToSweep, result: Race) -> list[Fact]:
    """The facts that the race edited."""
    return [fact for fact in asked.edited if fact.record in set(result.records)]


def _not_asked(asked: FactsToSweep, result: Race) -> str:
    used = _used(asked, result)
    return not_asked_words(left_out(used, SWEEP_METRICS.probes), dropped_locality(used))


def _round(item: RaceRound) -> dict[str, Any]:
    return {
        **attributes(item, "facts", "compared", "layers", "leader", "could_drop", "dropped", "cells"),
        "mean": [standing.mean for standing in item.standings],
        "intervals": [[standing.low, standing.high] for standing in item.standings],
        "behind": [
            {"value": standing.behind, "interval": [standing.behind_low, standing.behind_high]}
            for standing in item.standings
        ],
        **asdict(item.cost),
    }


def _text(title: str, asked: FactsToSweep, result: Race, stored: Stored) -> str:
    lines = [
        f"{title} on {asked.name}: layer {result.layer} of {count(len(result.candidates), 'layer')} by {result.title}, "
        f"after {count(len(result.records), 'fact')} of {len(asked.edited)} and {result.cells} of "
        f"{count(result.most_cells, 'edit')}; stopped: {result.ending}.",
        _how_sure(result),
        f"Overall: {protocol_words(SWEEP_METRICS.answers)}, percent. {_not_asked(asked, result)}",
        f"Dropping: {RULE}, confidence {result.settings['confidence']:g}.",
        f"{cost_sentence('Ranking', result.ranking_cost)}; {cost_sentence('race', result.cost)}{if_stored(stored)}",
    ]
    lines += asked.left_out("used")
    rows = []
    for rank, layer in enumerate(result.candidates, 1):
        ran = [item for item in result.rounds if layer in item.layers]
        if not ran:
            rows.append([layer, rank, 0, None, "n/a", ""])
            continue
        last = ran[-1]
        standing = last.standings[last.layers.index(layer)]
        interval = span(standing.low, standing.high)
        rows.append([layer, rank, last.facts, standing.mean, interval, last.dropped.get(layer, "")])
    return "\n".join([*lines, table(["layer", "rank", "facts", "Overall", "interval", "dropped"], rows)])


def _how_sure(result: Race) -> str:
    if result.share is None:
        return "How sure that is cannot be said: " + (
            "only one layer raced." if len(result.candidates) == 1 else "too few facts were measured."
        )
    share = f"No layer beats it in {percent(result.share)} of {result.settings['draws']:,} draws of the facts"
    if result.lead.value is None:
        return f"{share}."
    return (
        f"{share}; its lead over layer {result.runner_up} is {result.lead.value:.1f} points "
        f"({span(result.lead.low, result.lead.high)})."
    )
