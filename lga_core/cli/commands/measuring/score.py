"""`score`: every layer's score by one or several methods, and the layers that they pick."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lga_core.cli.options import FactsName, ModelName, SeededOptions, Set, parse_fences, settings_of_each
from lga_core.cli.output import answer, attributes, origin, progress_line, table
from lga_core.data.load import load_facts
from lga_core.errors import LgaError
from lga_core.results import LayerScores, LeftOut, Stored
from lga_core.scores.selection import signs
from lga_core.settings import flat_values
from lga_core.view.words.protocol import not_asked_words
from lga_core.view.words.scores.options import loss_note
from lga_core.view.words.sentences import cost_sentence, firmness_sentence, pick_sentence, sign_sentence, unused_reasons

if TYPE_CHECKING:
    from lga_core.scores.methods import Method


def score(
    common: SeededOptions,
    model: ModelName,
    facts: FactsName,
    method: Annotated[list[str] | None, typer.Option(help="lga, cma-mlp, gradxact, …; repeatable.")] = None,
    old: Annotated[Literal["data", "model"], typer.Option(help="Whose old answer.")] = "data",
    loss: Annotated[
        Literal["sequence", "answer"], typer.Option(help="LGA's loss: of prompt and answer, or of the answer alone.")
    ] = "sequence",
    scope: Annotated[Literal["mlp", "mlp-down", "attention", "block"], typer.Option(help="Which weights.")] = "mlp",
    normalize: Annotated[Literal["raw", "cosine"], typer.Option(help="Products, or divided by both norms.")] = "raw",
    fences: Annotated[str, typer.Option(metavar="FACTOR|none", help="Factor of the outlier fences.")] = "1.0",
    rank: Annotated[Literal["signed", "magnitude"], typer.Option(help="Order of the totals.")] = "signed",
    known: Annotated[Literal["all", "known", "unknown"], typer.Option(help="Which facts enter.")] = "all",
    set_: Set = None,
) -> None:
    """Score every layer; each method names its golden layers."""
    from lga_core.evaluation.memory_need import scoring_need
    from lga_core.runs.tasks import score_layers
    from lga_core.scores.methods import MEASUREMENTS, View, method_named

    methods = list(dict.fromkeys(map(method_named, method or ["lga"])))
    fact_set = load_facts(facts)
    chosen = common.choose(fact_set)
    view = View(scope=scope, normalize=normalize, rank=rank, fences=parse_fences(fences), known=known, seed=common.seed)
    view_options = {"scope": scope, "normalize": normalize, "fences": view.fences, "rank": rank}
    _refuse_unread({"old": old, "loss": loss, **view_options}, methods)
    measured = list(dict.fromkeys(item.measurement for item in methods if item.measurement))
    kinds = [MEASUREMENTS[name].settings for name in measured]
    given = {"old": old, "loss": loss, "seed": common.seed}
    asked = settings_of_each([(kind, kind.given(given)) for kind in kinds], set_)
    settings = dict(zip(measured, asked, strict=True))
    store = common.store(model, facts)
    reports: list[dict[str, Any]] = []
    texts: list[str] = []
    with progress_line(common) as report:
        loaded = common.load(model, report)
        for item in methods:
            if item.measurement is not None:
                report.show_memory(item.title, scoring_need(loaded, [item.measurement], len(chosen)))
            scores, stored = score_layers(
                loaded, fact_set.name, chosen, item.name, settings.get(item.measurement), view, store, report=report
            )
            over_cap = settings["forecast"].left_out(chosen) if item.measurement == "forecast" else None
            reports.append(_report(model, scores, stored, over_cap))
            texts.append(_text(scores, stored, over_cap))
    answer(common, reports, "\n\n".join(texts))


def _refuse_unread(options: Mapping[str, Any], methods: Sequence["Method"]) -> None:
    """Raise LgaError for an option that is not at its default and that none of the methods reads."""
    from lga_core.scores.methods import View, settings_read
    from lga_core.scores.settings import GradientSettings

    defaults = flat_values(GradientSettings()) | flat_values(View())
    read = frozenset().union(*map(settings_read, methods))
    for name, value in options.items():
        if value != defaults[name] and name not in read:
            raise LgaError(
                f"--{name} changes nothing of {', '.join(item.title for item in methods)}.",
                hint="Leave it out, or add a method that reads it, as lga.",
            )


def _report(model: str, scores: LayerScores, stored: Stored | None, over_cap: LeftOut | None) -> dict[str, Any]:
    """`over_cap`: the probes that the forecast does not measure; None for other methods, which have none."""
    selection = scores.selection
    bootstrap = scores.bootstrap
    return {
        "model": model,
        **attributes(scores, "method", "settings"),
        "facts": [attributes(row, "record", "status", "old_answer", "old_source", "known") for row in scores.rows],
        **attributes(scores, "n_facts", "layers"),
        "per_fact": [values if row.used else None for row, values in zip(scores.rows, scores.per_fact, strict=True)],
        **attributes(scores, "total", "total_is"),
        "excluded_layers": sorted(selection.excluded_layers),
        "excluded_why": selection.excluded_layers,
        **attributes(selection, "fences", "ranking", "golden_layer", "golden_layers", "reason"),
        "bootstrap": bootstrap
        and {
            **attributes(bootstrap, "draws", "seed", "share"),
            "interval": [bootstrap.low, bootstrap.high],
            "margin": bootstrap.margin,
        },
        **({} if over_cap is None else {"left_out": over_cap}),
        **asdict(scores.cost),
        **origin(stored),
    }


def _text(scores: LayerScores, stored: Stored | None, over_cap: LeftOut | None) -> str:
    selection, lga = scores.selection, scores.method == "lga"
    order = {layer: place for place, layer in enumerate(selection.ranking, start=1)}
    rows = [
        [layer, float(total), order.get(layer), selection.excluded_layers.get(layer, "")]
        for layer, total in enumerate(scores.total)
    ]
    return "\n".join(
        filter(
            None,
            [
                pick_sentence(scores),
                firmness_sentence(scores),
                *((f"{loss_note(scores.settings).capitalize()}.", sign_sentence(scores, signs(scores))) if lga else ()),
                *(
                    f"Records not used, {reason}: {', '.join(map(str, records))}"
                    for reason, records in unused_reasons(scores).items()
                ),
                not_asked_words(over_cap, None) if over_cap is not None else None,
                cost_sentence("Measured in", scores.cost) if stored else None,
                "Answered from the store." if stored and stored.from_store else None,
                table(["layer", scores.total_is, "rank", "excluded"], rows),
            ],
        )
    )
