"""Facts: what is in a set and wrong with it, which of it the model knows; filters, split, edits, downloads."""

import streamlit as st

from lga_core.data.facts import FactSet
from lga_core.data.select import subjects
from lga_core.view.text import count
from pages._ui import facts_add, facts_known, facts_sets, frame
from pages._ui.facts_browse import browse
from pages._ui.facts_report import report
from pages._ui.facts_split import split_view
from pages._ui.facts_table import edit
from pages._ui.state import session
from pages._ui.text import safe

VIEWS = {"browse": ("Browse", browse), "report": ("Report", report), "edit": ("Edit", edit),
         "split": ("Split", split_view)}


def page(found: FactSet) -> None:
    """The set in numbers, then one view of it."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption(f"{safe(facts_sets.title(found.name))} · {count(len(found.facts), 'fact')} from "
                   f"{count(found.n_records, 'record')} · fingerprint {facts_sets.fingerprint(found)[:12]}")
        st.button("Add facts", key="page_add_facts", icon=":material/add:", on_click=facts_add.show,
                  help="Upload a file, name a data set, or type a fact in.")
    numbers(found)
    view = st.segmented_control("View", list(VIEWS), key="facts_view", default="browse", required=True,
                                format_func=lambda name: VIEWS[name][0], label_visibility="collapsed",
                                persist_state="session")
    if not found.facts and view != "report":
        st.info("This set has no fact. The report says why.", icon=":material/info:")
        return
    VIEWS[view][1](found)


def numbers(found: FactSet) -> None:
    """The set in one row."""
    rows = facts_known.survey(found)
    told = [row.known for row in rows.values() if row.known is not None]
    columns = st.columns(6, gap="small")
    columns[0].metric("Facts", f"{len(found.facts):,}", border=True)
    columns[1].metric("Subjects", f"{subjects(found.facts):,}", border=True)
    for place, label, part in ((columns[2], "With rephrases", "rephrases"), (columns[3], "With locality", "locality"),
                               (columns[4], "With portability", "portability")):
        place.metric(label, f"{sum(bool(getattr(fact, part)) for fact in found.facts):,}", border=True)
    columns[5].metric(f"Known of {len(told):,}" if told else "Known", f"{sum(told):,}" if told else "–", border=True,
                      help="Facts whose old answer the model gives by itself, of those that it was asked and that "
                           "have an old answer.")


frame.require()
st.title("Facts")
page(facts_sets.fact_set(session().facts))
