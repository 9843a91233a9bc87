"""Trial edit: one fact, the chosen layers, an editor; what it did, before and after, as numbers and as text."""

import streamlit as st

from lga_core.data.facts import Fact, FactSet
from lga_core.editing.table import EDITORS
from lga_core.errors import LgaError
from lga_core.models.catalogue import resolve
from pages._ui import answers, frame, jobs, model, report
from pages._ui.errors import error_box, job_outcome
from pages._ui.fact import choose_fact, strip_of
from pages._ui.layers import chosen_layers, in_words, layers_list
from pages._ui.model import known_layers
from pages._ui.settings_form import settings_form
from pages._ui.state import LAYERS, Question, Trial, session
from pages._ui.text import fact_label, safe


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
    editor = right.selectbox("Editor", list(EDITORS), key="editor", format_func=lambda name: EDITORS[name].title,
                             persist_state="session", bind="query-params")
    st.caption(EDITORS[editor].about)
    with st.expander("Settings"):
        settings = chosen_settings(editor)
    strip_of(question, fact)
    chosen = chosen_layers(layers)
    if problem := unfit(fact, chosen):
        st.caption(problem)
    running = jobs.is_running("edit")
    st.button(f"Edit at {in_words(chosen)}" if chosen else "Edit", key="edit", type="primary",
              icon=":material/edit:", disabled=running or settings is None or problem is not None, on_click=start,
              args=(question, facts, fact, chosen, editor, settings))
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


def chosen_settings(editor: str):
    """The editor's settings as the form has them; None where they are not allowed."""
    try:
        return settings_form(EDITORS[editor].settings, f"set_{editor}")
    except ValueError as error:
        error_box(LgaError(f"These settings cannot be used: {error}.", mend="Change them."))
        return None


def unfit(fact: Fact, layers: tuple[int, ...]) -> str | None:
    """Why this cannot be edited, if it cannot."""
    if fact.target_new is None:
        return "This fact has no new answer: it can be traced, not edited."
    return None if layers else "Choose at least one layer."


def start(question: Question, facts: FactSet, fact: Fact, layers: tuple[int, ...], editor: str, settings) -> None:
    """Start the edit, or join the one that another session runs."""
    shelf = model.shelf()
    session().trying = (question, fact_label(fact))
    jobs.start("edit", (question.model, fact.fingerprint, layers, editor, settings),
               f"Editing at {in_words(layers)}",
               lambda: answers.trial_steps(shelf, question, facts, fact, layers, editor, settings))


def result(running: bool) -> None:
    """The last trial of this session, and the earlier ones."""
    memory, job = session(), jobs.last_job("edit")
    job_outcome(job, "Nothing was changed; edits are never written into the model.")
    if job is not None and job.result is not None and memory.trying is not None:
        done, stored = job.result
        question, label = memory.trying
        memory.trials.append(Trial(question=question, label=label, report=done, stored=stored))
        memory.trying = None
    if running:
        st.info("Editing. The sidebar shows the progress. The first edit in a model samples text from it once, for the "
                "second moment C, which can take minutes on a CPU; the identity, under Settings, needs none.",
                icon=":material/hourglass_top:")
    if not memory.trials:
        return
    st.divider()
    report.show(memory.trials[-1])
    if len(memory.trials) > 1:
        st.markdown("**Trial edits of this session**")
        report.history(memory.trials)


frame.require()
st.title("Trial edit")
if session().question is None:
    st.info("Choose a model and a proxy set in the sidebar.", icon=":material/info:")
else:
    about = f"{safe(resolve(session().question.model).title)} · {safe(session().question.facts)}"
    st.caption(f"{about}. The edit is added while the "
               "model answers and is gone afterwards; the weights are never written.")
    page(session().question)
