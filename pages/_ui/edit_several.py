"""Several facts edited in one go: which, where, with what, and one after another or in one solve."""

from collections.abc import Sequence

import streamlit as st

from lga_core.data.facts import Fact
from lga_core.data.load import choose
from lga_core.editing.ledger import Mode
from lga_core.editing.table import EDITORS
from lga_core.view.text import count
from pages._ui import answers, editors, jobs, ledger_jobs
from pages._ui.book import Book
from pages._ui.facts import fact_set
from pages._ui.layers import chosen_layers, in_words, layers_list
from pages._ui.model import known_layers
from pages._ui.moments import moment_note
from pages._ui.state import Question
from pages._ui.text import fact_line

_MODES: dict[Mode, str] = {
    "sequential": "Sequential: one fact after another, each computed on the model with the earlier edits.",
    "batch": "Batch: all facts in one solve, on the model with the edits that are on; one entry of the ledger.",
}
_WAYS = {"first": "The first", "chosen": "Chosen"}


def several(question: Question, book: Book) -> None:
    """The form and its button."""
    layers = known_layers(question.model) or answers.answers_to(question).layers
    if layers is None:
        st.info("How many layers this model has is not known before it is loaded: score the layers first.",
                icon=":material/info:")
        return
    facts = _facts(question)
    left, middle, right = st.columns([2, 1, 1], gap="medium", vertical_alignment="bottom")
    with left:
        layers_list(layers, "Layers to edit")
    editor = editors.editor_select(middle)
    mode = right.segmented_control("Mode", list(_MODES), key="mode", default="sequential", required=True,
                                   format_func=str.capitalize, persist_state="session",
                                   disabled=not EDITORS[editor].batch, help="  \n".join(_MODES.values()))
    mode = mode if EDITORS[editor].batch else "sequential"
    editors.about(editor)
    st.caption(_MODES[mode] + ("" if EDITORS[editor].batch else " This editor writes one fact at a time."))
    settings, at = editors.chosen_settings(editor), chosen_layers(layers)
    each = mode == "batch" or st.toggle(
        "Measure after every edit", value=True, key="measure_each", persist_state="session",
        help="Shows what each edit does to the earlier ones. Off: all facts once, at the end.")
    running = jobs.is_running(ledger_jobs.WRITING)
    at_once = len(facts) if mode == "batch" else 1
    told = running or settings is None or moment_note(question, at, settings, at_once)
    words = f"Edit {count(len(facts), 'fact')} at {in_words(at)}" if at else "Edit"
    st.button(words, key="edit_several", type="primary" if told else "secondary", icon=":material/playlist_add:",
              disabled=running or settings is None or not facts or not at or not told, on_click=ledger_jobs.write,
              args=(book, facts, editor, at, settings, mode), kwargs={"each": each})
    if not at:
        st.caption("Choose at least one layer.")


def _facts(question: Question) -> Sequence[Fact]:
    """What to edit: facts with a new answer, the question's first ones or any of the set."""
    listed = {fact.record: fact for fact in _listed(question) if fact.target_new is not None}
    left, right = st.columns([1, 3], gap="medium", vertical_alignment="bottom")
    way = left.segmented_control("Facts", list(_WAYS), key="several_way", default="first", required=True,
                                 format_func=_WAYS.get, persist_state="session")
    if way == "first":
        most = max(len(listed), 1)
        wanted = right.number_input("How many of the sidebar’s facts", 1, most, min(5, most),
                                    key=f"first_n_{question.fingerprint[:8]}_{most}", width=220)
        return list(listed.values())[:wanted]
    every = listed | {fact.record: fact for fact in fact_set(question.facts).facts
                      if fact.target_new is not None and fact.record not in listed}
    chosen = right.multiselect("Facts to edit", list(every), key=f"several_{question.fingerprint[:8]}",
                               format_func=lambda record: fact_line(every[record]), persist_state="session",
                               placeholder="In the order in which they are to be edited")
    return [every[record] for record in chosen]


def _listed(question: Question) -> Sequence[Fact]:
    """The facts that were scored; those that would be, where they were not."""
    known = answers.answers_to(question)
    return known.facts or choose(fact_set(question.facts).facts, question.limit, question.seed)
