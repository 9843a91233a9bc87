"""The dialog that adds facts: from a file, from the hub or a folder, or typed in. What is wrong is listed by record."""

from dataclasses import replace
from pathlib import PurePath

import streamlit as st

from lga_core.data.facts import FactSet
from lga_core.data.load import Table, upload_table
from lga_core.errors import LgaError
from lga_core.service.requests import ReadFactsRequest
from lga_core.view.words.text import count
from pages._ui.facts import mapping, sets
from pages._ui.facts.one_fact import FactForm
from pages._ui.facts.report import problem_table
from pages._ui.session.state import Incoming, kept, session, widget
from pages._ui.shell import jobs
from pages._ui.shell.elements import button
from pages._ui.shell.engine import engine
from pages._ui.shell.errors import error_box, job_outcome
from pages._ui.shell.text import safe

AREA = "load"
TYPED = "My facts"
SOURCE = "source"  # the form that names a data set, folder or file
ONE_FACT = FactForm("form")
UNCHANGED = "Nothing has changed: the facts from before are still chosen."


def _close() -> None:
    memory = session()
    memory.adding = False
    memory.incoming = None
    memory.upload_error = None
    memory.form_errors.pop(ONE_FACT.name, None)
    memory.form_errors.pop(SOURCE, None)


@st.dialog("Add facts", width="large", on_dismiss=_close)
def dialog() -> None:
    """Three ways to facts; each ends with a button that takes them."""
    _take_read()
    # With a state: when a job ends the dialog is drawn anew, and must not go back to its first tab.
    upload, source, typed = st.tabs(
        ["Upload a file", "Hub or folder", "Type one fact"], key="add_tab", on_change="rerun"
    )
    with upload:
        _upload_part()
    with source:
        _source_part()
    with typed:
        ONE_FACT.draw()
        button("Add this fact", "add_typed", _take_typed, type="primary")
    if not session().adding:
        st.rerun()  # something was added: close the dialog


def _take_read() -> None:
    """What a job has read. Before any widget is drawn: those of the columns' form begin with what it suggests."""
    job = jobs.last_job(AREA)
    if job is not None and job.result is not None:
        del kept().jobs[AREA]  # taken once
        _keep_read("source", *job.result)


def _upload_part() -> None:
    memory = session()
    st.file_uploader(
        "JSON, JSONL or CSV, up to 20 MB",
        type=["json", "jsonl", "csv"],
        key="upload",
        on_change=_read_upload,
        help="The project's own schema, KnowEdit, CounterFact, zsRE, known_1000, or any table: you can say below what "
        "its columns hold.",
    )
    if memory.upload_error is not None:
        error_box(memory.upload_error)
        st.caption(UNCHANGED)
    _incoming_part("upload")


def _source_part() -> None:
    st.text_input(
        "Data set, folder or file",
        key="source",
        placeholder="hub:owner/name/path/to/file.json",
        help="hub:owner/name, with :config and :split where there are several; hub:owner/name/file.json for "
        "one file of it; or a path on the machine that runs this app.",
    )
    job = jobs.last_job(AREA)
    running = jobs.is_running(AREA)
    button("Read it", "load_source", _load, icon="download", disabled=running)
    if SOURCE in session().form_errors:
        error_box(session().form_errors[SOURCE])
    if session().unwatched:
        session().unwatched = False
        st.rerun()  # the whole app, not the dialog alone: the sidebar polls the job
    if job is not None and running:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption("Reading. A data set of the hub is fetched first; the network decides how long that takes.")
            button("Cancel", "cancel_source", engine().cancel, job, icon="close", disabled=job.cancelling)
    elif job is not None and job.result is not None:
        st.rerun()  # it ended since the dialog began, where its result is taken
    else:
        job_outcome(job, UNCHANGED)
    _incoming_part("source")


def _load() -> None:
    here = session()
    source = widget("source", "").strip()
    here.form_errors.pop(SOURCE, None)
    if not source:
        here.form_errors[SOURCE] = LgaError("Nothing is named to be read.", hint="Name a data set, folder or file.")
        return
    here.incoming = None
    here.unwatched = True
    jobs.start(AREA, ReadFactsRequest(source=source), "Reading the data set")


def _read_upload() -> None:
    memory = session()
    file = widget("upload")
    memory.incoming = None
    memory.upload_error = None
    if file is None:
        return
    try:
        table = upload_table(file.name, file.getvalue(), PurePath(file.name).suffix)
        _keep_read("upload", table, table.facts())
    except LgaError as error:
        memory.upload_error = error


def _keep_read(origin: str, table: Table, fact_set: FactSet) -> None:
    session().incoming = Incoming(origin=origin, table=table, fact_set=fact_set)
    mapping.begin(table, unrecognized=not fact_set.facts)


def _incoming_part(origin: str) -> None:
    """What was read, the columns' form, the first facts, the problems, and the button that takes them."""
    incoming = session().incoming
    if incoming is None or incoming.origin != origin:
        return
    place = st.container()
    mapping.form(incoming)
    fact_set = incoming.fact_set
    if fact_set is not None:
        with place:
            st.markdown(
                f"**{safe(fact_set.name)}**: {count(len(fact_set.facts), 'fact')} from "
                + (
                    f"the first {fact_set.n_records:,} of {count(len(incoming.table.records), 'record')}; the "
                    "others are read when you take them."
                    if incoming.sampled
                    else f"{count(fact_set.n_records, 'record')}."
                )
            )
        mapping.preview(fact_set)
        problem_table(fact_set.problems)
        if not fact_set.facts:
            st.warning(
                "No record can be used. Say above what the columns hold, or correct the records as listed and "
                "read the file again."
            )
    unusable = fact_set is None or not fact_set.facts
    button("Use these facts", "use_upload", _take_incoming, type="primary", disabled=unusable)


def _take_incoming() -> None:
    incoming = session().incoming
    if incoming is not None and incoming.fact_set is not None:
        sets.add_read(incoming.table.facts(incoming.mapping) if incoming.sampled else incoming.fact_set)
        _close()


def _take_typed() -> None:
    if not session().adding:
        return  # a second click was faster than the page
    fact = ONE_FACT.take()
    if fact is None:
        return
    earlier = kept().sets.get(TYPED)
    facts = earlier.facts if earlier else ()
    facts = (*facts, replace(fact, record=len(facts)))
    sets.add_read(FactSet(name=TYPED, facts=facts, n_records=len(facts)))
    _close()
