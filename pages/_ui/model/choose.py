"""The model: chosen in the sidebar, what it is, its terms accepted once, and what its files tell without weights."""

import streamlit as st

from lga_core.data.facts import Fact
from lga_core.errors import LgaError
from lga_core.models.sources import checkpoint
from lga_core.models.sources.catalogue import OTHER, OTHER_TITLE, catalogue, local_folder, resolve
from lga_core.models.sources.entry import ModelEntry, Wheel
from lga_core.models.sources.fetching.terms import accept_terms, terms_accepted
from lga_core.models.sources.files import gigabytes
from lga_core.models.text.preview import has_chat_template, token_preview
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
        format_func=label,
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
    st.caption(_about(entry, here))
    if engine().model != entry.id:
        memory_notes.loading_note(entry)
    usable = here or _terms(entry) or identity(entry.id) is not None  # a recorded one can be read
    return _asked(entry) if usable else None


def label(name: str) -> str:
    """What a choice of the model is called, also in the address."""
    return OTHER_TITLE if name == OTHER else next(entry.title for entry in catalogue() if entry.id == name)


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


def _about(entry: ModelEntry, here: bool) -> str:
    parts = []
    if entry.layers:
        parts.append(f"{entry.layers} layers")
    if entry.parameters:
        parts += [_parameters(entry.parameters), gigabytes(entry.memory_bytes)]
    if entry.licence:
        parts.append(safe(entry.licence.name))
    if not here:
        size = sum(item.bytes for item in entry.origin.packages) if isinstance(entry.origin, Wheel) else None
        parts.append(f"fetched on first use{f', {gigabytes(size)}' if size else ''}")
    if entry.note:
        parts.append(safe(entry.note))
    return " · ".join(parts)


def _parameters(number: int) -> str:
    size, unit = next(((size, unit) for size, unit in ((1e9, "B"), (1e6, "M")) if number >= size), (1e3, "k"))
    return f"{number / size:.{1 if unit == 'B' else 0}f} {unit} parameters"


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


def known_layers(name: str) -> int | None:
    """How many layers the model has; None where neither its files nor the catalogue say so."""
    entry = resolve(name)
    folder = local_folder(entry)
    try:
        return (checkpoint.layers(folder) if folder is not None else None) or entry.layers
    except LgaError:  # the folder was removed or is half written: loading it says so
        return entry.layers


def layers_or_hint(name: str) -> int | None:
    """How many layers the model has; where that is not known yet, the page says so."""
    layers = known_layers(name)
    if layers is None:
        hint("How many layers this model has is known once its files are here: score the layers first.")
    return layers


def prompt_tokens(name: str, fact: Fact) -> tuple[tuple[str, ...], tuple[int, int]] | None:
    """A prompt's tokens and its subject's span (first, end), from the model's files; None where they are not here."""
    entry = resolve(name)
    folder = local_folder(entry)
    return None if folder is None else token_preview(folder, fact.prompt, fact.span, chat=entry.chat)


def can_chat(name: str) -> bool | None:
    """Whether the model's tokenizer has a chat template; None where its files are not here."""
    folder = local_folder(resolve(name))
    return None if folder is None else has_chat_template(folder)
