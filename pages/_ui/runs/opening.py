"""What a page opens with: the run and the choices that its address names, the stored answer to the question that it
asks, or the last run of this machine.

The address holds the widgets that are bound to it, and beside them the chosen layers, the fact, the run shown, and the
options of the scores on pages that do not show them.
"""

from contextlib import suppress

import streamlit as st

from lga_core.editing.table import EDITORS
from lga_core.errors import LgaError
from lga_core.service.page_parts.links import RUN_LETTERS, first_view, linked_fact, linked_layers
from lga_core.service.page_parts.models import choice_title
from lga_core.service.page_parts.score_options import MEASURED
from lga_core.service.reading.stored import is_measured
from pages._ui.facts import sets
from pages._ui.scoring import answer, options
from pages._ui.session import state
from pages._ui.session.state import SCORE, Question, cleared_when_done, kept, session, widget
from pages._ui.shell.elements import hint
from pages._ui.shell.engine import identity, recorded_example, runs, store
from pages._ui.shell.jobs import is_running
from pages._ui.shell.text import safe

_ASKED = {*state.QUESTION_WIDGETS, *MEASURED, options.ADDRESS, state.RUN}  # what of an address makes it a question


def open_first(*, known: bool) -> bool:
    """Once, as soon as it is known which tab this is: whether there is something to open.

    `known`: the tab was here before and has its own results. A slow browser says it late: what the reader has chosen
    by then stands in the address, and is not replaced.
    """
    here = session()
    if here.opened_first:
        return False
    here.opened_first = True
    tab = kept()
    linked_run = here.address.get(state.RUN)
    first = first_view(
        linked_run=linked_run,
        tabs_run=tab.run,
        link_asks=bool(_ASKED & here.address.keys()),
        begun=bool(known or _ASKED & st.query_params.keys() or tab.asked or tab.jobs),
    )
    if first == "linked run":
        here.reopening = (linked_run,)
    elif first == "last runs":
        here.reopening = _last_runs()
    here.looks_up = first == "stored answer"
    return bool(here.reopening) or here.looks_up


def open_requested() -> None:
    """Before the first widget is drawn: what the address says beside its bound widgets, and runs that are to open."""
    here = session()
    here.options_shown = False
    if not here.linked:
        here.linked = True
        _take_link()
        if not state.tabs():  # the browser's answer would change nothing: this server has met no tab before
            open_first(known=False)
    page, here.go_to = here.go_to, None
    if page is not None:
        st.switch_page(page, query_params={})  # without query_params it would clear what widgets are bound to
    if here.reopening:
        from pages._ui.runs.reopen import reopen  # with what reads runs, which the first view does not need

        with cleared_when_done("reopening", ()):
            reopen(here.reopening)
            if here.reopening == (here.address.get(state.RUN),):
                _take_link()  # its sender may have chosen others since the run


def answer_from_store() -> None:
    """Once the sidebar asks what the address does: show the scores that the store has for all of its facts."""
    here = session()
    with cleared_when_done("looks_up", False):
        if here.looks_up and here.question is not None:
            _look_up(here.question)


def _look_up(question: Question) -> None:
    if not _asked_as_linked():
        here = session()
        wanted = here.address.get(state.FACTS)
        if wanted not in (None, sets.title(widget(state.FACTS))):
            here.notices.append(f"The set {wanted} of this link is not here.")
        return
    if question == kept().asked or is_running(SCORE):
        return
    model = identity(question.model)
    need = options.choices(question.seed).need("gradients")  # whose run the address would name
    if model is not None and is_measured(model, sets.proxy_set(question), need, store()):
        kept().ask_store(question)


def _asked_as_linked() -> bool:
    """Whether the sidebar has the model and the facts of the address: a set of its sender's own is not here."""
    shown = {state.MODEL: choice_title(widget(state.MODEL)), state.FACTS: sets.title(widget(state.FACTS))}
    return all(session().address.get(name, label) == label for name, label in shown.items())


def show_notices() -> None:
    """What opening a run, or a click, had to say, once."""
    here = session()
    for words in here.notices:
        hint(safe(words))
    here.said, here.notices = here.notices, []


def write_address() -> None:
    """Put the chosen layers, the fact, the run shown and the options into the address, where it does not have them."""
    here = session()
    kept().run = here.shown_run or kept().run
    kept().fact = here.fact
    carried = {
        state.LAYERS: ",".join(map(str, sorted(widget(state.LAYERS) or ()))),
        state.FACT: "" if here.fact is None else str(here.fact),
        state.RUN: (here.shown_run or "")[:RUN_LETTERS],
        options.ADDRESS: options.carried(),
        state.ANSWER_FOR: "" if state.EDITOR in st.query_params else answer.editor_in_address(),
    }
    now = st.query_params.to_dict()
    news = {name: value for name, value in carried.items() if value and now.get(name) != value}
    if news:
        st.query_params.update(news)  # at once: each change is a step of the browser's Back button
    for name, value in carried.items():
        if not value and name in now:
            del st.query_params[name]


def _take_link() -> None:
    """The options, the chosen layers and the fact of a link, or what the reader has chosen in their place."""
    here = session()
    options.take(here.address.get(options.ADDRESS, ""))
    now = {**here.address, **st.query_params.to_dict()}
    fact, layers = linked_fact(now), linked_layers(now)
    if (editor := here.address.get(state.ANSWER_FOR)) in EDITORS:
        st.session_state[state.EDITOR] = editor
    if state.FACT in here.address and fact is not None:
        state.select_fact(fact)
    if state.LAYERS in here.address and layers:
        st.session_state[state.LAYERS] = layers


def _last_runs() -> tuple[str, ...]:
    """The keys of what a new tab opens with: the recorded example before this machine has measured anything.

    A store that cannot be read is no reason not to open.
    """
    from lga_core.service.reading.reopening import to_open_first

    with suppress(LgaError):
        headers = runs().headers()
        if headers:
            return tuple(header.key for header in to_open_first(headers))
        recorded = recorded_example()
        return recorded.models[0].runs if recorded is not None and recorded.models else ()
    return ()
