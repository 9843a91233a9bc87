"""Runs: all that is stored on this machine; open one again, name it, compare two, compute it anew, delete it."""

import streamlit as st

from lga_core.models.sources.files import gigabytes
from lga_core.view.words.text import count
from pages._ui.runs import compared, disk_space, listed, one_run
from pages._ui.session.state import session
from pages._ui.shell.elements import hint
from pages._ui.shell.engine import runs, store
from pages._ui.shell.errors import boxed, job_outcome
from pages._ui.shell.jobs import last_job
from pages._ui.shell.text import safe


def page() -> None:
    """From the list to one run, or two beside one another."""
    headers = runs().headers()
    readable = [header for header in headers if header.problem is None]
    size = gigabytes(sum(header.bytes for header in headers))
    st.caption(f"{count(len(headers), 'run')} · {size} · {safe(str(store().root))}")
    listed.undo_bar()
    if not headers:
        hint("Nothing is stored yet. What you score, trace, edit or sweep is kept here as it is measured.", "history")
        one_run.recorded_list()
        return
    session().shown_run = ""  # what is listed was measured here
    chosen = listed.choose(readable)
    job_outcome(last_job(one_run.REPLAY), "Nothing was changed: a replay keeps nothing.")
    if len(chosen) == 2:
        with boxed("The comparison"):
            compared.compared(chosen[0], chosen[1])
    elif chosen:
        with boxed("The run"):
            one_run.one_run(chosen[0])
    listed.unreadable([header for header in headers if header.problem is not None])


st.title("Runs")
page()
disk_space.show()
