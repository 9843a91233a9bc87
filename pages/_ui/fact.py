"""One fact: choosing it, and its prompt's tokens with the one that editors read and write at."""

import streamlit as st

from lga_core.data.facts import Fact, FactSet
from lga_core.view.text import shorten
from pages._ui.answers import answers_to
from pages._ui.facts import fact_set
from pages._ui.model import prompt_tokens
from pages._ui.state import Question, session, widget
from pages._ui.text import fact_line, safe


def choose_fact(question: Question) -> tuple[FactSet, Fact]:
    """One fact of the set, those of the question first; the model's own verdict stands beside each that was asked."""
    memory, facts, known = session(), fact_set(question.facts), answers_to(question)
    surveyed = dict(known.surveyed)          # a job may be adding to it
    first = {fact.record: fact for fact in known.facts}
    listed = first | {fact.record: fact for fact in facts.facts if fact.record not in first}
    key = _key(question, len(surveyed))
    chosen = widget(key, memory.fact)
    st.session_state[key] = chosen if chosen in listed else next(iter(listed))
    # The browser knows an option by its words. They change with the verdicts, and then it is another list.
    memory.fact = st.selectbox(
        "Fact", list(listed), persist_state="session", key=key,
        format_func=lambda record: f"{fact_line(listed[record])}{_verdict(surveyed, record)}")
    return facts, listed[memory.fact]


def look_at(question: Question, record: int) -> None:
    """Make it the chosen fact. For pages that do not draw the choice: its widget would not see it otherwise."""
    session().fact = record
    st.session_state[_key(question, len(answers_to(question).surveyed))] = record


def _key(question: Question, surveyed: int) -> str:
    return f"fact_{question.fingerprint[:8]}_{surveyed}"


def _verdict(surveyed: dict, record: int) -> str:
    row = surveyed.get(record)
    return "" if row is None or row.known is None else " · known" if row.known else " · not known"


def token_strip(tokens: tuple[str, ...], subject: tuple[int, int]) -> None:
    """The prompt's tokens in a row: the subject's marked, its last one in the accent colour."""
    first, end = subject
    marks = []
    for index, token in enumerate(tokens):
        words = safe(shorten(token.replace("\n", "⏎").strip() or "␣", 24))
        if index == end - 1:
            marks.append(f":blue-background[:blue[**{words}**]]")
        else:
            marks.append(f":{'violet' if first <= index < end else 'gray'}-background[{words}]")
    st.markdown(" ".join(marks), help="Tokens of the prompt. Violet: the subject; bold blue: its last token, where the "
                                      "trace looks first and the edit is written.")


def strip_of(question: Question, fact: Fact) -> None:
    """The token strip where the model is in memory; the prompt in plain text before that."""
    found = prompt_tokens(question.model, fact)
    if found is None:
        st.caption(f"{safe(fact.prompt)} … tokens are shown once the model is loaded.")
    else:
        token_strip(*found)
