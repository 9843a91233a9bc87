"""The answer that the golden-layers page leads with: one row a way to pick, and the layer to edit at."""

from collections.abc import Mapping
from functools import partial

import pandas as pd
import streamlit as st

from lga_core.editing.table import EDITORS
from lga_core.results import PastWorth
from lga_core.runs.shipped.study_units import kept_units
from lga_core.service.reading.answering import Answered, answered
from lga_core.service.reading.method_scores import QuestionScores
from lga_core.view.words.definitions import definitions
from lga_core.view.words.scores.answer import answer_rows, obstacles_sentence, past_sentence, recommendation
from lga_core.worth.recommendation import Facts, past_worth
from pages._ui.session.state import Question, widget
from pages._ui.shell.engine import store
from pages._ui.shell.text import safe

FRESH_SECONDS = 600  # a unit of the study that is finished meanwhile is seen after this


@st.cache_resource(ttl=FRESH_SECONDS, max_entries=32, show_spinner=False)
def _past(model: str, facts: str, editor: str, picked_from: Facts) -> Mapping[str, PastWorth]:
    return past_worth(kept_units(), model, facts, editor, picked_from)


def chosen_editor() -> str:
    """The editor of the trial page, whose edits the answer is for."""
    return widget("editor") or next(iter(EDITORS))


def read(question: Question, scores: QuestionScores) -> Answered:
    """What the store has of the answer."""
    editor = chosen_editor()
    past = partial(_past, question.model, question.facts, editor)
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
    lines = [past_sentence(answer), obstacles_sentence(answered.obstacles)]
    st.caption(safe(" ".join(filter(None, lines))), help=definitions(rows.columns))
