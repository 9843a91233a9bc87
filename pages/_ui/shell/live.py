"""A part of a page that is drawn again by itself while a job fills it: every few seconds, not with every step."""

from collections.abc import Callable

import streamlit as st

from lga_core.service.process.jobs import Job

LIVE_SECONDS = 3.0


def live(key: str, draw: Callable[[], None], *, running: bool, seconds: float = LIVE_SECONDS) -> None:
    """Draw it now; while the job runs, again every `seconds`. What is drawn reads the store, which is cheap.

    A click in a part that is drawn by itself does not run the rest of the page, so where no job runs it is none.
    """
    if running:
        st.fragment(draw, run_every=seconds, key=key)()
    else:
        draw()


def live_with(key: str, draw: Callable[[], None], job: Job | None, *, seconds: float = LIVE_SECONDS) -> None:
    """The same while `job` runs. It may be another session's, which this one's sidebar does not watch."""

    def watch_and_draw() -> None:
        if job is not None:
            job.touch()
            if not job.alive:
                st.rerun()
        draw()

    live(key, watch_and_draw, running=job is not None, seconds=seconds)
