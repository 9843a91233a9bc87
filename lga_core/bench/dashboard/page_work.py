"""The work that `bench page` times on both sides, and its own side: the functions that the command line runs."""

import os
from dataclasses import dataclass
from time import perf_counter
from typing import ClassVar

from lga_core.data.load import choose, load_facts

FACT_SET = "world"
EDITOR = "r-rome"


@dataclass(frozen=True, kw_only=True)
class PageWork:
    """One thing that a person asks for in the dashboard."""

    layer: ClassVar[int] = 8  # of the trial edit
    sweep_layers: ClassVar[tuple[int, int]] = (8, 11)
    facts_of_scores: ClassVar[int] = 16

    name: str
    page: str  # its address
    button: str  # its key
    facts: int
    shows: str  # a selector of what the page shows when it is done


WORK = (
    PageWork(
        name="scores",
        page="",
        button="score",
        facts=PageWork.facts_of_scores,
        shows=".js-plotly-plot",
    ),
    PageWork(name="trial edit", page="trial_edit", button="edit", facts=16, shows="text=Rewrite"),
    PageWork(name="sweep", page="layer_sweep", button="sweep", facts=8, shows=".js-plotly-plot"),
)


def timed(home: str, model_name: str, name: str, seed: int) -> float:
    """Seconds of one piece of work with the model in memory, in a fresh process and a cache folder of its own."""
    os.environ["LGA_HOME"] = home
    from lga_core.editing.table import editor_named
    from lga_core.models.loading import load
    from lga_core.runs import tasks
    from lga_core.runs.experiments import sweeps
    from lga_core.runs.storage.store import Store
    from lga_core.service.reading.method_scores import ScoreChoices

    work = next(item for item in WORK if item.name == name)
    model = load(model_name)
    store = Store()
    everything = load_facts(FACT_SET).facts
    tasks.known_fact_checks(model, choose(everything, 1, seed + 1000), store)  # the first run of a model costs more
    facts = choose(everything, work.facts, seed)
    settings = editor_named(EDITOR).settings()
    begin = perf_counter()
    if name == "scores":
        for need in ScoreChoices(seed=seed).needs():
            tasks.measure(model, FACT_SET, facts, need.measurement, need.settings, store)
    elif name == "trial edit":
        tasks.trial(model, FACT_SET, facts[0], (PageWork.layer,), EDITOR, settings, store)
    else:
        first, last = PageWork.sweep_layers
        sweeps.sweep(model, FACT_SET, facts, tuple(range(first, last + 1)), EDITOR, settings, store)
    return perf_counter() - begin
