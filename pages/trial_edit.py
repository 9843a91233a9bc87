"""Trial edit: one fact, the chosen layers, an editor; what it did, before and after, as numbers and as text."""

from typing import Any

import streamlit as st

from lga_core.data.facts import Fact, FactSet
from lga_core.models.catalogue import resolve
from lga_core.view.text import count
from pages._ui import answers, editors, frame, jobs, ledger_jobs, model, report
from pages._ui.book import book_of
from pages._ui.errors import job_outcome
from pages._ui.fact import choose_fact, strip_of
from pages._ui.layers import chosen_layers, in_words, layers_list
from pages._ui.model import known_layers
from pages._ui.moments import moment_note
from pages._ui.state import LAYERS, Question, Trial, session
from pages._ui.text import safe


def page(question: Question) -> None:
    """From the fact to the result."""
    facts, fact = choose_fact(question)
    layers = known_layers(question.model) or answers.answers_to(question).layers
    if layers is None:
        st.info("How many layers this model has is not known before it is loaded: score the layers first.",
                icon=":material/info:")
        return
    prefill(question, layers)
    left, right = st.columns([2, 1], gap="medium", vertical_alignment="bottom")
    with left:
        layers_list(layers, "Layers to edit")
    editor = editors.editor_select(right)
    editors.about(editor)
    settings = editors.chosen_settings(editor)
    strip_of(question, fact)
    chosen = chosen_layers(layers)
    if problem := unfit(fact, chosen):
        st.caption(problem)
    running = jobs.is_running("edit")
    told = running or settings is None or problem is not None or moment_note(question, chosen, settings, 1)
    st.button(f"Edit at {in_words(chosen)}" if chosen else "Edit", key="edit", type="primary" if told else "secondary",
              icon=":material/edit:", disabled=running or settings is None or problem is not None or not told,
              on_click=start, args=(question, facts, fact, chosen, editor, settings))
    result(running)


def prefill(question: Question, layers: int) -> None:
    """Propose the golden layer once, where no layer is chosen."""
    memory = session()
    golden = memory.golden
    if golden is None or golden == memory.prefilled or golden[0] != question.model or golden[1] >= layers:
        return
    memory.prefilled = golden
    if not chosen_layers(layers):
        st.session_state[LAYERS] = [golden[1]]


def unfit(fact: Fact, layers: tuple[int, ...]) -> str | None:
    """Why this cannot be edited, if it cannot."""
    if fact.target_new is None:
        return "This fact has no new answer: it can be traced, not edited."
    return None if layers else "Choose at least one layer."


def start(question: Question, facts: FactSet, fact: Fact, layers: tuple[int, ...], editor: str, settings: Any) -> None:
    """Start the edit, or join the one that another session runs."""
    shelf = model.shelf()
    session().trying = (question, fact, settings)
    jobs.start("edit", (question.model, fact.fingerprint, layers, editor, settings),
               f"Editing at {in_words(layers)}",
               lambda: answers.trial_steps(shelf, question, facts, fact, layers, editor, settings))


def result(running: bool) -> None:
    """The last trial of this session, and the earlier ones."""
    memory, job = session(), jobs.last_job("edit")
    job_outcome(job, "Nothing was changed; edits are never written into the model.")
    if job is not None and job.result is not None and memory.trying is not None:
        done, stored = job.result
        question, fact, settings = memory.trying
        memory.trials.append(Trial(question=question, fact=fact, settings=settings, report=done, stored=stored))
        memory.trying = None
    if running:
        st.info("Editing. The sidebar shows the progress.", icon=":material/hourglass_top:")
    if not memory.trials:
        return
    st.divider()
    report.show(memory.trials[-1])
    keep(memory.trials[-1])
    if len(memory.trials) > 1:
        st.markdown("**Trial edits of this session**")
        report.history(memory.trials)


def keep(trial: Trial) -> None:
    """The way into the ledger."""
    book, running = book_of(trial.question.model), jobs.is_running("ledger")
    kept = ledger_jobs.is_kept(book, trial)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Kept" if kept else "Keep edit", key="keep", icon=":material/check:" if kept else
                  ":material/library_add:", disabled=kept or running, on_click=ledger_jobs.keep, args=(book, trial),
                  help="Computed on the model with the edits that are kept and on already, and put at the end of the "
                       "ledger. The weights stay as they are.")
        if book.ledger.entries:
            st.page_link("pages/edits.py", label=f"{count(len(book.ledger.entries), 'kept edit')}",
                         icon=":material/library_books:", query_params=None)
        st.page_link("pages/playground.py", label="Try it in the playground", icon=":material/forum:")
    job_outcome(jobs.last_job("ledger"), "What was finished is kept.")


frame.require()
st.title("Trial edit")
if session().question is None:
    st.info("Choose a model and a proxy set in the sidebar.", icon=":material/info:")
else:
    about = f"{safe(resolve(session().question.model).title)} · {safe(session().question.facts)}"
    st.caption(f"{about}. The edit is added while the "
               "model answers and is gone afterwards; the weights are never written.")
    page(session().question)
