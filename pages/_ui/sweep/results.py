"""What a sweep has shown so far: the verdict in numbers and words, the figure, the choice of layers, the tables."""

from collections.abc import Callable
from functools import partial

import plotly.graph_objects as go
import streamlit as st

from lga_core.data.facts import fact_label
from lga_core.results import Worth
from lga_core.service.process.jobs import Job
from lga_core.service.reading.sweep import Part, SweepReader, SweepView, missing_needs, scored_set
from lga_core.service.requests import ScoreRequest, SweepRequest
from lga_core.view.figures.sweep.sweep_figure import sweep_figure
from lga_core.view.words.sweep.cards import sweep_cards
from lga_core.view.words.sweep.rows import marked_picks, measured_words
from lga_core.view.words.sweep.sentences import (
    figure_in_words,
    recommendation,
    recommended,
    remaining,
)
from lga_core.view.words.text import count
from pages._ui.scoring.options import scale
from pages._ui.shell import jobs
from pages._ui.shell.charts import chart, theme_name
from pages._ui.shell.elements import cards, choice, waiting
from pages._ui.shell.layer_choice import choose_and_try, chosen_layers
from pages._ui.shell.live import live_with
from pages._ui.shell.text import safe
from pages._ui.sweep import tables

SCORING = "selectors"
LIVE_SECONDS = 8.0  # a redraw takes the engine half a second of its cores, and a batch of edits takes longer than this
_PARTS: dict[Part, str] = {"test": "Test facts, held out", "proxy": "Proxy facts, in-sample"}


def live_results(request: SweepRequest, reader: Callable[[], SweepReader], seed: int, job: Job | None) -> None:
    """The results; while `job` measures the sweep they are drawn again every few seconds, by themselves.

    `reader`: gives the one of now; a model's files may come while the job runs.
    """

    def draw() -> None:
        results(request, reader(), seed, running=job is not None)

    live_with("sweep_live", draw, job, seconds=LIVE_SECONDS)


def results(request: SweepRequest, reader: SweepReader, seed: int, *, running: bool) -> None:
    """Everything that is known; nothing before the first edit is measured."""
    view = reader.read()
    if running:
        done, total, _seconds = remaining(list(view.sweeps.values()))
        if total:
            st.caption(f"{done:,} of {count(total, 'edit')} measured")
    parts = view.judging
    if not parts:
        if running:
            waiting(
                "The first results appear here as soon as the first batch is measured. The sidebar shows the progress."
            )
        return
    part = parts[0] if len(parts) == 1 else choice("Judge on", parts, "sweep_part", parts[0], format_func=_PARTS.get)
    worth = reader.verdict(part)
    cards(sweep_cards(worth, view.sweeps["proxy"]))
    st.caption(f"Percent: {measured_words(view.sweeps)}")
    best = recommended(worth)
    st.markdown(f":material/recommend: {safe(recommendation(worth))}" if best else safe(recommendation(worth)))
    if not running:  # a job that a live part starts would not be watched
        selectors_bar(request, view, seed)
    chosen = chosen_layers(view.layers)
    figure = drawing(view, part, worth, chosen)
    chart(figure, "sweep_heat", figure_in_words(worth), choosing=True)
    choose_and_try(view.layers, () if worth.best_layer is None else (worth.best_layer,))
    tables.tabs(view, worth, figure)


def selectors_bar(request: SweepRequest, view: SweepView, seed: int) -> None:
    """Selectors without scores, and the way to score them."""
    needs = missing_needs(view.scores, seed, request.settings)
    if not needs or jobs.is_running(SCORING):
        return
    left, right = st.columns([6, 1], vertical_alignment="bottom")
    with left:
        wanted = st.pills(
            "Not scored yet on the sidebar’s facts",
            list(needs),
            selection_mode="multi",
            key=f"sweep_needs_{'_'.join(needs)}",
            default=[title for title, (_, quick) in needs.items() if quick],
            wrap=True,
            help="Marked: the quick ones, about one pass over the facts. A CMA kind or the integrated "
            "gradients take many passes.",
        )
    chosen = tuple(needs[title][0] for title in wanted)
    asked = ScoreRequest(model=request.model, proxy=scored_set(request.proxy, view), needs=chosen)
    with right:
        jobs.start_button(
            "Score",
            "bar_chart",
            SCORING,
            asked,
            "Scoring selectors",
            key="sweep_score",
            disabled=not wanted,
            width="stretch",
        )


def drawing(view: SweepView, part: Part, worth: Worth, chosen: tuple[int, ...]) -> partial[go.Figure]:
    """The main figure, drawn when it is called. LGA has seen the proxy facts: its heatmap stands below their sweep."""
    lga = view.scores.get("lga") if part == "proxy" else None
    return partial(
        sweep_figure,
        view.sweeps[part],
        lga[0] if lga is not None else None,
        layers=view.layers,
        picks=marked_picks(worth),
        best=worth.best_layer,
        labels={fact.record: fact_label(fact) for fact in view.facts[part]},
        scale=scale(),
        chosen=chosen,
        theme_name=theme_name(),
    )
