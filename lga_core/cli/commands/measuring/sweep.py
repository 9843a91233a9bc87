"""`sweep`: the ground truth at every layer, and what each selector's layer is worth there."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

import typer

from lga_core.cli.commands.measuring.sweep_report import FactsToSweep, JudgedSweep, sweep_report, sweep_text
from lga_core.cli.options import EditorName, FactsName, ModelName, SeededOptions, Set, settings_of_each
from lga_core.cli.output import answer, progress_line
from lga_core.data.asked import parse_layers
from lga_core.results import LayerScores, Stability, Sweep


def sweep(
    common: SeededOptions,
    model: ModelName,
    facts: FactsName,
    editor: EditorName = "r-rome",
    layers: Annotated[str | None, typer.Option(metavar="L[,L…]", help="Where: 0-17 or 3,5,7-9; else all.")] = None,
    test: Annotated[
        str | None, typer.Option(metavar="FACTS2", help="Sweep these facts too and judge the picks from FACTS on them.")
    ] = None,
    method: Annotated[
        list[str] | None, typer.Option(help="A selector: lga, lga-own-old, …; repeatable. Else the quick ones.")
    ] = None,
    ray: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Sweep on a Ray cluster: HOST:PORT of its head, auto, local.")
    ] = None,
    set_: Set = None,
) -> None:
    """Edit every fact at every layer alone, and judge the layer that each selector picks."""
    from lga_core.editing.table import editor_named
    from lga_core.evaluation.memory_need import editing_need
    from lga_core.evaluation.settings import SweepMetrics
    from lga_core.runs.experiments.sweeps import sweep as sweep_here
    from lga_core.runs.ray.connection import require_ray
    from lga_core.runs.ray.driver import sweep_on_ray
    from lga_core.worth.selectors import pick_by_sweep, selectors_named
    from lga_core.worth.transfer import transfer
    from lga_core.worth.verdict import sweep_verdict

    if ray is not None:
        require_ray()
    chosen = editor_named(editor)
    selectors = selectors_named(method)
    settings, metrics = settings_of_each([(chosen.settings, {}), (SweepMetrics, {})], set_)
    wanted = None if layers is None else parse_layers(layers)
    proxy = FactsToSweep.of(common, facts)
    sets = {"proxy": proxy} if test is None else {"proxy": proxy, "test": FactsToSweep.of(common, test)}
    store = common.store(model, facts)
    sweep_facts = sweep_here if ray is None else partial(sweep_on_ray, address=ray)
    with progress_line(common) as report:
        loaded = common.load(model, report)
        at = tuple(range(loaded.layers)) if wanted is None else tuple(sorted(wanted))
        chosen.check(loaded, proxy.edited[:1], at)
        report.show_memory(chosen.title, editing_need(loaded, at, settings))
        truths = {
            name: sweep_facts(
                loaded, asked.name, asked.edited, at, editor, settings, store, metrics=metrics, report=report
            )
            for name, asked in sets.items()
        }
        scores = {
            selector.name: proxy.scores(loaded, selector, common.seed, settings, store, report)
            for selector in selectors
            if selector.method is not None
        }
    sweeps = {name: truth for name, (truth, _stored) in truths.items()}
    in_sample = {name: asked.contents == proxy.contents for name, asked in sets.items()}
    judged = {
        name: JudgedSweep(
            asked=sets[name],
            sweep=truth,
            stored=stored,
            worth=sweep_verdict(scores, sweeps["proxy"], truth, in_sample=in_sample[name], seed=common.seed),
        )
        for name, (truth, stored) in truths.items()
    }
    firmness = _firmness(scores, sweeps, in_sample=all(in_sample.values()), seed=common.seed, editor=settings)
    carried = transfer({name: pick_by_sweep(truth) for name, truth in sweeps.items()}, sweeps, seed=common.seed)
    answer(
        common,
        sweep_report(model, judged["proxy"], judged.get("test"), firmness, carried),
        sweep_text(chosen.title, judged["proxy"], judged.get("test")),
    )


def _firmness(
    scores: Mapping[str, LayerScores], sweeps: Mapping[str, Sweep], *, in_sample: bool, seed: int, editor: Any
) -> dict[str, Stability]:
    """How firm each selector's pick on the proxy is; not the forecast's race, which would race on smaller proxies."""
    from lga_core.worth.selectors import BRUTE_FORCE, SELECTORS
    from lga_core.worth.transfer import stability_of_scores, stability_of_sweep

    judging = sweeps.get("test", sweeps["proxy"])
    firmness = {
        name: stability_of_scores(SELECTORS[name], own, judging, in_sample=in_sample, seed=seed, editor=editor)
        for name, own in scores.items()
    }
    return firmness | {BRUTE_FORCE: stability_of_sweep(sweeps["proxy"], judging, in_sample=in_sample, seed=seed)}
