"""What a model and what is done with it take of the memory, against what is free: said before it starts."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from lga_core.models.sources.catalogue import ModelEntry
from lga_core.models.sources.files import gigabytes
from lga_core.models.sources.size import free_memory
from lga_core.models.text.chat import plain_name
from lga_core.service.process.jobs import Job
from lga_core.service.requests import MemoryRequest, Request
from lga_core.view.words.sentences import memory_sentence
from pages._ui.session.state import Question, kept, session
from pages._ui.shell.engine import engine

ASK_SECONDS = 0.2  # an engine that is busy answers by the next time the page runs


def loading_note(entry: ModelEntry) -> None:
    """What loading a model takes, by its number of parameters."""
    if entry.memory_bytes:
        st.caption(f"To load: {gigabytes(entry.memory_bytes)} of {gigabytes(free_memory())} that are free.")


def scoring_note(question: Question, measurements: Sequence[str]) -> None:
    """What LGA, the trace and the known-fact check before them take."""
    _note("To score", MemoryRequest(model=question.model, measurements=tuple(measurements), facts=question.limit))


def editing_note(model: str, layers: Sequence[int], settings: Any, facts: int | None) -> None:
    """What an edit of so many facts at once takes, with the probes before and after it."""
    _note("To edit", MemoryRequest(model=model, layers=tuple(layers), settings=settings, facts=facts))


def _note(what: str, request: MemoryRequest) -> None:
    need = estimate(request, "Estimating the memory")
    if need is not None:
        st.caption(f"{what}: {memory_sentence(need)}.")


def estimate(request: Request, title: str) -> Any:
    """What a short request about the model in memory returns; None where the model or the answer is not there yet."""
    job = ask(request, title)
    return None if job is None else job.result


def ask(request: Request, title: str) -> Job | None:
    """The job of such a request; None where the model is not in memory.

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
        job = memory.estimates[request] = engine().start(request, title)
        job.wait(ASK_SECONDS)
    job.touch()
    return job
