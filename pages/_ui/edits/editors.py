"""Choosing an editor: which there are, what each can do and where it comes from, and its settings."""

from contextlib import suppress
from typing import Any, TypeVar

import streamlit as st

from lga_core.editing.files.easyedit.reading import Hparams, read_hparams
from lga_core.editing.table import EDITORS
from lga_core.errors import LgaError
from lga_core.evaluation.settings import MetricSettings
from lga_core.service.page_parts.models import known_layers
from lga_core.service.page_parts.settings_form import changed_words, widget_values
from pages._ui.edits.settings_form import settings_form
from pages._ui.session.state import EDITOR, LAYERS, Question, session, widget
from pages._ui.shell.errors import boxed, error_box
from pages._ui.shell.layer_choice import chosen_layers, layers_list, propose_layer
from pages._ui.shell.text import safe

M = TypeVar("M", bound=MetricSettings)
HPARAMS = "hparams"
MEASURING = "measure"  # begins the keys of the form's widgets
_SEVERAL = {
    "one after another": "written one after another, each with a v* of its own",
    "spread": "one residual spread over them, or a v* at each (a setting)",
}


def editor_select(place: Any = st) -> str:
    """The editor's name; one choice for all pages."""
    return place.selectbox(
        "Editor",
        list(EDITORS),
        key=EDITOR,
        format_func=lambda name: EDITORS[name].title,
        persist_state="session",
        bind="query-params",
    )


def layers_and_editor(question: Question, layers: int, beside: int = 0) -> tuple[tuple[int, ...], str, list[Any]]:
    """One row: the layers to edit, of `layers`, the editor, and `beside` more places, which are returned after them.

    Where no layer is chosen yet, the recommended one is.
    """
    propose_layer(question, layers)
    left, right, *places = st.columns([2, 1, *[1] * beside], gap="medium", vertical_alignment="bottom")
    with left:
        layers_list(layers, "Layers to edit")
    return chosen_layers(layers), editor_select(right), places


def about(name: str) -> None:
    """What the editor does, what it supports and its source, in two lines."""
    editor = EDITORS[name]
    layers = _SEVERAL[editor.layers] if editor.solving else "trained one after another"
    st.caption(
        f"{safe(editor.about)} Source: {safe(editor.source)}.  \nSeveral layers: {layers}. "
        f"Batches of facts: {'yes' if editor.batch else 'no, one fact at a time'}. "
        f"Models: {safe(editor.families)}."
    )


def form_key(name: str) -> str:
    """Begins the keys of the widgets of an editor's settings."""
    return f"set_{name}"


def chosen_settings(name: str) -> Any:
    """The editor's settings as the form has them; None where they are not allowed."""
    problem = None
    settings = None
    with st.expander("Settings", key="settings"):
        try:
            settings = settings_form(EDITORS[name].settings, form_key(name))
        except LgaError as error:
            problem = error
        st.file_uploader(
            "EasyEdit’s hyper-parameters, .yaml",
            type=["yaml", "yml"],
            key=HPARAMS,
            on_change=_apply_hparams,
            help="Sets the editor, its settings and the chosen layers. What the file holds beside them is named.",
        )
    _hparams_notes()
    if problem is not None:  # outside the expander, which may be closed
        error_box(problem)
    else:
        _badges(settings)
    return settings


def _badges(settings: Any) -> None:
    """What is not at its default."""
    if changed := changed_words(settings):
        with st.container(horizontal=True, gap="small"):
            for words in changed:
                st.badge(safe(words), icon=":material/tune:", color="blue")


def _apply_hparams() -> None:
    """Put an uploaded file's editor, settings and layers into the widgets; `_hparams_notes` shows what is refused."""
    with suppress(LgaError):
        if (file := _uploaded()) is not None:
            st.session_state.update(
                {EDITOR: file.editor, **widget_values(file.settings, form_key(file.editor)), LAYERS: list(file.layers)}
            )


def _hparams_notes() -> None:
    """What of the uploaded file is not taken over as it stands."""
    with boxed("Reading the file"):
        file = _uploaded()
        question = session().question
        layers = None if question is None else known_layers(question.model)
        for words in file.remarks(layers) if file is not None else ():
            st.caption(safe(f"{widget(HPARAMS).name}: {words}"))


def _uploaded() -> Hparams | None:
    file = widget(HPARAMS)
    return None if file is None else read_hparams(file.name, file.getvalue())


def chosen_metrics(kind: type[M]) -> M:
    """How the edits are measured, as the form has it; one choice for all pages."""
    with st.expander("Measuring", key="measuring"):
        metrics = settings_form(kind, MEASURING)
    _badges(metrics)
    return metrics
