"""The sidebar: model, proxy set, the button that starts it all, and how far the work is."""

import streamlit as st

from pages._ui import answers, facts, jobs, memory, model, options
from pages._ui.state import Question, session


def sidebar() -> None:
    """Draws the sidebar and keeps the question that it asks in the session."""
    with st.sidebar:
        entry = model.choose_model()
        st.divider()
        chosen, limit, seed, known_only = facts.choose_facts()
        here = session()
        here.question = None
        if entry is not None and chosen.facts:
            here.question = Question(model=entry.id, facts=chosen.name, fingerprint=facts.fingerprint(chosen),
                                     limit=limit, seed=seed, known_only=known_only)
        running = jobs.is_running("score")
        st.button("Score layers", key="score", width="stretch", disabled=here.question is None or running,
                  type="secondary" if here.asked is None else "primary", on_click=score,
                  icon=":material/bar_chart:")
        if here.question is not None and not running:
            takes(here.question)
        jobs.progress_panel()


def takes(question: Question) -> None:
    """What scoring takes of the memory, where the model is there to be asked."""
    loaded = model.shelf().peek(question.model)
    if loaded is not None:
        memory.scoring_note(loaded, question, [need.measurement for need in options.choices().needs(question.seed)])


def score() -> None:
    """Ask the sidebar's question: measure what the page's options need."""
    here = session()
    if here.question is not None:
        here.asked = here.question
        measure(here.question)


def measure(question: Question, extra: tuple[str, ...] = ()) -> None:
    """Start the job that measures what the options need for this question, and `extra` measurements beside it."""
    choices, found = options.choices(), facts.fact_set(question.facts)
    known, shelf = answers.answers_to(question), model.shelf()
    jobs.start("score", (question, choices.measured, extra), "Scoring layers",
               lambda: answers.score_steps(shelf, question, found, choices, extra, known))
