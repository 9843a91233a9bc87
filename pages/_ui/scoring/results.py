"""The results of the golden-layers page: the headline, the figure, and what stands below them.

While they are measured, the headline and the figure are drawn again as rows come, and the whole page when the first
method is finished.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from lga_core.data.facts import fact_label
from lga_core.models.sources.catalogue import resolve
from lga_core.scores.selection import signs
from lga_core.service.reading import stored
from lga_core.service.reading.method_scores import LGA, MethodScores, ScoreChoices, agreement, method_scores
from lga_core.service.reading.readings import reading_needs
from lga_core.service.reading.stored import ScoredFacts
from lga_core.service.requests import Need
from lga_core.view.words.headline import headline
from lga_core.view.words.score_options import differing_options
from lga_core.view.words.sentences import pick_sentence, sign_sentence, spoken
from lga_core.view.words.text import count
from pages._ui.facts.sets import proxy_set
from pages._ui.scoring import answer, options, report, tabs
from pages._ui.session.state import Question, kept, session, widget
from pages._ui.shell import elements, jobs, sidebar
from pages._ui.shell.charts import chart, theme_name
from pages._ui.shell.engine import identity, store
from pages._ui.shell.errors import job_outcome
from pages._ui.shell.layer_choice import chosen_layers, hand_over
from pages._ui.shell.live import live
from pages._ui.shell.text import safe

if TYPE_CHECKING:
    import plotly.graph_objects as go

HEATMAPS = {"lga": "LGA", "cma": "CMA", "forecast": "Forecast"}
# While they grow. A browser on the engine's cores draws the figure anew each time, which takes it most of a second.
LIVE_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Results:
    """What the store has of the scored question now, read through the options."""

    model: str
    choices: ScoreChoices
    known: ScoredFacts
    lga: MethodScores | None
    cma: MethodScores | None
    forecast: MethodScores | None

    @property
    def scored(self) -> list[MethodScores]:
        return [item for item in (self.lga, self.cma, self.forecast) if item is not None]

    @property
    def golden(self) -> tuple[int, ...]:
        return self.lga.scores.selection.golden_layers if self.lga is not None else ()

    @property
    def finished(self) -> set[str]:
        """The methods without a missing row."""
        return {item.scores.method for item in self.scored if not item.partial}

    @property
    def drawable(self) -> bool:
        """Whether a fact was used."""
        return any(item.scores.n_facts for item in (self.lga, self.cma) if item is not None)


def read(question: Question, choices: ScoreChoices, needs: tuple[Need, ...]) -> Results | None:
    """None where nothing can be stored of this model yet."""
    job = jobs.last_job("score")
    model = identity(question.model)
    if model is None:
        return None
    if job is None:  # a stored run was opened
        known = stored.all_from_store(stored.scored_facts(model, proxy_set(question), needs, store()))
    else:
        known = stored.scored_facts(model, job.request.proxy, needs, store(), job.result)
    return Results(
        model=question.model,
        choices=choices,
        known=known,
        lga=method_scores(known, choices, LGA),
        cma=method_scores(known, choices, choices.cma),
        forecast=method_scores(known, choices, "forecast"),
    )


def show(question: Question) -> None:
    """From the headline to the tabs."""
    running = jobs.is_running("score")
    above = st.container()  # it is drawn after the options, which say how to read the rows
    options.options_bar()
    choose_heatmaps()
    choices = options.choices(question.seed)
    results = read(question, choices, tuple(dict.fromkeys((*choices.all_needs(), *reading_needs(choices)))))
    finished = results.finished if results is not None else set()
    if results is not None and results.lga is not None and results.lga.stored is not None:
        session().shown_run = results.lga.stored.provenance.key

    def look() -> Results | None:
        """As it is now, for what is drawn again while the job runs."""
        return read(question, choices, choices.needs())

    if running and not finished:
        jobs.redraw_when(lambda: (now := look()) is not None and bool(now.finished))

    with above:
        measured = results is not None and bool(results.known.measured)
        job_outcome(
            jobs.last_job("score"),
            "What was finished is kept and shown below; press Score layers to go on from there."
            if measured
            else "Press Score layers to start again.",
        )
        live("golden_headline", lambda: _headline(question, look(), running), running=running, seconds=LIVE_SECONDS)
    if not running:
        _offer_missing(results)
    live("golden_figure", lambda: _figure(look(), running), running=running, seconds=LIVE_SECONDS)
    if results is not None and results.drawable:
        proposed = answer.read(question, results.known, results.lga, results.cma, results.forecast).answer.layer
        kept().proposed = None if proposed is None else (results.model, proposed)
        hand_over(results.known.identity.layers, () if proposed is None else (proposed,))
        tabs.show(results.model, results.known, choices, results.lga, results.cma, _drawing(results))
        report.button(question, results.known.identity)


def choose_heatmaps() -> None:
    """Which scores have their facts × layers in the figure."""
    st.pills(
        "Heatmaps",
        list(HEATMAPS),
        key="heatmaps",
        default=list(HEATMAPS),
        selection_mode="multi",
        format_func=HEATMAPS.get,
        persist_state="session",
        help="All stand on one layer axis; rows appear as they are measured.",
    )


def hidden_heatmaps(choices: ScoreChoices) -> tuple[str, ...]:
    """The methods that are not to be drawn by fact."""
    wanted = widget("heatmaps", list(HEATMAPS))
    methods = {"lga": LGA, "cma": choices.cma, "forecast": "forecast"}
    return tuple(method for name, method in methods.items() if name not in wanted)


def _headline(question: Question, results: Results | None, running: bool) -> None:
    """The answer, the row of numbers, where they come from, and what must be said about them."""
    if results is None or not results.scored:
        if running:
            st.info(
                "The first results appear here with the first facts. The sidebar shows the progress.",
                icon=":material/hourglass_top:",
            )
        return
    lga = results.lga
    cma = results.cma
    answer.show(answer.read(question, results.known, lga, cma, results.forecast))
    if results.golden:
        kept().golden = (results.model, results.golden[0])
    cards = headline(
        lga.scores if lga is not None else None,
        cma.scores if cma is not None else None,
        agreement(lga, cma),
        len(results.known.facts),
    )
    for place, card in zip(st.columns(len(cards), gap="small"), cards, strict=True):
        elements.card(place, card.label, card.value, card.below or None, card.help)
    _badges(results, running)
    if lga is not None and (shares := signs(lga.scores)).all_negative:
        st.info(safe(sign_sentence(lga.scores, shares)), icon=":material/info:")
    if cma is not None and cma.scores.selection.golden_layer is None and not (running and cma.partial):
        st.caption(safe(pick_sentence(cma.scores)))


def _badges(results: Results, running: bool) -> None:
    """One line of marks: from the store, partial, and which options differ from the paper's."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if all(item.stored is not None and item.stored.from_store for item in results.scored):
            st.badge("Answered from the store", icon=":material/database:", color="gray")
        for item in results.scored:
            if item.partial:
                share = f"{len(item.scores.rows)} of {count(len(results.known.facts), 'fact')}"
                st.badge(
                    f"{spoken(item.scores.method)}: {'so far' if running else 'partial'}, {share}",
                    icon=":material/incomplete_circle:",
                    color="orange",
                )
        if differing := differing_options(asdict(results.choices)):
            st.badge(safe(differing), icon=":material/tune:", color="blue")


def _offer_missing(results: Results | None) -> None:
    """Say what the options ask for that has not been measured, and offer to do it."""
    job = jobs.last_job("score")
    if results is None or (results.lga is not None and results.cma is not None):
        return
    if not results.scored and (job is None or job.result is None):  # it failed: the box above says so
        return
    what = ["LGA"] * (results.lga is None) + ["this kind of CMA"] * (results.cma is None)
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f"{' and '.join(what)} {'has' if len(what) == 1 else 'have'} not been measured with these options.")
        st.button("Measure now", key="measure_missing", type="primary", on_click=sidebar.measure_more)


def _figure(results: Results | None, running: bool) -> None:
    """The heatmaps; where no fact could be used, the table that says why."""
    if results is None or not results.scored:
        return
    if results.drawable:
        chart(_drawing(results)(), "heat", _in_words(results), choosing=True)
    elif results.lga is not None and not running:
        st.warning("No fact could be used: the table says why.", icon=":material/info:")
        tabs.facts_table(results.known, results.lga)


def _drawing(results: Results) -> Callable[[], "go.Figure"]:
    """LGA's facts × layers over CMA's, over both per layer; drawn when it is called, which no page needs to do."""
    from lga_core.view.figures.scores.layer_heatmaps import layer_heatmaps

    layers = results.known.identity.layers
    published = {
        item.editor: [layer for layer in item.layers if layer < layers] for item in resolve(results.model).published
    }
    lga, cma, forecast = (
        item.scores if item is not None and item.scores.n_facts else None
        for item in (results.lga, results.cma, results.forecast)
    )
    return partial(
        layer_heatmaps,
        lga,
        cma,
        forecast,
        hidden=hidden_heatmaps(results.choices),
        labels={fact.record: fact_label(fact) for fact in results.known.facts},
        scale=options.scale(),
        chosen=chosen_layers(layers),
        published=published,
        theme_name=theme_name(),
    )


def _in_words(results: Results) -> str:
    """The figure for those who do not see it."""
    picks = [
        f"{spoken(item.scores.method)} picks layer {item.scores.selection.golden_layer}"
        for item in results.scored
        if item.scores.selection.golden_layer is not None
    ]
    return (
        f"Heatmaps of facts by {results.known.identity.layers} layers, with a score per layer below. "
        f"{'; '.join(picks)}."
    )
