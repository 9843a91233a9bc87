"""The model: chosen in the sidebar, what it is, and its terms accepted once."""

import streamlit as st

from lga_core.errors import LgaError
from lga_core.models.sources.catalogue import OTHER, OTHER_TITLE, catalogue, local_folder, resolve
from lga_core.models.sources.entry import ModelEntry
from lga_core.models.sources.fetching.terms import accept_terms, terms_accepted
from lga_core.service.page_parts.models import about_model, can_chat, choice_title, known_layers
from pages._ui.model import memory_notes
from pages._ui.session import state
from pages._ui.shell.elements import button, hint, text_field, toggle
from pages._ui.shell.engine import engine, identity
from pages._ui.shell.errors import error_box, noticed
from pages._ui.shell.text import safe


def choose_model() -> ModelEntry | None:
    """The sidebar's model part: selection, what it is, its terms. None while it cannot be used."""
    try:
        listed = [entry.id for entry in catalogue()]
    except LgaError as error:
        error_box(error)
        return None
    chosen = st.selectbox(
        "Model",
        [*listed, OTHER],
        key=state.MODEL,
        bind="query-params",
        persist_state="session",
        format_func=choice_title,
    )
    if chosen == OTHER:
        name = text_field(
            OTHER_TITLE,
            state.OTHER_MODEL,
            bind="query-params",
            placeholder="owner/name or a path",
            help="A transformers folder with safetensors, a .gguf file, or a hub id.",
        )
        if not name.strip():
            st.caption("Name a model to go on.")
            return None
    else:
        name = chosen
    try:
        entry = resolve(name)
        here = local_folder(entry) is not None
    except LgaError as error:
        error_box(error)
        return None
    st.caption(" · ".join(map(safe, about_model(entry, here=here))))
    if engine().model != entry.id:
        memory_notes.loading_note(entry)
    usable = here or _terms(entry) or identity(entry.id) is not None  # a recorded one can be read
    return _asked(entry) if usable else None


def _asked(entry: ModelEntry) -> ModelEntry:
    """As its facts are asked: with their prompts as they are, or in its chat template."""
    able = can_chat(entry.id)
    if able is False:
        st.session_state[state.CHAT] = False
    chat = toggle(
        "Chat template",
        state.CHAT,
        bind="query-params",
        disabled=able is False,
        help="This model’s tokenizer has no chat template."
        if able is False
        else "On: each prompt, as it stands, is the user’s message, and the answer begins the assistant’s turn. Off: "
        "the model continues the prompt. Questions suit a chat: asked to complete a sentence, an assistant mostly says "
        "it again from its beginning, so that few such facts count as known.",
    )
    return entry.chatting if chat else entry


def _terms(entry: ModelEntry) -> bool:
    """Whether the model may be fetched; shows the terms and the way to accept them where it may not yet."""
    if terms_accepted(entry):
        return True
    with st.container(border=True):
        st.markdown(
            f"{safe(entry.title)} comes under the [{safe(entry.licence.name)}]({entry.licence.url}). "
            "Read and accept them once before it is fetched."
        )
        button("Accept the terms", "accept_terms", _accept, entry, width="stretch")
    return False


def _accept(entry: ModelEntry) -> None:
    with noticed():
        accept_terms(entry)


def layers_or_hint(name: str) -> int | None:
    """How many layers the model has; where that is not known yet, the page says so."""
    layers = known_layers(name)
    if layers is None:
        hint("How many layers this model has is known once its files are here: score the layers first.")
    return layers
