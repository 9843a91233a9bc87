"""The answer that the golden-layers page leads with: one row a way to pick, and the layer to edit at."""

import pandas as pd
import streamlit as st

from lga_core.editing.table import EDITORS
from lga_core.service.reading.answering import Answered, answered, studied
from lga_core.service.reading.method_scores import QuestionScores
from lga_core.view.words.definitions import definitions
from lga_core.view.words.scores.answer import answer_rows, obstacles_sentence, past_sentence, recommendation
from pages._ui.session.state import EDITOR, Question, widget
from pages._ui.shell.engine import store
from pages._ui.shell.text import safe

DEFAULT_EDITOR = next(iter(EDITORS))


def chosen_editor() -> str:
    """The editor of the trial page, whose edits the answer is for."""
    return widget(EDITOR) or DEFAULT_EDITOR


def editor_in_address() -> str:
    """It, as an address names it; empty where it is the one that every tab begins with."""
    return "" if chosen_editor() == DEFAULT_EDITOR else chosen_editor()


def read(question: Question, scores: QuestionScores) -> Answered:
    """What the store has of the answer."""
    editor = chosen_editor()
    past = studied(question.model, question.facts, editor)
    return answered(scores, past, question.facts, editor, store())


def show(answered: Answered) -> None:
    """The sentence, the table, where the study's numbers are from, and the layers at which an edit cannot act."""
    answer = answered.answer
    if not answer.candidates:
        return
    st.markdown(f":material/recommend: **{safe(recommendation(answer))}**")
    rows = pd.DataFrame(answer_rows(answer)).map(safe)
    about = "Table of each way to pick a layer, what it picks and what that is worth"
    st.table(rows, hide_index=True, border="horizontal", alt=about)
    editor = f"For an edit with {EDITORS[chosen_editor()].title}, the editor of the trial page."
    lines = [editor, past_sentence(answer), obstacles_sentence(answered.obstacles)]
    st.caption(safe(" ".join(filter(None, lines))), help=definitions(rows.columns))
