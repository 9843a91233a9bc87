"""What the second moments C of an edit take, said before the edit starts. It starts without: then C comes first."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from lga_core.models.text.sources import FILE, IDENTITY, OWN_TEXT
from lga_core.results import MomentPlan
from lga_core.service.requests import MomentPlanRequest, SpeedRequest
from lga_core.view.words.edits.sentences import moment_details, moment_headline
from pages._ui.model import memory_notes
from pages._ui.shell import jobs
from pages._ui.shell.errors import error_box, job_outcome
from pages._ui.shell.starting import start_button
from pages._ui.shell.text import safe

AREA = "speed"


def moment_note(model: str, layers: Sequence[int], settings: Any, facts: int | None = None) -> None:
    """What the edit and its C take, as far as that is known.

    `facts`: so many are edited in one batch; None: as many as a batch has at most.
    """
    if not layers:
        return
    memory_notes.editing_note(model, layers, settings, facts)
    source = getattr(settings, "covariance", IDENTITY)
    if source == IDENTITY:
        return
    job = memory_notes.ask(
        MomentPlanRequest(model=model, layers=tuple(layers), settings=settings), "Planning the second moments"
    )
    plan = job.result if job is not None else None
    if job is not None and job.error is not None:
        error_box(job.error)
    elif plan is None:
        st.caption(
            "The edit needs the second moments C of its layers. Those that are not kept yet are computed first; "
            "what that takes is shown here once the model is in memory."
        )
    elif plan.ready:
        st.caption(moment_headline(plan))
    else:
        _to_compute(model, plan, "the model’s own text" if source == OWN_TEXT else source.removeprefix(FILE))


def _to_compute(model: str, plan: MomentPlan, text: str) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="moment_plan"):
        st.markdown(f"**{safe(moment_headline(plan))}** {safe(moment_details(plan, text))}", width="stretch")
        if plan.seconds is None:
            about = "Tries how fast this model reads and writes here; takes a few seconds."
            speed = SpeedRequest(model=model)
            start_button("Estimate", "timer", AREA, speed, "Measuring the speed", key="estimate", help=about)
    job_outcome(jobs.last_job(AREA, model), "Nothing was estimated.")
