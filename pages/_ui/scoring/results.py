"""The results of the golden-layers page: the headline, the figure, and what stands below them.

While they are measured, the headline and the figure are drawn again as rows come, and the whole page when the first
method is finished.
"""

from dataclasses import asdict
from functools import partial

import plotly.graph_objects as go
import streamlit as st

from lga_core.data.facts import fact_label
from lga_core.models.sources.catalogue import resolve
from lga_core.scores.selection import signs
from lga_core.service.reading.answering import Answered
from lga_core.service.reading.method_scores import LGA, QuestionScores, ScoreChoices, agreement, question_scores
from lga_core.service.reading.readings import reading_needs
from lga_core.service.reading.stored import scored_facts
from lga_core.service.requests import Need
from lga_core.view.figures.scores.layer_heatmaps import layer_heatmaps
from lga_core.view.words.scores.headline import headline
from lga_core.view.words.scores.options import differing_options
from lga_core.view.words.sentences import pick_sentence, sign_sentence, spoken
from lga_core.view.words.text import count
from pages._ui.facts.sets import scored_proxy
from pages._ui.frame import sidebar
from pages._ui.scoring import answer, options, report, tabs
from pages._ui.session.state import SCORE, Question, kept, session, widget
from pages._ui.shell import jobs
from pages._ui.shell.charts import chart, theme_name
from pages._ui.shell.elements import button, cards, hint, waiting
from pages._ui.shell.engine import identity, store
from pages._ui.shell.errors import job_outcome
from pages._ui.shell.layer_choice import choose_and_try, chosen_layers
from pages._ui.shell.live import live
from pages._ui.shell.text import safe

HEATMAPS = {"lga": "LGA", "cma": "CMA", "forecast": "Forecast"}
# While they grow. A browser on the engine’s cores draws the figure anew each time, which takes it two seconds of one.
LIVE_SECONDS = 20.0


def read(question: Question, choices: ScoreChoices, needs: tuple[Need, ...]) -> QuestionScores | None:
    """None where nothing can be stored of this model yet."""
    job = jobs.last_job(SCORE)
    model = identity(question.model)
    if model is None:
        return None
    answered = None if job is None else {need: (job.result or {}).get(need) for need in job.request.needs}
    return question_scores(scored_facts(model, scored_proxy(question), needs, store(), answered), choices)


def show(question: Question) -> None:
    """From the headline to the tabs."""
    running = jobs.is_running(SCORE)
    above = st.container()  # it is drawn after the options, which say how to read the rows
    options.options_bar()
    choose_heatmaps()
    choices = options.choices(question.seed)
    results = read(question, choices, tuple(dict.fromkeys((*choices.all_needs(), *reading_needs(choices)))))
    finished = results.finished if results is not None else set()
    if results is not None and results.lga is not None and results.lga.stored is not None:
        session().shown_run = results.lga.stored.provenance.key
        session().also_shown |= {item.stored.provenance.key for item in results.scored if item.stored is not None}

    def look() -> QuestionScores | None:
        """As it is now: it grows while the job runs, and what needs it is then drawn again."""
        return read(question, choices, choices.needs()) if running else results

    answered = _answer(question, results)
    proposed = None if answered is None else answered.answer.layer
    if not running:  # what is measured in part is nothing for other pages
        golden = results.golden if results is not None else ()
        kept().golden = (question.model, golden[0]) if golden else None
        kept().proposed = None if proposed is None else (question.model, proposed)

    def draw_headline() -> None:
        now = look()
        _headline(question, now, answered if now is results else _answer(question, now), running)

    if running and not finished:
        jobs.redraw_when(lambda: (now := look()) is not None and bool(now.finished))

    with above:
        measured = results is not None and bool(results.known.measured)
        job_outcome(
            jobs.last_job(SCORE),
            "What was finished is kept and shown below; press Score layers to go on from there."
            if measured
            else "Press Score layers to start again.",
        )
        live("golden_headline", draw_headline, running=running, seconds=LIVE_SECONDS)
    if not running:
        _offer_missing(results)
    live("golden_figure", lambda: _figure(question.model, look(), running), running=running, seconds=LIVE_SECONDS)
    if results is not None and results.drawable:
        choose_and_try(results.known.identity.layers, () if proposed is None else (proposed,))
        tabs.show(question.model, results, _drawing(question.model, results))
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


def _answer(question: Question, results: QuestionScores | None) -> Answered | None:
    """The answer to the question; None before anything is scored."""
    return answer.read(question, results) if results is not None and results.scored else None


def _headline(question: Question, results: QuestionScores | None, answered: Answered | None, running: bool) -> None:
    """The answer, the row of numbers, where they come from, and what must be said about them."""
    if results is None or answered is None:
        if running:
            waiting("The first results appear here with the first facts. The sidebar shows the progress.")
        return
    lga = results.lga
    cma = results.cma
    answer.show(answered)
    lga_scores, cma_scores = (item.scores if item is not None else None for item in (lga, cma))
    cards(headline(lga_scores, cma_scores, agreement(lga, cma), len(results.known.facts)))
    _badges(results, running)
    if lga is not None and (shares := signs(lga.scores)).all_negative:
        hint(safe(sign_sentence(lga.scores, shares)))
    if cma is not None and cma.scores.selection.golden_layer is None and not (running and cma.partial):
        st.caption(safe(pick_sentence(cma.scores)))


def _badges(results: QuestionScores, running: bool) -> None:
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


def _offer_missing(results: QuestionScores | None) -> None:
    """Say what the options ask for that has not been measured, and offer to do it."""
    job = jobs.last_job(SCORE)
    if results is None:
        if job is None:
            hint("What is stored of this model cannot be told before its files are here: press Score layers.")
        return
    if results.lga is not None and results.cma is not None:
        return
    if not results.scored and job is not None and job.result is None:  # it failed: the box above says so
        return
    what = ["LGA"] * (results.lga is None) + ["this kind of CMA"] * (results.cma is None)
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f"{' and '.join(what)} {'has' if len(what) == 1 else 'have'} not been measured with these options.")
        button("Measure now", "measure_missing", sidebar.measure_more, type="primary")


def _figure(model: str, results: QuestionScores | None, running: bool) -> None:
    """The heatmaps; where no fact could be used, the table that says why."""
    if results is None or not results.scored:
        return
    if results.drawable:
        says = "heat" if _by_fact(results) else "heat_totals"
        chart(_drawing(model, results), "heat", _in_words(results), choosing=True, says=says)
    elif results.lga is not None and not running:
        st.warning("No fact could be used: the table says why.", icon=":material/info:")
        tabs.facts_table(results.known, results.lga)


def _drawing(model: str, results: QuestionScores) -> partial[go.Figure]:
    """LGA's facts × layers over CMA's, over both per layer; drawn when it is called, which no page needs to do."""
    layers = results.known.identity.layers
    published = {item.editor: [layer for layer in item.layers if layer < layers] for item in resolve(model).published}
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


def _by_fact(results: QuestionScores) -> bool:
    """Whether a heatmap of facts is drawn."""
    drawn = {item.scores.method for item in results.scored if item.scores.n_facts}
    return not drawn <= set(hidden_heatmaps(results.choices))


def _in_words(results: QuestionScores) -> str:
    """The figure for those who do not see it."""
    picks = [
        f"{spoken(item.scores.method)} picks layer {item.scores.selection.golden_layer}"
        for item in results.scored
        if item.scores.selection.golden_layer is not None
    ]
    layers = results.known.identity.layers
    shown = f"Each of {layers} layers with its scores."
    if _by_fact(results):
        shown = f"Heatmaps of facts by {layers} layers, with a score per layer below."
    return f"{shown} {'; '.join(picks)}." if picks else shown
