"""The chosen layers: one choice for all pages, made by a click on a chart or by keyboard in a list."""

import streamlit as st

from lga_core.data.facts import Fact
from lga_core.models.sources.catalogue import resolve
from lga_core.service.reading import every_layer
from lga_core.service.reading.answering import stored_obstacles
from lga_core.service.reading.method_scores import question_scores
from lga_core.service.reading.stored import scored_facts
from lga_core.settings import Settings
from lga_core.view.words.scores.answer import obstacles_sentence
from lga_core.view.words.sentences import layers_in_words
from lga_core.worth.reach import obstacles
from pages._ui.facts.sets import proxy_set
from pages._ui.scoring import answer, options
from pages._ui.session import state
from pages._ui.session.state import SCORE, Question, session, widget
from pages._ui.shell.elements import button
from pages._ui.shell.engine import identity, store
from pages._ui.shell.jobs import is_running
from pages._ui.shell.text import safe


def chosen_layers(layers: int | None = None) -> tuple[int, ...]:
    """The choice, in order, as far as the model has these layers."""
    return tuple(sorted(layer for layer in widget(state.LAYERS, ()) if layers is None or layer < layers))


def apply_clicks() -> None:
    """Add the layers that were clicked on charts to the choice, or take them out. Before any widget is drawn.

    Not in the click's own callback: where the chart is in a fragment, the browser's list would win over it.
    """
    here = session()
    if here.clicked:
        st.session_state[state.LAYERS] = sorted(set(chosen_layers()) ^ here.clicked)
        here.clicked = set()


def golden_layer(question: Question) -> int | None:
    """The pick of the last scores: this tab's, else what the store has for the sidebar's question."""
    golden = state.kept().golden
    if golden is not None and golden[0] == question.model:
        return golden[1]
    model = identity(question.model)
    if model is None:
        return None
    return every_layer.golden_layer(model, proxy_set(question), options.choices(question.seed), store())


def readers_layers(layers: int | None = None) -> tuple[int, ...]:
    """The chosen layers; none where the only one is what a page has proposed, which another proposal may replace."""
    chosen, before = chosen_layers(layers), session().prefilled
    return () if before is not None and chosen == (before[1],) else chosen


def propose_layer(question: Question, layers: int) -> None:
    """Choose the recommended layer once, where the reader has chosen none."""
    if readers_layers(layers):
        return
    before = session().prefilled
    if before is not None and before[0].model != question.model:  # it was proposed for another model
        st.session_state[state.LAYERS] = []
        session().prefilled = before = None
    named = state.kept().proposed
    if named is None or named[0] != question.model:
        if (before is not None and before[0] == question) or is_running(SCORE):
            return  # to read the store's scores again with every run of the page takes too long
        layer = _recommended(question)
    else:
        layer = named[1]
    if layer is None or layer >= layers:
        return
    here = session()
    if before is None or (before[0].model, before[1]) != (question.model, layer):
        st.session_state[state.LAYERS] = [layer]
    here.prefilled = (question, layer)


def _recommended(question: Question) -> int | None:
    """The layer that the page Golden layers recommends, by what the store has; None before the layers are scored."""
    model = identity(question.model)
    golden = golden_layer(question)
    if model is None or golden is None:
        return golden
    choices = options.choices(question.seed)
    scored = scored_facts(model, proxy_set(question), choices.needs(), store())
    return answer.read(question, question_scores(scored, choices)).answer.layer


def layers_list(layers: int, label: str = "Chosen layers") -> None:
    """The choice as a list: the keyboard's way, and where a click on a chart shows."""
    st.session_state[state.LAYERS] = list(chosen_layers(layers))
    st.multiselect(
        label,
        range(layers),
        key=state.LAYERS,
        placeholder="Click a chart or choose",
        persist_state="session",
        help="A click on a cell, a bar or a mark of a chart adds its layer here, a second click takes it out again.",
    )


def cannot_act_note(question: Question, fact: Fact, editor: str, settings: Settings | None, layers: int) -> None:
    """Say it where an edit of this fact at a chosen layer cannot act, before anyone edits there.

    `settings`: the editor's; None where the form has none that are allowed, as for the defaults.
    """
    model = identity(question.model)
    choices = options.choices(question.seed)
    in_the_way = (
        obstacles(layers, [fact], editor, chat=resolve(question.model).chat)
        if model is None
        else stored_obstacles(model, proxy_set(question), fact, choices, editor, store(), settings)
    )
    chosen = {layer: item for layer, item in in_the_way.items() if layer in chosen_layers(layers)}
    if chosen:
        st.warning(safe(obstacles_sentence(chosen)), icon=":material/block:")


def choose_and_try(layers: int, proposed: tuple[int, ...] = ()) -> None:
    """The chosen layers, and the way to the trial edit with them; with those proposed where the reader chose none."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        layers_list(layers)
        chosen = readers_layers(layers) or proposed or chosen_layers(layers)
        label = f"Try an edit at {layers_in_words(chosen)}" if chosen else "Try an edit"
        icon = "arrow_forward"
        if button(
            label, "to_trial", _choose, chosen, icon=icon, icon_position="right", type="primary", disabled=not chosen
        ):
            # Without query_params Streamlit would clear the address, which it refuses while widgets are bound to it.
            st.switch_page("trial_edit.py", query_params={})


def _choose(layers: tuple[int, ...]) -> None:
    """The proposed layers are the chosen ones from then on."""
    st.session_state[state.LAYERS] = list(layers)
