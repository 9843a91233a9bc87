"""The proxy set: shipped, uploaded or typed in, and how many of it. An upload's mistakes are listed by record."""

from dataclasses import replace
from pathlib import PurePath

import pandas as pd
import streamlit as st

from lga_core.data.facts import FactSet, Problem
from lga_core.data.load import fact_from_form, load_facts, read_facts, shipped_sets
from lga_core.errors import LgaError
from lga_core.view.text import count
from pages._ui import state
from pages._ui.errors import error_box
from pages._ui.state import session, widget
from pages._ui.text import safe

TYPED = "My facts"
DEFAULT_LIMIT = 32
_TITLES = {"world": "World facts"}


@st.cache_resource(show_spinner=False)
def _shipped(name: str) -> FactSet:
    return load_facts(name)


def fact_set(name: str) -> FactSet:
    """A set by the name under which the sidebar lists it."""
    return session().sets.get(name) or _shipped(name)


def fingerprint(facts: FactSet) -> str:
    """Of the whole set; computed once a session."""
    known = session().fingerprints
    if facts.name not in known or known[facts.name][0] is not facts:
        known[facts.name] = (facts, facts.fingerprint)
    return known[facts.name][1]


def choose_facts() -> tuple[FactSet, int, int, bool]:
    """The sidebar's facts part: the set, how many of it, the seed of their order, and whether only known ones."""
    names = [*shipped_sets(), *session().sets]
    chosen = st.selectbox("Proxy set of facts", names, key=state.FACTS, bind="query-params", persist_state="session",
                          format_func=lambda name: _TITLES.get(name, name))
    facts = fact_set(chosen)
    st.caption(_about(facts))
    st.button("Add facts", key="add_facts", icon=":material/add:", width="stretch", on_click=_dialog, args=(True,),
              help="Upload a file of facts or type one in.")
    if session().adding:
        _add_facts()
    most = max(len(facts.facts), 1)
    st.session_state[state.LIMIT] = min(widget(state.LIMIT, DEFAULT_LIMIT), most)
    left, right = st.columns(2, gap="small")
    limit = left.number_input("How many", 1, most, key=state.LIMIT, bind="query-params", persist_state="session")
    seed = right.number_input("Seed", 0, 2**31 - 1, key=state.SEED, bind="query-params", persist_state="session",
                              help="Order in which the facts are taken; noise and bootstrap draws.")
    known = st.toggle("Known facts only", key=state.KNOWN_ONLY, bind="query-params", persist_state="session",
                      help="Take only facts whose old answer the model gives by itself.")
    return facts, int(limit), int(seed), known


def _about(facts: FactSet) -> str:
    kept = count(len(facts.facts), "fact")
    skipped = len({problem.record for problem in facts.problems if problem.action == "record skipped"})
    return kept + (f" · {count(skipped, 'record')} skipped" if skipped else "")


def _dialog(is_open: bool) -> None:
    """Remembered, so that a job that ends meanwhile and runs the page again does not close it."""
    session().adding = is_open


@st.dialog("Add facts", width="large", on_dismiss=lambda: _dialog(False))
def _add_facts() -> None:
    upload, typed = st.tabs(["Upload a file", "Type one fact"])
    with upload:
        _upload_part()
    with typed:
        _form_part()
    if not session().adding:
        st.rerun()                           # something was added: close the dialog


def _upload_part() -> None:
    memory = session()
    st.file_uploader(
        "JSON, JSONL or CSV, up to 20 MB", type=["json", "jsonl", "csv"], key="upload", on_change=_read_upload,
        help="The project's own schema, KnowEdit ZsRE, CounterFact, or a table with the columns prompt, subject, "
             "target_new and target_old.",
    )
    if memory.upload_error is not None:
        error_box(memory.upload_error)
        st.caption("Nothing has changed: the facts from before are still chosen.")
    if memory.upload is not None:
        found = memory.upload
        st.markdown(f"**{safe(found.name)}**: {count(len(found.facts), 'fact')} from "
                    f"{count(found.n_records, 'record')}.")
        problem_table(found.problems)
        if not found.facts:
            st.warning("No record can be used. Mend them as listed and upload the file again.")
        st.button("Use these facts", key="use_upload", type="primary", disabled=not found.facts, on_click=_take_upload)


def problem_table(problems: tuple[Problem, ...]) -> None:
    """What is wrong with each record and what was done about it."""
    if problems:
        table = pd.DataFrame([(item.record, item.action, item.problem) for item in problems],
                             columns=["record", "action", "problem"])
        st.dataframe(table, hide_index=True, width="stretch", height=min(38 + 35 * len(table), 280),
                     column_config={"record": st.column_config.NumberColumn(width="small"),
                                    "action": st.column_config.TextColumn(width="small")})


def _read_upload() -> None:
    memory, file = session(), widget("upload")
    memory.upload = memory.upload_error = None
    if file is None:
        return
    try:
        memory.upload = read_facts(file.name, file.getvalue(), PurePath(file.name).suffix)
    except LgaError as error:
        memory.upload_error = error


def _take_upload() -> None:
    memory = session()
    if memory.upload is not None:
        _choose(memory.upload)
        memory.upload = None


def _choose(facts: FactSet) -> None:
    name = facts.name if facts.name not in shipped_sets() else f"{facts.name} (uploaded)"
    session().sets[name] = replace(facts, name=name)
    _dialog(False)
    st.session_state[state.FACTS] = name
    st.session_state[state.LIMIT] = DEFAULT_LIMIT


def _form_part() -> None:
    memory = session()
    st.text_input("Prompt", key="form_prompt", placeholder="The Space Needle is in downtown",
                  help="The sentence up to the answer. The subject stands in it.")
    left, middle, right = st.columns(3)
    left.text_input("Subject", key="form_subject", placeholder="Space Needle")
    middle.text_input("Old answer", key="form_old", placeholder="Seattle")
    right.text_input("New answer", key="form_new", placeholder="Boston")
    st.text_area("Rephrases, one a line", key="form_rephrases", height=80)
    left, right = st.columns(2)
    left.text_area("Locality probes, one a line: prompt | answer", key="form_locality", height=80,
                   placeholder="The Eiffel Tower is in | Paris")
    right.text_area("Portability probes, one a line: prompt | answer", key="form_portability", height=80,
                    placeholder="The Space Needle is in the state of | Massachusetts")
    if memory.form_error is not None:
        error_box(memory.form_error)
    st.button("Add this fact", key="add_typed", type="primary", on_click=_take_typed)


def _take_typed() -> None:
    memory, earlier = session(), session().sets.get(TYPED)
    memory.form_error = None
    try:
        fact = fact_from_form(
            prompt=widget("form_prompt", ""), subject=widget("form_subject", ""), target_new=widget("form_new", ""),
            target_old=widget("form_old", ""), rephrases=widget("form_rephrases", "").splitlines(),
            locality=_probes(widget("form_locality", "")), portability=_probes(widget("form_portability", "")),
        )
    except LgaError as error:
        memory.form_error = error
        return
    facts = earlier.facts if earlier else ()
    facts = (*facts, replace(fact, record=len(facts)))
    _choose(FactSet(name=TYPED, facts=facts, n_records=len(facts)))


def _probes(lines: str) -> list[tuple[str, str]]:
    parts = (line.partition("|") for line in lines.splitlines())
    return [(prompt.strip(), answer.strip()) for prompt, _, answer in parts]
