"""A stored run put into the session: the question, the widgets and the results are as a link to it would have them."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import streamlit as st

from lga_core.errors import LgaError
from lga_core.models.sources.catalogue import OTHER, catalogue
from lga_core.models.text.chat import is_chat, plain_name
from lga_core.results import Origin
from lga_core.runs.shipped import example
from lga_core.runs.storage.index import RunHeader
from lga_core.runs.storage.store import Store
from lga_core.service.page_parts.settings_form import widget_values
from lga_core.service.process.jobs import Job
from lga_core.service.reading.reopening import Reopening, reopening
from lga_core.view.words.text import count
from pages._ui.edits.editors import MEASURING, form_key
from pages._ui.facts import sets
from pages._ui.session import state
from pages._ui.session.state import Question, kept, session
from pages._ui.shell.engine import identity, recorded_runs, runs, store


def reopen(names: Sequence[str]) -> None:
    """Open runs by the start of their keys, one over the other. Before any widget is drawn.

    Those after the first only where the set that is then chosen has their facts. What cannot be opened is told.
    """
    asked_now = None
    linked = tuple(names) == (session().address.get(state.RUN),)
    for place, name in enumerate(names):
        try:
            header, holder = _find_run(name)
            opened = reopening(header, holder, {known: sets.fact_set(known) for known in sets.names()}, asked_now)
        except LgaError as error:
            session().notices.append(
                f"{error.cause} Shown is its question, as far as the address has it; it can be computed here."
                if linked
                else f"{error.cause} {error.hint}"
            )
            continue
        if holder.root == example.FOLDER:
            opened = replace(opened, layers=())  # the example's layers are nobody's choice
        if not place or opened.at_hand:
            asked_now = Origin(question=asdict(_apply(header, opened)))


def _find_run(name: str) -> tuple[RunHeader, Store]:
    """The run and the store that holds it: this machine's, else the recorded example."""
    try:
        return runs().one(name), store()
    except LgaError:
        recorded = [header for header in recorded_runs().headers() if name and header.key.startswith(name)]
        if len(recorded) != 1:
            raise
        return recorded[0], Store(example.FOLDER)


def _apply(header: RunHeader, opened: Reopening) -> Question:
    """Returns the question that is asked then."""
    name = opened.facts.name if opened.at_hand else sets.add_derived(opened.facts)
    st.session_state.update(_widgets(opened, name))
    question = Question(
        model=opened.model,
        facts=name,
        fingerprint=sets.fact_set(name).fingerprint,
        limit=opened.limit,
        seed=opened.seed,
        known_only=opened.known_only,
    )
    if opened.record is not None:
        state.select_fact(opened.record)
    if header.kind.subject == "scores":
        kept().ask_store(question, header.key)
    if opened.trial is not None:
        request, report, stored = opened.trial
        kept().add_trial(Job.answered("Editing", request, (report, stored)))
    elif opened.begun is not None:
        asked, stage = opened.begun
        begun = Job(0, "Editing", asked)  # as it was left when it was stopped
        begun.show(stage)
        begun.end("cancelled")
        kept().add_trial(begun)
    kept().run = header.key
    _notice_changes(header, opened)
    return question


def _widgets(opened: Reopening, facts: str) -> dict[str, Any]:
    """The values of the sidebar's widgets and of the page's, by their keys. `facts`: the set's name."""
    model = plain_name(opened.model)
    widgets = {
        state.CHAT: is_chat(opened.model),
        state.FACTS: facts,
        state.LIMIT: opened.limit,
        state.SEED: opened.seed,
        state.KNOWN_ONLY: opened.known_only,
        **opened.widgets,
    }
    if model in {entry.id for entry in catalogue()}:
        widgets[state.MODEL] = model
    else:
        widgets |= {state.MODEL: OTHER, state.OTHER_MODEL: model}
    if opened.layers:
        widgets[state.LAYERS] = list(opened.layers)
    if opened.editor is not None:
        widgets |= {state.EDITOR: opened.editor, **widget_values(opened.settings, form_key(opened.editor))}
        widgets |= widget_values(opened.metrics, MEASURING)
    if opened.many is not None:
        edits, how = opened.many
        widgets |= {state.EDITS_VIEW: state.MANY, state.MANY_EDITS: edits, **widget_values(how, state.MANY)}
    return widgets


def _notice_changes(header: RunHeader, opened: Reopening) -> None:
    """What is not as it was when the run was stored."""
    model = identity(opened.model)
    stored = header.provenance
    if model is not None and stored is not None and model.fingerprint != stored.model_fingerprint:
        session().notices.append(
            f"The files of {opened.model} have changed since this run was stored: it cannot be shown on its page, "
            "only computed anew. The page Runs compares what was stored."
        )
    elif opened.unshown:
        session().notices.append(
            f"This run has {count(len(opened.unshown), 'setting')} that this page cannot choose "
            f"({', '.join(opened.unshown)}): what is shown has the page's own. The page Runs shows the run's numbers."
        )
