"""The model: chosen in the sidebar, its terms accepted once, and at most one in memory for all sessions."""

import threading
from collections.abc import Generator
from typing import TYPE_CHECKING

import streamlit as st

from lga_core.data.facts import Fact
from lga_core.errors import LgaError
from lga_core.models.catalogue import ModelEntry, Wheel, catalogue, local_folder, resolve
from lga_core.models.fetching.terms import accept_terms, terms_accepted
from lga_core.models.files import gigabytes
from lga_core.models.fingerprint import folder_fingerprint
from lga_core.results import Progress
from pages._ui import memory, state
from pages._ui.errors import error_box
from pages._ui.text import safe

if TYPE_CHECKING:
    from lga_core.models.loaded import LoadedModel

OTHER = "other"
WAIT_SECONDS = 0.2


class Shelf:
    """Holds the one model in memory. A job that still uses an earlier one keeps it alive until it ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._model: LoadedModel | None = None

    def take(self, name: str) -> Generator[Progress, None, "LoadedModel"]:
        """The model of that name: the one in memory, or loaded (and fetched) now. Raises LgaError as `load` does."""
        from lga_core.models.loading import load  # torch takes seconds to import, and the first screen needs none

        while not self._lock.acquire(timeout=WAIT_SECONDS):
            yield Progress(label="Waiting for another model to load", done=0, total=1)
        try:
            model = self.peek(name)
            if model is None:
                self._model = None           # its memory must be free before the next one comes
                model = self._model = yield from load(name)
            return model
        finally:
            self._lock.release()

    def holds(self, name: str) -> bool:
        """Whether a model of that name is in memory, whatever became of its files."""
        return self._model is not None and self._model.name == name

    def peek(self, name: str) -> "LoadedModel | None":
        """The model if it is in memory and its files have not changed since."""
        model = self._model
        if model is None or model.name != name:
            return None
        folder = local_folder(resolve(name))
        try:
            return model if folder is not None and folder_fingerprint(folder) == model.fingerprint else None
        except (OSError, ValueError):        # the folder was removed or is half written: loading says so
            return None


@st.cache_resource(show_spinner=False)
def shelf() -> Shelf:
    """One for the whole server."""
    return Shelf()


def choose_model() -> ModelEntry | None:
    """The sidebar's model part: selection, what it is, its terms. None while it cannot be used."""
    entries = {entry.id: entry for entry in catalogue()}
    chosen = st.selectbox(
        "Model", [*entries, OTHER], key=state.MODEL, bind="query-params", persist_state="session",
        format_func=lambda name: entries[name].title if name in entries else "Hub id or local folder",
    )
    if chosen == OTHER:
        name = st.text_input("Hub id or local folder", key=state.OTHER_MODEL, placeholder="owner/name or a path",
                             persist_state="session",
                             help="A transformers folder with safetensors, a .gguf file, or a hub id.")
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
    if not shelf().holds(entry.id):
        memory.loading_note(entry)
    return entry if here or _terms(entry) else None


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
        st.markdown(f"{safe(entry.title)} comes under the [{safe(entry.licence.name)}]({entry.licence.url}). "
                    "Read and accept them once before it is fetched.")
        st.button("Accept the terms", key="accept_terms", on_click=accept_terms, args=(entry,), width="stretch")
    return False


def known_layers(name: str) -> int | None:
    """How many layers the model has; None where that cannot be told before it is loaded."""
    model = shelf().peek(name)
    return model.layers if model is not None else resolve(name).layers


def prompt_tokens(name: str, fact: Fact) -> tuple[tuple[str, ...], tuple[int, int]] | None:
    """A prompt's tokens and its subject's span, where the model is in memory."""
    model = shelf().peek(name)
    if model is None:
        return None
    from lga_core.models.tokens import prompt_row, subject_span, token_texts

    ids = prompt_row(model.tokenizer, fact.prompt).ids
    return token_texts(model.tokenizer, ids), subject_span(model.tokenizer, fact.prompt, fact.span)
