"""What a model and what is done with it take of the memory, against what is free: said before it starts."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from lga_core.models.sources.entry import ModelEntry
from lga_core.models.sources.files import gigabytes
from lga_core.models.sources.size import free_memory
from lga_core.models.text.chat import plain_name
from lga_core.models.text.sources import IDENTITY
from lga_core.service.process.jobs import Job
from lga_core.service.requests import MemoryRequest
from lga_core.view.words.edits.sentences import moment_sentence
from lga_core.view.words.sentences import memory_sentence
from pages._ui.session.state import Question, kept, session
from pages._ui.shell.engine import engine
from pages._ui.shell.errors import error_box

ASK_SECONDS = 0.2  # an engine that is busy answers by the next time the page runs


def loading_note(entry: ModelEntry) -> None:
    """What loading a model takes, by its number of parameters."""
    if entry.memory_bytes:
        st.caption(f"To load: {gigabytes(entry.memory_bytes)} of {gigabytes(free_memory())} that are free.")


def scoring_note(question: Question, measurements: Sequence[str]) -> None:
    """What LGA, the trace and the known-fact check before them take."""
    job = ask(MemoryRequest(model=question.model, measurements=tuple(measurements), facts=question.limit))
    if job is not None and job.result is not None:
        st.caption(f"To score: {memory_sentence(job.result)}.")


def editing_note(model: str, layers: Sequence[int], settings: Any, facts: int | None = None) -> None:
    """What an edit takes, with the probes before and after it, and whether its second moments C are at hand.

    `facts`: so many are edited in one batch; None: as many as a batch has at most.
    """
    if not layers:
        return
    job = ask(MemoryRequest(model=model, layers=tuple(layers), settings=settings, facts=facts))
    if job is not None and job.error is not None:
        error_box(job.error)
    elif job is not None and job.result is not None:
        st.caption(f"To edit: {memory_sentence(job.result)}.")
        if words := moment_sentence(job.result):
            st.caption(words)
    elif getattr(settings, "covariance", IDENTITY) != IDENTITY:
        st.caption(
            "The edit needs the second moments C of its layers: those that are not kept yet are collected first."
        )


def ask(request: MemoryRequest) -> Job | None:
    """The job that estimates it; None where the model is not in memory.

    Asked once, and again after a job of this tab has ended: that may have changed the answer.
    """
    if engine().model != plain_name(request.model):
        return None
    memory = session()
    ended = {job.number for job in kept().jobs.values() if not job.alive}
    if not ended <= memory.estimated_after:  # a new job in the place of an ended one changes nothing
        memory.estimates.clear()
        memory.estimated_after |= ended
    job = memory.estimates.get(request)
    if job is None or job.snapshot().state == "cancelled":  # nobody looked at it for a while
        job = memory.estimates[request] = engine().start(request, "Estimating the memory")
        job.wait(ASK_SECONDS)
    job.touch()
    return job
