"""What the second moment C of an edit takes, said before the edit starts."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from lga_core.errors import LgaError
from lga_core.models.files import gigabytes
from lga_core.models.loaded import LoadedModel
from lga_core.models.moment_plan import MomentPlan, moment_plan
from lga_core.models.rate_trial import try_rates
from lga_core.models.texts import FILE, HUB, IDENTITY, OWN_TEXT
from lga_core.results import Progress
from lga_core.runs.jobs import Steps
from lga_core.view.text import count
from lga_core.view.words import duration
from pages._ui import jobs
from pages._ui.errors import error_box, job_outcome
from pages._ui.layers import in_words
from pages._ui.memory import editing_note
from pages._ui.model import Shelf, shelf
from pages._ui.state import Question, session
from pages._ui.text import safe

AREA = "prepare"


def moment_note(question: Question, layers: Sequence[int], settings: Any, facts: int | None = None) -> bool:
    """Says what the edit and its C take; whether it may start: the cost of C must have been told.

    `facts`: so many are edited in one batch; None: as many as a batch has at most.
    """
    source = getattr(settings, "covariance", IDENTITY)
    model = shelf().peek(question.model) if layers else None
    if model is not None:
        editing_note(model, layers, settings, facts)
    if source == IDENTITY or not layers:
        return True
    if model is None:
        _load_first(question)
        return False
    try:
        plan = _plan(model, layers, source, settings)
    except LgaError as error:
        error_box(error)
        return False
    if plan.ready:
        st.caption(f"Second moment C of {in_words(plan.layers)}: kept, nothing to compute.")
    else:
        _told(question, plan, source)
    return True


def _plan(model: LoadedModel, layers: Sequence[int], source: str, settings: Any) -> MomentPlan:
    asked = {"seed": settings.seed, "tokens_per_input": settings.tokens_per_input}
    if not source.startswith(HUB):
        return moment_plan(model, layers, source, **asked)
    # The hub is asked for the data set's commit: once in a while, not whenever the page is drawn.
    found = _hub_plan(model.fingerprint, tuple(layers), source, tuple(asked.items()), _work_done(), model)
    if isinstance(found, LgaError):
        raise found
    return found


@st.cache_data(ttl=300, show_spinner="Asking the hub")
def _hub_plan(fingerprint: str, layers: tuple[int, ...], source: str, asked: tuple, done: int,
              _model: LoadedModel) -> MomentPlan | LgaError:
    try:
        return moment_plan(_model, layers, source, **dict(asked))
    except LgaError as error:
        return error


def _work_done() -> int:
    """Changes when a job that may have computed a moment has ended."""
    return sum(job.alive << place for place, job in enumerate(session().jobs.values())) + len(session().trials)


def _told(question: Question, plan: MomentPlan, source: str) -> None:
    text = ("the model’s own text" + (", which it writes first" if plan.tokens_to_write else "")
            if source == OWN_TEXT else safe(source.removeprefix(FILE)))
    passes = "" if plan.passes == 1 else f", {count(plan.passes, 'pass').replace('passs', 'passes')}"
    time = "time not known yet" if plan.seconds is None else f"about {duration(plan.seconds)}"
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="moment_plan"):
        st.markdown(f"**The second moment C comes first: {time}.** {count(len(plan.filled), 'layer')} from "
                    f"{plan.tokens_to_read:,} tokens of {text}{passes}; {gigabytes(plan.disk_bytes)} on disk, "
                    f"{gigabytes(plan.memory_bytes)} of memory. Kept, so that later edits need none of it.",
                    width="stretch")
        if plan.seconds is None:
            st.button("Estimate", key="estimate", icon=":material/timer:", disabled=jobs.is_running(AREA),
                      on_click=_prepare, args=(question,),
                      help="Tries how fast this model reads and writes here; takes a few seconds.")
    job_outcome(jobs.last_job(AREA), "Nothing was estimated.")


def _load_first(question: Question) -> None:
    """The size of C is known once the model is."""
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="load_first"):
        st.markdown("The edit needs a second moment C. What it takes is told once the model is in memory.",
                    width="stretch")
        st.button("Load the model", key="load_model", type="primary", icon=":material/memory:",
                  disabled=jobs.is_running(AREA), on_click=_prepare, args=(question,))
    job_outcome(jobs.last_job(AREA), "Nothing was loaded.")


def _prepare(question: Question) -> None:
    on = shelf()
    jobs.start(AREA, question.model, "Getting ready", lambda: _prepare_steps(on, question.model))


def _prepare_steps(on: Shelf, name: str) -> Steps:
    """The model in memory, and how fast it is here."""
    model = yield from on.take(name)
    yield Progress(label="trying how fast it is", done=0, total=1)
    yield from try_rates(model)
