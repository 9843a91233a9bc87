"""The sidebar: model, proxy set, the button that starts it all, and how far the work is."""

import streamlit as st

from lga_core.service.requests import Need, ProxySet, ScoreRequest
from pages._ui.facts import choose as facts
from pages._ui.facts.sets import proxy_set, scored_proxy
from pages._ui.frame import guide, login
from pages._ui.model import choose as model
from pages._ui.model import memory_notes
from pages._ui.runs import opening
from pages._ui.scoring import options
from pages._ui.session.state import (
    RUN,
    SCORE,
    Question,
    cleared_when_done,
    keep_widgets,
    kept,
    put_widgets,
    restore_widgets,
    session,
)
from pages._ui.shell import jobs
from pages._ui.shell.elements import button


def sidebar() -> None:
    """Draws the sidebar and keeps the question that it asks in the session."""
    restore_widgets()
    opening.open_requested()
    put_widgets()
    here = session()
    with st.sidebar:
        try:
            here.question = _chosen_question()
        except Exception:
            here.question = None  # no page goes on with the one before
            here.to_score = False
            raise
        with cleared_when_done("to_score", False):
            if here.to_score and here.question is not None:
                _score(here.question)
        opening.answer_from_store()
        running = jobs.is_running(SCORE)
        button(
            "Score layers",
            "score",
            score,
            icon="bar_chart",
            width="stretch",
            disabled=here.question is None or running,
            type="secondary" if kept().asked is None else "primary",
        )
        if here.question is not None and not running:
            needs = options.choices(here.question.seed).needs()
            memory_notes.scoring_note(here.question, [need.measurement for need in needs])
        jobs.progress_panel()
        guide.show_again_button()
        login.account()
    keep_widgets()


def _chosen_question() -> Question | None:
    """What model and facts make, once both are chosen."""
    entry = model.choose_model()
    st.divider()
    chosen, limit, seed, known_only = facts.choose_facts()
    if entry is None or not chosen.facts:
        return None
    return Question(
        model=entry.name,
        facts=chosen.name,
        fingerprint=chosen.fingerprint,
        limit=limit,
        seed=seed,
        known_only=known_only,
    )


def score() -> None:
    """A click: once the sidebar knows what it asks, measure what the page's options need.

    Not before. The run that drew the button may have been stopped by the click before it came to that.
    """
    session().to_score = True


def _score(question: Question) -> None:
    tab = kept()
    _start(question, proxy_set(question))
    tab.asked = question
    tab.run = None  # until the page shows one of this question
    st.query_params.pop(RUN, None)  # at once: a reload would open that run, and what was asked before with it


def measure_more(more: tuple[Need, ...] = ()) -> None:
    """What the options need now, of the facts that were scored last, and `more` beside it."""
    question = kept().asked
    if question is not None:
        _start(question, scored_proxy(question), more)


def _start(question: Question, proxy: ProxySet, more: tuple[Need, ...] = ()) -> None:
    kept().forget_answer()
    needs = tuple(dict.fromkeys((*options.choices(question.seed).needs(), *more)))
    jobs.start(SCORE, ScoreRequest(model=question.model, proxy=proxy, needs=needs), "Scoring layers", question)
