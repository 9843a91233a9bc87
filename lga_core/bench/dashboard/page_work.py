"""The work that `bench page` times on both sides, and its own side: the functions that the command line runs."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Literal

from lga_core.bench.measure import FACT_SET, some_facts
from lga_core.data.facts import Fact
from lga_core.editing.table import editor_named
from lga_core.models.loaded import LoadedModel
from lga_core.models.loading import load
from lga_core.results import Stored
from lga_core.runs import tasks
from lga_core.runs.experiments.sweeps import sweep
from lga_core.runs.storage.store import Store
from lga_core.service.reading.method_scores import ScoreChoices

Work = Literal["scores", "trial edit", "sweep"]
EDITOR = "r-rome"
LAYER = 8  # of the trial edit


@dataclass(frozen=True, kw_only=True)
class PageWork:
    """One thing that a person asks for in the dashboard."""

    name: Work
    page: str  # its address
    button: str  # its key
    facts: int
    layers: tuple[int, ...] = ()
    shows: str  # a selector of what the page shows when it is done


SCORES = PageWork(name="scores", page="", button="score", facts=16, shows=".js-plotly-plot")
TRIAL = PageWork(name="trial edit", page="trial_edit", button="edit", facts=16, layers=(LAYER,), shows="text=Rewrite")
SWEEP = PageWork(
    name="sweep", page="layer_sweep", button="sweep", facts=8, layers=(8, 9, 10, 11), shows=".js-plotly-plot"
)
WORK = {work.name: work for work in (SCORES, TRIAL, SWEEP)}


def timed(home: str, model_name: str, name: Work, seed: int) -> float:
    """Seconds of one piece of work with the model in memory, in a fresh process and a cache folder of its own."""
    os.environ["LGA_HOME"] = home
    work = WORK[name]
    model = load(model_name)
    store = Store()
    tasks.known_fact_checks(model, some_facts(1, seed + 1000), store)  # the first run of a model costs more
    facts = some_facts(work.facts, seed)
    begin = perf_counter()
    done(model, name, FACT_SET, facts, work.layers, seed, store)
    return perf_counter() - begin


def done(
    model: LoadedModel,
    work: Work,
    facts_name: str,
    facts: Sequence[Fact],
    layers: tuple[int, ...],
    seed: int,
    store: Store,
) -> list[Stored]:
    """One piece of work, and where its answers lie in the store."""
    settings = editor_named(EDITOR).settings()
    if work == "scores":
        needs = ScoreChoices(seed=seed).needs()
        return [tasks.measure(model, facts_name, facts, need.measurement, need.settings, store)[1] for need in needs]
    if work == "trial edit":
        return [tasks.trial(model, facts_name, facts[0], layers, EDITOR, settings, store)[1]]
    return [sweep(model, facts_name, facts, layers, EDITOR, settings, store)[1]]
