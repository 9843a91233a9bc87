"""What stands below the main figure of the golden-layers page, one tab each."""

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from lga_core.models.catalogue import resolve
from lga_core.results import Provenance, Stored
from lga_core.scores.methods import METHODS
from lga_core.scores.selection import signs
from lga_core.view.bootstrap import pick_shares
from lga_core.view.export import easyedit_line, scores_csv, standalone_html, totals_csv
from lga_core.view.text import count
from lga_core.view.words import (
    excluded_reasons,
    firmness_sentence,
    known_sentence,
    layer_list,
    sign_sentence,
    spoken,
    unused_reasons,
)
from pages._ui import jobs, sidebar
from pages._ui.answers import Answers
from pages._ui.layers import chart, chosen_layers, theme_name
from pages._ui.options import Choices, other_measurements
from pages._ui.scored import Scored, picks_rows
from pages._ui.state import Question
from pages._ui.text import fact_label, safe


def show(question: Question, known: Answers, choices: Choices, lga: Scored | None, cma: Scored | None,
         figure: go.Figure) -> None:
    """All of them."""
    scored = [item for item in (lga, cma) if item is not None]
    golden = lga.scores.selection.golden_layers if lga is not None else ()
    tabs = st.tabs(["How firm", "Facts", "Other scores", "Use it", "Export", "Settings and origin"])
    with tabs[0]:
        firmness(lga)
    with tabs[1]:
        facts_table(known, lga)
    with tabs[2]:
        other_scores(known, question, choices)
    with tabs[3]:
        use(question, golden, known.layers)
    with tabs[4]:
        export(figure, scored, known)
    with tabs[5]:
        provenance({item.stored.provenance.method: item.stored for item in scored})


def firmness(lga: Scored | None) -> None:
    """How firm the pick is, what the signs say, and which layers are left out and why."""
    if lga is None:
        st.caption("LGA has not been measured yet.")
        return
    if lga.scores.bootstrap is not None:
        chart(pick_shares(lga.scores.bootstrap, lga.scores.selection.golden_layer, theme_name=theme_name()),
              "pick_shares", "Bar chart: how often each layer is the pick when the facts are drawn again.")
        st.caption(safe(firmness_sentence(lga.scores) or ""))
    left, right = st.columns(2, gap="large")
    with left:
        found = signs(lga.scores)
        st.markdown("**Signs**")
        st.markdown(f"{safe(sign_sentence(lga.scores, found))} {safe(known_sentence(found))}")
        st.caption("For a fact that the model knows, the product of the two gradients is negative. A pick is a "
                   "proposal: try an edit there to see what it is worth.")
    with right:
        st.markdown("**Excluded layers**")
        reasons = excluded_reasons(lga.scores)
        st.markdown("\n".join(f"- {safe(reason)}" for reason in reasons) if reasons else
                    "None: every total lies within the fences." if lga.scores.selection.fences else "None: no fences.")


def facts_table(known: Answers, lga: Scored | None) -> None:
    """Every fact asked for: what it changes, what the model says, and whether it was used."""
    rows = {row.record: row for row in lga.scores.rows} if lga is not None else {}
    table = []
    for fact in known.facts:
        row, survey = rows.get(fact.record), known.surveyed.get(fact.record)
        table.append({
            "record": fact.record,
            "known": {True: "yes", False: "no", None: "n/a"}[survey.known if survey else None],
            "status": row.status if row else "not measured yet",
            "prompt": fact.prompt,
            "old answer": row.old_answer if row else (fact.target_old[0] if fact.target_old else None),
            "from": row.old_source if row else None,
            "new answer": fact.target_new,
            "the model says": survey.greedy if survey else None,
            "p": survey.probability if survey else None,
        })
    st.dataframe(pd.DataFrame(table), hide_index=True, width="stretch", height=min(38 + 35 * len(table), 420),
                 alt="Table of the facts", placeholder="n/a", column_config={
                     "record": st.column_config.NumberColumn(width="small"),
                     "p": st.column_config.NumberColumn("p", format="%.2f", width="small",
                                                        help="Probability of the model's own next token"),
                     "from": st.column_config.TextColumn("from", width="small", help="Source of the old answer"),
                     "known": st.column_config.TextColumn(width="small"),
                     "prompt": st.column_config.TextColumn(width="medium"),
                 })
    if lga is not None:
        for reason, records in unused_reasons(lga.scores).items():
            st.caption(safe(f"{reason}: {count(len(records), 'record')}, {layer_list(records)}"))


def other_scores(known: Answers, question: Question, choices: Choices) -> None:
    """The picks of all methods side by side; what is not measured yet can be."""
    rows = picks_rows(known, question, choices, list(METHODS))
    st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch", alt="Table of each method's pick",
                 placeholder="n/a",
                 column_config={
                     "ρ with LGA": st.column_config.NumberColumn(format="%.2f"),
                     "picked in, %": st.column_config.NumberColumn(format="%.0f", help="Share of bootstrap draws"),
                     "seconds": st.column_config.NumberColumn(format="%.1f"),
                 })
    missing = [name for name in other_measurements() if choices.need(name, question.seed) not in known.measured]
    if not missing:
        return
    titles = {name: next(spoken(item.name) for item in METHODS.values() if item.measurement == name)
              for name in missing}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.pills("Not measured yet", missing, key=f"others_{'_'.join(missing)}", default=missing,
                          selection_mode="multi", format_func=titles.get,
                          help="A CMA kind takes as long as the first one.")
        st.button("Measure", key="measure_others", disabled=not chosen or jobs.is_running("score"),
                  on_click=sidebar.measure, args=(question, tuple(chosen)))


def use(question: Question, golden: tuple[int, ...], layers: int) -> None:
    """The layers as an EasyEdit line, and what others publish for this model."""
    chosen = chosen_layers(layers) or golden[:1]
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**EasyEdit hyper-parameter line**")
        if chosen:
            st.code(easyedit_line(chosen), language="yaml")
            st.caption("The chosen layers; the golden layer where none is chosen.")
        else:
            st.caption("Choose a layer first.")
    with right:
        st.markdown("**Published layers**")
        published = resolve(question.model).published
        if published:
            table = [(item.editor, ", ".join(map(str, item.layers)), item.source) for item in published]
            st.dataframe(pd.DataFrame(table, columns=["editor", "layers", "source"]), hide_index=True, width="stretch")
        else:
            st.caption("The catalogue knows of no published layers for this model.")


def export(figure: go.Figure, scored: list[Scored], known: Answers) -> None:
    """Files to take away. They are made when they are asked for."""
    labels = {fact.record: fact_label(fact) for fact in known.facts}
    with st.container(horizontal=True):
        st.download_button("Figure, HTML", lambda: standalone_html(figure), "golden_layers.html", "text/html",
                           on_click="ignore", icon=":material/download:")
        for item in scored:
            scores, name = item.scores, item.scores.method
            st.download_button(f"{METHODS[name].title}: layers, CSV", lambda scores=scores: totals_csv(scores),
                               f"{name}_layers.csv", "text/csv", on_click="ignore", icon=":material/download:")
            st.download_button(f"{METHODS[name].title}: facts × layers, CSV",
                               lambda scores=scores: scores_csv(scores, labels),
                               f"{name}_facts.csv", "text/csv", on_click="ignore", icon=":material/download:")
    st.caption("The HTML page holds everything it needs and opens without a network. The chart's own camera button "
               "saves an SVG.")


def provenance(stored: Mapping[str, Stored]) -> None:
    """What each number was measured with, by what it is called."""
    if stored:
        st.table(pd.DataFrame({name: _described(item) for name, item in stored.items()}).map(safe),
                 border="horizontal", alt="Table of settings and versions")
        st.caption("Two equal keys are the same question: it is answered from the store.")


def _described(item: Stored) -> dict[str, str]:
    source: Provenance = item.provenance
    settings = [f"{name} {'default' if value is None else value}" for name, value in source.settings.items()]
    return {
        "answered": "from the store" if item.from_store else "computed now" if item.complete else "in part",
        "rows": f"{item.rows}, {item.reused} from the store",
        "model": source.model,
        "model fingerprint": source.model_fingerprint[:16],
        "facts": source.facts,
        "facts fingerprint": source.facts_fingerprint[:16],
        "settings": ", ".join(settings) or "none",
        "version": str(source.method_version),
        "packages": ", ".join(f"{name} {version}" for name, version in source.packages.items()),
        "machine": source.machine,
        "created": source.created,
        "key": source.key[:16],
    }
