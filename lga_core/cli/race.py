"""`race`: the best few layers of a ranking, swept on few facts until one is left or the budget is spent."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from lga_core.cli.memory import tell_memory
from lga_core.cli.options import Common, FactsName, ModelName, Set, settings_of
from lga_core.cli.output import answer, run, table
from lga_core.cli.sweep import NOT_SWEPT, PROTOCOL, Asked
from lga_core.errors import LgaError
from lga_core.results import Cost, Race, RaceRound, Stored
from lga_core.runs.checks import parse_layers
from lga_core.view.text import count
from lga_core.view.words import cost_sentence, percent

RULE = ("paired differences to the leader over the same facts, Student's t, Bonferroni over rivals and looks "
        "(blocked race: Moore & Lee 1994, Maron & Moore 1994)")


def race(
    common: Common,
    model: ModelName,
    facts: FactsName,
    editor: Annotated[str, typer.Option(help="r-rome, rome, emmet, …")] = "r-rome",
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
    from lga_core.models.loading import load
    from lga_core.runs import races
    from lga_core.runs.store import Store
    from lga_core.runs.tasks import score_layers
    from lga_core.worth.racing import RaceSettings
    from lga_core.worth.selectors import pick_by_scores, selectors_named

    chosen, selector = editor_named(editor), selectors_named([method])[0]
    if selector.method is None:
        raise LgaError("The brute force is the sweep itself: it ranks nothing beforehand.",
                       mend="Race by a score's ranking, as forecast.")
    settings = settings_of(chosen.settings, {"seed": common.seed}, set_)
    how = settings_of(RaceSettings, {"candidates": candidates, "block": block, "confidence": confidence,
                                     "seconds": budget, "rows": budget_rows, "seed": common.seed}, None)
    wanted = None if layers is None else parse_layers(layers)
    asked = Asked.of(common, facts)
    loaded = run(common, load(model, device=common.device, dtype=common.dtype, accept_terms=common.accept_terms))
    at = tuple(range(loaded.layers)) if wanted is None else tuple(sorted(wanted))
    chosen.check(loaded, asked.edited[:1], at)
    tell_memory(common, chosen.title, editing_need(loaded, at, settings))
    store = Store()
    scores, _ = run(common, score_layers(loaded, asked.name, asked.edited, selector.method,
                                         selector.settings(common.seed, settings), selector.choices(common.seed),
                                         store))
    found, stored = run(common, races.race(loaded, asked.name, asked.edited, pick_by_scores(selector, scores, at),
                                           editor, settings, how, store))
    answer(common, _report(model, editor, asdict(settings), asked, found, stored),
           _text(chosen.title, asked, found, stored))


def _report(model: str, editor: str, settings: dict[str, Any], asked: Asked, found: Race,
            stored: Stored) -> dict[str, Any]:
    swept = {fact.record for fact in asked.edited}
    used = set(found.records)

    def status(record: int) -> str:
        return "used" if record in used else "not reached" if record in swept else NOT_SWEPT

    return {
        "model": model, "editor": editor, "settings": settings, "protocol": PROTOCOL, "rule": RULE,
        "method": found.method, "candidates": found.candidates,
        "layer": found.layer, "confidence": found.share, "certain": found.certain, "ending": found.ending,
        "left": found.left, "runner_up": found.runner_up,
        "lead": {"value": found.lead.value, "interval": [found.lead.low, found.lead.high], "n": found.lead.n},
        "race": {**found.settings, "error": found.error, "looks": found.looks},
        "facts": [{"record": fact.record, "status": status(fact.record)} for fact in asked.facts],
        "order": found.records, "n_facts": len(found.records), "cells": found.cells, "most_cells": found.most_cells,
        "rounds": [_round(item) for item in found.rounds],
        **_cost(found.spent),
        "costs": {"ranking": _cost(found.ranking_cost), "race": _cost(found.cost)},
        "run": stored.provenance.key, "from_store": stored.from_store,
    }


def _round(item: RaceRound) -> dict[str, Any]:
    return {
        "facts": item.facts, "compared": item.compared, "layers": item.layers, "leader": item.leader,
        "could_drop": item.could_drop, "dropped": item.dropped, "cells": item.cells,
        "mean": [standing.mean for standing in item.standings],
        "intervals": [[standing.low, standing.high] for standing in item.standings],
        "behind": [{"value": standing.behind, "interval": [standing.behind_low, standing.behind_high]}
                   for standing in item.standings],
        **_cost(item.cost),
    }


def _cost(cost: Cost) -> dict[str, float]:
    return {"seconds": cost.seconds, "forward_rows": cost.forward_rows, "backward_rows": cost.backward_rows}


def _text(title: str, asked: Asked, found: Race, stored: Stored) -> str:
    lines = [
        f"{title} on {asked.name}: layer {found.layer} of {count(len(found.candidates), 'layer')} by {found.title}, "
        f"after {count(len(found.records), 'fact')} of {len(asked.edited)} and {found.cells} of "
        f"{count(found.most_cells, 'edit')}; stopped: {found.ending}.",
        _how_sure(found),
        f"Overall: {PROTOCOL}, percent. Dropping: {RULE}, confidence {found.settings['confidence']:g}.",
        cost_sentence("Ranking", found.ranking_cost) + "; " + cost_sentence("race", found.cost)
        + (", from the store" if stored.from_store else ""),
    ]
    left_out = [str(fact.record) for fact in asked.facts if not fact.target_new]
    if left_out:
        lines.append(f"Records not used, {NOT_SWEPT}: {', '.join(left_out)}")
    rows = []
    for rank, layer in enumerate(found.candidates, 1):
        ran = [item for item in found.rounds if layer in item.layers]
        if not ran:
            rows.append([layer, rank, 0, None, "n/a", ""])
            continue
        standing = ran[-1].standings[ran[-1].layers.index(layer)]
        rows.append([layer, rank, ran[-1].facts, standing.mean, _range(standing.low, standing.high),
                     ran[-1].dropped.get(layer, "")])
    return "\n".join([*lines, table(["layer", "rank", "facts", "Overall", "interval", "dropped"], rows)])


def _how_sure(found: Race) -> str:
    if found.share is None:
        return "How sure that is cannot be said: " + (
            "only one layer raced." if len(found.candidates) == 1 else "too few facts were measured.")
    told = f"No layer beats it in {percent(found.share)} of {found.settings['draws']:,} draws of the facts"
    if found.lead.value is None:
        return f"{told}."
    return (f"{told}; its lead over layer {found.runner_up} is {found.lead.value:.1f} points "
            f"({_range(found.lead.low, found.lead.high)}).")


def _range(low: float | None, high: float | None) -> str:
    return "n/a" if low is None or high is None else f"{low:.1f} to {high:.1f}"
