"""What stands below the main figure of the golden-layers page, one tab each."""

from collections.abc import Callable, Mapping
from functools import partial

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from lga_core.data.facts import fact_label
from lga_core.models.sources.catalogue import resolve
from lga_core.results import MethodScores, Stored
from lga_core.scores.selection import signs
from lga_core.scores.settings import ForecastSettings
from lga_core.service.reading.method_scores import QuestionScores, ScoreChoices, fact_rows, pick_rows, unmeasured
from lga_core.service.reading.readings import reading_rows, unmeasured_readings
from lga_core.service.reading.stored import ScoredFacts
from lga_core.view.export.files import standalone_html
from lga_core.view.export.frames.scores import fact_scores, layer_totals
from lga_core.view.export.frames.table import to_csv
from lga_core.view.figures.scores.bootstrap import pick_shares
from lga_core.view.words.names import method_title
from lga_core.view.words.protocol import not_asked_words
from lga_core.view.words.runs import origin_rows
from lga_core.view.words.sentences import (
    excluded_reasons,
    firmness_sentence,
    known_sentence,
    sign_reason,
    sign_sentence,
    unused_reasons,
)
from lga_core.view.words.text import count, listed
from pages._ui.frame import sidebar
from pages._ui.session.state import SCORE
from pages._ui.shell import jobs
from pages._ui.shell.charts import chart, theme_name
from pages._ui.shell.elements import button, download, table, tabs
from pages._ui.shell.layer_choice import chosen_layers
from pages._ui.shell.text import safe


def show(model: str, results: QuestionScores, figure: Callable[[], go.Figure]) -> None:
    """All of them."""
    known, choices, lga = results.known, results.choices, results.lga
    scored = results.scored
    origins = {item.stored.provenance.method: item.stored for item in scored if item.stored is not None}
    tabs(
        {
            "How firm": lambda: firmness(lga),
            "Facts": lambda: facts(results),
            "Readings": lambda: readings(known, choices),
            "Other scores": lambda: other_scores(known, choices),
            "Use it": lambda: use(model, results.golden, known.identity.layers),
            "Export": lambda: export(figure, scored, known),
            "Settings and origin": lambda: provenance(origins),
        },
        "scores_tab",
    )


def firmness(lga: MethodScores | None) -> None:
    """How firm the pick is, what the signs say, and which layers are left out and why."""
    if lga is None:
        st.caption("LGA has not been measured yet.")
        return
    if lga.scores.bootstrap is not None:
        chart(
            partial(pick_shares, lga.scores.bootstrap, lga.scores.selection.golden_layer, theme_name=theme_name()),
            "pick_shares",
            "Bar chart: how often each layer is the pick when the facts are drawn again.",
        )
        st.caption(safe(firmness_sentence(lga.scores) or ""))
    left, right = st.columns(2, gap="large")
    with left:
        shares = signs(lga.scores)
        st.markdown("**Signs**")
        st.markdown(f"{safe(sign_sentence(lga.scores, shares))} {safe(known_sentence(shares))}")
        st.caption(
            f"{sign_reason(lga.scores, shares)} A pick is a proposal: try an edit there to see what it is worth."
        )
    with right:
        st.markdown("**Excluded layers**")
        reasons = excluded_reasons(lga.scores)
        st.markdown(
            "\n".join(f"- {safe(reason)}" for reason in reasons)
            if reasons
            else "None: every total lies within the fences."
            if lga.scores.selection.fences
            else "None: no fences."
        )


def facts(results: QuestionScores) -> None:
    """Every fact, and the probes that the forecast leaves out."""
    facts_table(results.known, results.lga)
    settings = results.choices.need("forecast").settings
    if results.forecast is not None and isinstance(settings, ForecastSettings):
        words = not_asked_words(settings.left_out(results.known.facts), None)
        st.caption(safe(f"The forecast asks {settings.probes} probes of each group of a fact. {words}"))


def facts_table(known: ScoredFacts, lga: MethodScores | None) -> None:
    """Every fact asked for, and why some were not used."""
    table(
        fact_rows(known.facts, known.checks, lga.scores.rows if lga is not None else ()),
        most=420,
        alt="Table of the facts",
        placeholder="n/a",
        widths={"p": 75, "from": 75, "known": 75, "prompt": 200},
        digits={"p": 2},
        about={"p": "Probability of the model’s own next token", "from": "Source of the old answer"},
    )
    if lga is not None:
        for reason, records in unused_reasons(lga.scores).items():
            st.caption(safe(f"{reason}: {count(len(records), 'record')}, {listed(records)}"))


def other_scores(known: ScoredFacts, choices: ScoreChoices) -> None:
    """The picks of all methods side by side; what is not measured yet can be."""
    table(
        pick_rows(known, choices),
        alt="Table of each method's pick",
        placeholder="n/a",
        digits={"ρ with LGA": 2, "picked in, %": 0, "seconds": 1},
        about={"facts": "Facts that the pick is from"},
    )
    missing = unmeasured(known, choices)
    if not missing:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.pills(
            "Not measured yet",
            list(missing),
            key=f"others_{'_'.join(missing)}",
            default=list(missing),
            selection_mode="multi",
            format_func=missing.get,
            help="A CMA kind takes as long as the first one.",
        )
        off = not chosen or jobs.is_running(SCORE)
        button("Measure", "measure_others", sidebar.measure_more, tuple(map(choices.need, chosen)), disabled=off)


def readings(known: ScoredFacts, choices: ScoreChoices) -> None:
    """LGA's pick for each loss and old answer; nothing is measured unless the button is pressed."""
    table(
        reading_rows(known, choices),
        alt="Table of LGA's pick for each loss and old answer",
        placeholder="n/a",
        digits={"picked in, %": 0, "ρ with the one shown": 2},
        about={"facts": "Facts that the pick is from"},
    )
    st.caption(
        "The paper leaves open over which tokens the loss is a mean, and whose old answer is meant. The options "
        "choose which reading the page shows."
    )
    missing = unmeasured_readings(known, choices)
    if missing:
        button(
            f"Measure {count(len(missing), 'reading')}",
            "measure_readings",
            sidebar.measure_more,
            missing,
            disabled=jobs.is_running(SCORE),
            help="Each takes as long as LGA did.",
        )


def use(model: str, golden: tuple[int, ...], layers: int) -> None:
    """The layers as an EasyEdit line, and what others publish for this model."""
    chosen = chosen_layers(layers) or golden[:1]
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**EasyEdit hyper-parameter line**")
        if chosen:
            st.code(f"layers: {list(chosen)}", language="yaml")
            st.caption("The chosen layers; the golden layer where none is chosen.")
        else:
            st.caption("Choose a layer first.")
    with right:
        st.markdown("**Published layers**")
        published = resolve(model).published
        if published:
            table(
                {"editor": item.editor, "layers": ", ".join(map(str, item.layers)), "source": item.source}
                for item in published
            )
        else:
            st.caption("The catalogue knows of no published layers for this model.")


def export(figure: Callable[[], go.Figure], scored: list[MethodScores], known: ScoredFacts) -> None:
    """Files to take away. They are made when they are asked for."""
    labels = {fact.record: fact_label(fact) for fact in known.facts}
    with st.container(horizontal=True):
        download("Figure, HTML", lambda: standalone_html(figure()), "golden_layers.html", "text/html")
        for scores in (item.scores for item in scored):
            title = method_title(scores.method)
            for what, name, make in (
                ("layers", "layers", lambda scores=scores: to_csv(layer_totals(scores))),
                ("facts × layers", "facts", lambda scores=scores: to_csv(fact_scores(scores, labels))),
            ):
                download(f"{title}: {what}, CSV", make, f"{scores.method}_{name}.csv", "text/csv")
    st.caption(
        "The HTML page holds everything it needs and opens without a network. The chart's own camera button "
        "saves an SVG."
    )


def provenance(stored: Mapping[str, Stored]) -> None:
    """What each number was measured with, by what it is called."""
    if stored:
        st.table(
            pd.DataFrame({name: origin_rows(item) for name, item in stored.items()}).map(safe),
            border="horizontal",
            alt="Table of settings and versions",
        )
        st.caption("Two equal keys are the same question: it is answered from the store.")
