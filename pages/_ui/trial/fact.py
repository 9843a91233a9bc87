"""One fact: choosing it, and its prompt's tokens with the one that editors read and write at."""

import streamlit as st

from lga_core.data.facts import Fact, FactSet
from lga_core.results import KnownFactCheck
from lga_core.service.page_parts.fact_table import verdict
from lga_core.service.page_parts.models import prompt_tokens
from lga_core.service.reading import stored
from lga_core.view.words.text import shorten
from pages._ui.facts.known import stored_checks
from pages._ui.facts.sets import fact_set, proxy_set
from pages._ui.session.state import Question, session, widget
from pages._ui.shell.engine import identity, store
from pages._ui.shell.text import fact_line, safe


def choose_fact(question: Question) -> tuple[FactSet, Fact]:
    """One fact of the set, those of the question first; the model's own verdict stands beside each that was asked."""
    memory = session()
    facts = fact_set(question.facts)
    proxy = stored.proxy_facts(identity(question.model), proxy_set(question), store()) or ()
    checks = stored_checks(facts.facts)
    listed = {fact.record: fact for fact in (*proxy, *facts.facts)}
    of_set = f"fact_{question.fingerprint[:8]}_"
    key = f"{of_set}{len(checks)}"
    before = widget(of_set, key)  # the key under which this set's facts were listed last
    st.session_state[of_set] = key
    wanted, memory.wanted_fact = memory.wanted_fact, None
    chosen = widget(before, memory.fact) if wanted is None else wanted
    if chosen not in listed:
        chosen = memory.first_fact = next(iter(listed))
    st.session_state[key] = chosen
    # The browser knows an option by its words. They change with the verdicts, and then it is another list.
    memory.fact = st.selectbox(
        "Fact",
        list(listed),
        persist_state="session",
        key=key,
        format_func=lambda record: f"{fact_line(listed[record])}{_verdict(checks.get(record))}",
    )
    return facts, listed[memory.fact]


def _verdict(check: KnownFactCheck | None) -> str:
    told = check is not None and (check.known is not None or check.problem is not None)
    return f" · {verdict(check)}" if told else ""


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
    st.markdown(
        " ".join(marks),
        help="Tokens of the prompt. Violet: the subject; bold blue: its last token, where the "
        "trace looks first and the edit is written.",
    )


def strip_of(question: Question, fact: Fact) -> None:
    """The token strip where the model's files are here; the prompt in plain text before that."""
    preview = prompt_tokens(question.model, fact)
    if preview is None:
        st.caption(f"{safe(fact.prompt)} … tokens are shown once the model is fetched.")
    else:
        token_strip(*preview)
