"""The one box in which a failure is shown: its cause and what to do, never a traceback."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from lga_core.errors import LgaError, explained
from lga_core.service.process.jobs import Job
from pages._ui.session.state import session
from pages._ui.shell.text import safe

log = logging.getLogger(__name__)


def error_box(error: LgaError) -> None:
    """Cause in bold, what to do below it."""
    st.error(f"**{safe(error.cause)}**  \n{safe(error.hint)}", icon=":material/error:")


@contextmanager
def boxed(what: str) -> Iterator[None]:
    """Show whatever fails inside as a box; the rest of the page goes on. Streamlit's own signals pass through."""
    try:
        yield
    except LgaError as error:
        error_box(error)
    except Exception as error:  # the last line of defence: a page must never show a traceback
        log.exception("%s failed.", what)
        error_box(explained(what, error, hint=f"The full traceback is in the program's log ({__name__})."))


@contextmanager
def noticed() -> Iterator[None]:
    """For callbacks, which draw nothing: what fails inside is told above the page that is drawn next."""
    try:
        yield
    except LgaError as error:
        session().notices.append(str(error))


def job_outcome(job: Job | None, kept: str) -> None:
    """What a job that ended early has to say: its error, or that it was cancelled and what is kept."""
    if job is None or job.alive:
        return
    if job.error is not None:
        error_box(job.error)
    elif job.snapshot().state == "cancelled":
        st.warning(f"{safe(job.title)} was cancelled. {kept}", icon=":material/pause_circle:")
