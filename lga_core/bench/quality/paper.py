"""`bench paper`: the paper's comparison, unit by unit, as far as a machine gets (METHOD.md §6).

A unit is one model, one fact set and one editor. Its selectors see proxy facts from one half of the set, its sweep
judges them on test facts from the other half; no subject is in both halves. Every cell and every score is kept
in the store, so a stopped unit goes on; a finished one is a small file that pages and README read.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from statistics import fmean
from time import perf_counter
from typing import Any, get_args

from lga_core.data.answers import is_one_of
from lga_core.data.facts import Fact
from lga_core.data.load import choose, load_facts
from lga_core.data.select import split
from lga_core.editing.settings import ValueSettings
from lga_core.editing.table import Editor, editor_named
from lga_core.errors import LgaError, one_of
from lga_core.evaluation.experiments.sweep_edits import edits_at
from lga_core.evaluation.settings import SweepMetrics
from lga_core.evaluation.side_effects.fluency import fluency, texts_after, texts_under
from lga_core.models.loaded import LoadedModel
from lga_core.models.loading import load
from lga_core.progress import Reporter, silent
from lga_core.results import Estimate, LayerScores, Loss, Pick, Stability, StudyUnit, Sweep
from lga_core.runs.experiments.sweeps import sweep
from lga_core.runs.shipped.study_units import keep_unit, read_unit, without_edits
from lga_core.runs.storage.store import Store
from lga_core.runs.tasks import choose_known, score_layers
from lga_core.worth.selectors import SELECTORS, Selector, pick_by_scores, pick_by_sweep
from lga_core.worth.simulated_race import raced
from lga_core.worth.study.judged import STUDIED, TABLED, WITH_FEWER, table_rows
from lga_core.worth.study.sets import SETS
from lga_core.worth.transfer import stability_of_scores, stability_of_sweep

DATA = "LGA_BENCHMARK_DATA"
FACTS, STEPS, CONTEXTS, SHARE = 32, 12, 2, 0.5
SIZES = (4, 8, 16, 32)  # of the proxy, from which picks are made again
MEASURED = SweepMetrics(probes=4)
FEWER = {"wikibio": 12}  # its answers are whole sentences: each of their tokens needs the head
PLAN = (
    *(("r-rome", name) for name in SETS),
    *((editor, name) for editor in ("memit", "ft-m") for name in ("world", "zsre")),
)


@dataclass(frozen=True, kw_only=True)
class UnitFacts:
    """A unit's facts, and those of the proxy's half that its set has beside them."""

    proxy: tuple[Fact, ...]
    test: tuple[Fact, ...]
    half: tuple[Fact, ...]  # in a seeded order


def bench_paper(
    model_name: str,
    limit: int | None = None,
    seed: int = 0,
    *,
    unit: str | None = None,
    report: Reporter = silent,
) -> dict[str, Any]:
    """The paper's table on this machine: every selector's layer, judged on held-out facts by a sweep of all layers.

    `unit`: only that one, as "world/r-rome"; None: all of the plan, one after another. Raises LgaError for another.
    """
    begin = perf_counter()
    plan = PLAN if unit is None else [_planned(unit)]
    units: list[StudyUnit] = []
    model = cache(lambda: load(model_name, report=report))
    for editor, fact_set in plan:
        count = limit or _facts(fact_set)
        measured = read_unit(model_name, fact_set, editor)
        if measured is None or measured.settings != _settings(count, seed):
            measured = _measured(model(), fact_set, editor, count, seed, report)
            keep_unit(measured)
        units.append(measured)
    return {
        "name": "paper",
        "seconds": perf_counter() - begin,
        "rows": [row for one in units for row in table_rows(one)],
        "machine": units[0].provenance.machine,
        "settings": {"model": model_name, "units": [one.settings for one in units]},
    }


def _planned(unit: str) -> tuple[str, str]:
    """A unit of the plan by its name, "set/editor"."""
    named = {f"{fact_set}/{editor}": (editor, fact_set) for editor, fact_set in PLAN}
    return one_of("unit", unit, named)


def _facts(fact_set: str) -> int:
    """Proxy facts, and test facts, unless others are asked for."""
    return FEWER.get(fact_set, FACTS)


def _command(model: str, fact_set: str, editor: str, facts: int, seed: int) -> str:
    """What measures this unit."""
    limit = f" --limit {facts}" if facts != _facts(fact_set) else ""
    unit = f" --unit {fact_set}/{editor}"
    return f"python -m lga_core bench paper --model {model}{unit}{limit}" + (f" --seed {seed}" if seed else "")


def _settings(facts: int, seed: int) -> dict[str, Any]:
    return {
        "losses": list(get_args(Loss)),  # of LGA
        "proxy_facts": facts,
        "test_facts": facts,
        "probes_per_group": MEASURED.probes,
        "answers": MEASURED.answers,
        "steps": STEPS,
        "contexts": CONTEXTS,
        "seed": seed,
    }


def study_facts(fact_set: str, count: int, seed: int) -> UnitFacts:
    """Proxy and test facts of a set: editable, no no-ops, `count` of each half in a seeded order; fewer where a half
    has no more."""
    file = SETS[fact_set][1]
    every = load_facts(_data_file(file) if file else fact_set).facts
    usable = [fact for fact in every if fact.target_new and not is_one_of(fact.target_new, fact.target_old)]
    first, second = split(usable, SHARE, seed)
    return UnitFacts(proxy=choose(first, count, seed), test=choose(second, count, seed), half=choose(first, None, seed))


def _data_file(name: str) -> Path:
    folder = os.environ.get(DATA)
    if not folder:
        raise LgaError(
            f"This unit needs the benchmarks' file {name}, and {DATA} names no folder.",
            hint=f"Put the benchmarks' files into one folder and name it in {DATA}.",
        )
    path = Path(folder) / name
    if not path.is_file():
        raise LgaError(
            f"{name} of the public benchmarks is not at hand: there is no {path}.",
            hint=f"Put the benchmark's file there, or name its folder in {DATA}.",
        )
    return path


def _measured(model: LoadedModel, fact_set: str, editor: str, count: int, seed: int, report: Reporter) -> StudyUnit:
    """One unit: both sweeps, all scores, their picks, how firm these are, and fluency at the layers of the table."""
    chosen = editor_named(editor)
    store = Store()
    facts = study_facts(fact_set, count, seed)
    settings = unit_settings(chosen)
    layers = range(model.layers)
    title = SETS[fact_set][0]
    proxy, _stored = sweep(model, title, facts.proxy, layers, editor, settings, store, metrics=MEASURED, report=report)
    test, stored = sweep(model, title, facts.test, layers, editor, settings, store, metrics=MEASURED, report=report)
    known = choose_known(model, facts.half, count, store, report=report)
    scored: dict[str, LayerScores] = {}
    for selector in STUDIED:
        traced = selector.method.startswith("cma") and known  # the others are left out of a trace
        of_facts = known if traced else facts.proxy
        scored[selector.name] = _scored(model, title, selector, of_facts, settings, store, report)
    picks = _picks(scored, proxy, layers, seed)
    wanted = sorted({pick.layer for pick in picks if pick.selector in TABLED and pick.layer is not None})
    return StudyUnit(
        model=model.name,
        fact_set=fact_set,
        editor=editor,
        title=title,
        settings=_settings(count, seed),
        provenance=stored.provenance,
        command=_command(model.name, fact_set, editor, count, seed),
        proxy=without_edits(proxy),
        test=without_edits(test),
        picks=picks,
        stability=_firmness(scored, proxy, test, seed),
        fluency={layer: _fluency(model, facts.test, layer, chosen, settings, seed, report) for layer in wanted},
        fluency_before=_estimate(texts_under(model, [fact.prompt for fact in facts.test], (), seed, report=report)),
    )


def _picks(scored: Mapping[str, LayerScores], proxy: Sweep, layers: Sequence[int], seed: int) -> tuple[Pick, ...]:
    """Of every selector, of the forecast with racing, and of the proxy's own sweep."""
    picks = [pick_by_scores(selector, scored[selector.name], layers) for selector in STUDIED]
    forecast = next(pick for pick in picks if pick.selector == "forecast")
    return (*picks, raced(forecast, proxy, seed), pick_by_sweep(proxy))


def _firmness(scored: Mapping[str, LayerScores], proxy: Sweep, test: Sweep, seed: int) -> tuple[Stability, ...]:
    """The picks from fewer of the proxy's facts, of some selectors and of its sweep."""
    of_scores = [
        stability_of_scores(SELECTORS[name], scored[name], test, sizes=_sizes(len(scored[name].rows)), seed=seed)
        for name in WITH_FEWER
    ]
    return (*of_scores, stability_of_sweep(proxy, test, sizes=_sizes(len(proxy.records)), seed=seed))


def _sizes(facts: int) -> tuple[int, ...]:
    """Those of `SIZES` that there are, and all facts."""
    return (*(size for size in SIZES if size < facts), facts)


def unit_settings(editor: Editor) -> Any:
    """The editor's defaults, and for those with a v* the study's steps and contexts."""
    settings: Any = editor.settings()
    if editor.key_value is None:
        return settings
    return replace(settings, value=ValueSettings(steps=STEPS), contexts=CONTEXTS)


def _scored(
    model: LoadedModel,
    title: str,
    selector: Selector,
    facts: Sequence[Fact],
    editor_settings: Any,
    store: Store,
    report: Reporter,
) -> LayerScores:
    scores, _stored = score_layers(
        model,
        title,
        facts,
        selector.method,
        selector.settings(editor=editor_settings),
        selector.choices(),
        store,
        report=report,
    )
    return scores


def _fluency(
    model: LoadedModel, facts: Sequence[Fact], layer: int, editor: Editor, settings: Any, seed: int, report: Reporter
) -> Estimate:
    written = edits_at(model, facts, layer, editor, settings, report=report)
    return _estimate(
        texts_after(model, [fact.prompt for fact in facts], [item.edit for item in written], seed, report=report)
    )


def _estimate(texts: Sequence[str]) -> Estimate:
    values = [value for text in texts if (value := fluency(text)) is not None]
    return Estimate(value=fmean(values) if values else None, n=len(values))
