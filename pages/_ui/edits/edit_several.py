"""Several facts edited in one go: which, where, with what, and one after another or in one solve."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import streamlit as st

from lga_core.data.facts import Fact
from lga_core.data.select import editable
from lga_core.editing.table import EDITORS, Mode
from lga_core.service.ledger_requests import WriteEdits
from lga_core.service.reading.stored import proxy_facts
from lga_core.view.words.sentences import layers_in_words
from lga_core.view.words.text import count
from pages._ui.edits import editors, ledger_jobs
from pages._ui.facts.sets import fact_set, proxy_set
from pages._ui.model import memory_notes
from pages._ui.model.choose import layers_or_hint
from pages._ui.session.state import Question
from pages._ui.shell import jobs
from pages._ui.shell.elements import act_button, choice, toggle
from pages._ui.shell.engine import identity, store
from pages._ui.shell.text import fact_line

_MODES: dict[Mode, str] = {
    "sequential": "Sequential: one fact after another, each computed on the model with the earlier edits.",
    "batch": "Batch: all facts in one solve, on the model with the edits that are on; one entry of the ledger.",
}
_WAYS = {"first": "The first", "chosen": "Chosen"}


def several(question: Question) -> None:
    """The form and its button."""
    layers = layers_or_hint(question.model)
    if layers is None:
        return
    facts = _facts(question)
    at, editor, (right,) = editors.layers_and_editor(question, layers, beside=1)
    mode = _choose_mode(editor, right)
    editors.about(editor)
    st.caption(_MODES[mode] + ("" if EDITORS[editor].batch else " This editor writes one fact at a time."))
    settings = editors.chosen_settings(editor)
    each = mode == "batch" or toggle(
        "Measure after every edit",
        "measure_each",
        value=True,
        help="Shows what each edit does to the earlier ones. Off: all facts once, at the end.",
    )
    if settings is not None:
        memory_notes.editing_note(question.model, at, settings, len(facts) if mode == "batch" else 1)
    words = f"Editing {count(len(facts), 'fact')}"
    what = {"facts": tuple(facts), "editor": editor, "layers": at, "settings": settings, "mode": mode, "each": each}
    act_button(
        f"Edit {count(len(facts), 'fact')} at {layers_in_words(at)}" if at else "Edit",
        "edit_several",
        partial(ledger_jobs.start, WriteEdits, question.model, words, **what),
        icon="playlist_add",
        type="primary",
        disabled=jobs.is_running(ledger_jobs.LEDGER) or settings is None or not facts or not at,
    )
    if not at:
        st.caption("Choose at least one layer.")


def _choose_mode(editor: str, place: Any) -> Mode:
    """Facts one after another, or all in one solve where the editor can."""
    able = EDITORS[editor].batch
    about = "  \n".join(_MODES.values())
    modes = list(_MODES)
    mode = choice(
        "Mode", modes, "mode", modes[0], place=place, format_func=str.capitalize, disabled=not able, help=about
    )
    return mode if able else "sequential"


def _facts(question: Question) -> Sequence[Fact]:
    """What to edit: facts with a new answer, the question's first ones or any of the set."""
    proxy = proxy_set(question)
    known = proxy_facts(identity(question.model), proxy, store())
    listed = editable(known or proxy.candidates[: proxy.limit])  # the latter before the model was asked which it knows
    left, right = st.columns([1, 3], gap="medium", vertical_alignment="bottom")
    way = choice("Facts", list(_WAYS), "several_way", "first", place=left, format_func=_WAYS.get)
    if way == "first":
        most = max(len(listed), 1)
        key = f"first_n_{question.fingerprint[:8]}_{most}"
        words = "How many of the sidebar’s facts"
        wanted = right.number_input(words, 1, most, min(5, most), key=key, width=220, persist_state="session")
        return listed[:wanted]
    every = {fact.record: fact for fact in (*listed, *editable(fact_set(question.facts).facts))}
    chosen = right.multiselect(
        "Facts to edit",
        list(every),
        key=f"several_{question.fingerprint[:8]}",
        format_func=lambda record: fact_line(every[record]),
        persist_state="session",
        placeholder="In the order in which they are to be edited",
    )
    return [every[record] for record in chosen]
