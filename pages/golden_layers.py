"""Golden layers: every layer's LGA score over the CMA trace on one axis, the pick, and what it is worth."""

import streamlit as st

from lga_core.models.sources.catalogue import resolve
from lga_core.view.words.text import count
from pages._ui.facts import own
from pages._ui.frame import sidebar
from pages._ui.scoring import results
from pages._ui.session.state import SCORE, Question, kept, session
from pages._ui.shell import jobs
from pages._ui.shell.elements import button, hint
from pages._ui.shell.text import safe

METHODS = (  # what the first screen explains
    (
        "LGA, the gradients",
        "For each fact, the inner product of each layer’s gradients for the old and the new "
        "answer. One pass over the facts; seconds for a small model.",
    ),
    (
        "CMA, the causal trace",
        "How much of a fact returns when one layer’s state is restored in a corrupted run. "
        "Many passes; about a minute for 32 facts in a small model on a CPU.",
    ),
    (
        "The trial edit",
        "Edit one fact at a layer you choose and read what changed: rewrite, rephrase, locality, "
        "portability, before and after. The model’s weights are never written.",
    ),
)


def welcome() -> None:
    """The first screen: what will be computed, how long it takes, and one button."""
    st.title("Which layer should be edited?")
    st.markdown(
        "Before a fact is edited in a language model, one layer has to be chosen. This page measures, on a "
        "small proxy set of facts, what LGA, the causal trace and the forecast say about every layer, and lets you try "
        "the edit there."
    )
    for column, (title, text) in zip(st.columns(3, gap="medium"), METHODS, strict=True):
        with column.container(border=True, height="stretch"):
            st.markdown(f"**{title}**")
            st.markdown(text)
    question = session().question
    off = question is None or jobs.is_running(SCORE)
    button("Score layers", "score_first", sidebar.score, icon="bar_chart", type="primary", disabled=off)
    if question is not None:
        st.caption(
            f"{described(question)}. The time left is shown in the sidebar; cancel keeps what is finished, and "
            "the same question is answered from the store."
        )
    own.form(opened=True)


def described(question: Question) -> str:
    """ "SmolLM2 135M Instruct · 32 facts of world · seed 0"."""
    known = "known facts" if question.known_only else None
    wanted = f"{question.limit} {known}" if known else count(question.limit, "fact")
    return f"{safe(resolve(question.model).title)} · {wanted} of {safe(question.facts)} · seed {question.seed}"


def answer(question: Question) -> None:
    """Everything about the question that was scored last."""
    st.title("Golden layers")
    st.caption(described(question))
    own.form(opened=False)
    own.next_steps(question)
    if session().question not in (None, question):
        hint(
            "The sidebar now asks for something else. Press Score layers to answer it; these are the results from "
            "before."
        )
    results.show(question)


asked = kept().asked
if asked is None:
    welcome()
else:
    answer(asked)
