"""Layer sweep: every fact edited at every layer alone, and what the layers that LGA and CMA name are worth by it."""

import streamlit as st

from lga_core.models.catalogue import resolve
from pages._ui import answers, frame, jobs, study, sweep_form, sweeping
from pages._ui.errors import job_outcome
from pages._ui.model import known_layers, shelf
from pages._ui.state import Question, session
from pages._ui.sweep_form import AREA
from pages._ui.sweeping import SweepQuestion, Swept
from pages._ui.text import safe


def page(question: Question) -> None:
    """From the form to the verdict."""
    layers = known_layers(question.model) or answers.answers_to(question).layers
    if layers is None:
        st.info("How many layers this model has is not known before it is loaded: score the layers first.",
                icon=":material/info:")
        return
    asked = sweep_form.form(question, layers)
    if asked is None:
        return
    found, live = sweeping.swept(asked), sweep_form.running(asked)
    if not live:
        look_up(asked, found)
    sweep_form.start_bar(asked, found)
    if jobs.is_running(AREA) and not live:
        st.info("Another sweep is running. The sidebar shows its progress.", icon=":material/hourglass_top:")
    shown(asked, found, live)


def look_up(asked: SweepQuestion, found: Swept) -> None:
    """Read the store where the model is in memory, and again when a job has begun or ended."""
    model = shelf().peek(asked.question.model)
    now = tuple((area, id(job), job.alive) for area, job in session().jobs.items())
    if model is not None and found.read_at != now:
        sweeping.read(model, asked, sweep_form.sets_of(asked), found)
        found.read_at = now


def shown(asked: SweepQuestion, found: Swept, live: bool) -> None:
    """What is known, with torch, which an empty page does not need."""
    from pages._ui import sweep_results

    job_outcome(jobs.last_job(sweep_results.SCORING), "What was finished is kept.")
    sweep_results.live_results(asked, found, live)


frame.require()
st.title("Layer sweep")
if session().question is None:
    st.info("Choose a model and a proxy set in the sidebar.", icon=":material/info:")
else:
    about = f"{safe(resolve(session().question.model).title)} · {safe(session().question.facts)}"
    st.caption(f"{about}. Brute force: every fact is edited at every layer alone and measured, which shows what the "
               "layers that LGA, CMA and others name are worth, and what finding them costs.")
    page(session().question)
study.study()
