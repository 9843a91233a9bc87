"""A form made from a settings class: one widget a field, a settings class inside it behind an expander."""

from typing import Any

import streamlit as st
from pydantic import ValidationError

from lga_core.errors import LgaError
from lga_core.models.text.sources import FILE, HUB
from lga_core.service.page_parts.settings_form import TEXT_SOURCES, FormField, choice_words, form_fields, place_key
from lga_core.settings import problem

_COLUMNS = 4
_PLACES = {FILE: ("Path on the server", "/path/to/text.txt"), HUB: ("Data set", "owner/name:config:split")}
_CHANGE_IT = "Change it in the settings."


def settings_form(kind: type, prefix: str) -> Any:
    """Widgets for every field of the settings class; returns its settings. Raises LgaError for a forbidden value."""
    every = form_fields(kind, prefix)
    plain = [item for item in every if item.group is None]
    values: dict[str, Any] = {}
    for start in range(0, len(plain), _COLUMNS):
        columns = st.columns(_COLUMNS, gap="small", vertical_alignment="top")
        for column, item in zip(columns, plain[start : start + _COLUMNS], strict=False):
            with column:
                values[item.name] = _field(item)
    for item in every:
        if item.group is not None:
            with st.expander(f"Advanced: {item.known.label.lower()}"):
                values[item.name] = settings_form(item.group, item.key)
    try:
        return kind(**values)
    except ValidationError as error:
        raise LgaError(f"{problem(error)}.", hint=_CHANGE_IT) from error


def _field(item: FormField) -> Any:
    """One widget, with what the setting means, its default and where that comes from."""
    shared: dict[str, Any] = {"key": item.key, "help": item.help, "persist_state": "session"}
    label, default = item.known.label, item.known.default
    if item.kind == "text source":
        return _text_source(item, shared)
    if item.kind == "choice":
        return st.selectbox(label, item.options, index=item.options.index(default), format_func=choice_words, **shared)
    if item.kind == "switch":
        return st.toggle(label, value=default, **shared)
    if item.kind == "whole number":
        return _number(item, int, step=1, **shared)
    if item.kind == "number":
        return _number(item, float, format="%g", **shared)
    return st.text_input(label, value=str(default), **shared)


def _number(item: FormField, number: type[int] | type[float], **shared: Any) -> float | None:
    """A number field within the setting's bounds."""
    known = item.known
    value = known.default
    if known.none_means and value is not None:  # Streamlit puts a default that it knows into a field that is emptied
        st.session_state.setdefault(item.key, value)
        value = None
    return st.number_input(
        known.label,
        min_value=None if item.least is None else number(item.least),
        max_value=None if known.le is None else number(known.le),
        value=value,
        placeholder=known.none_means,
        **shared,
    )


def _text_source(item: FormField, shared: dict[str, Any]) -> str:
    """The text that second moments come from: one of the kinds there are, and where it is."""
    label, sources = item.known.label, list(TEXT_SOURCES)
    index = sources.index(item.known.default)
    source = st.selectbox(label, sources, index=index, format_func=TEXT_SOURCES.get, **shared)
    if source not in _PLACES:
        return source
    words, example = _PLACES[source]
    place = st.text_input(words, key=place_key(item.key, source), placeholder=example, persist_state="session")
    if not place.strip():
        raise LgaError(f"{label}: name {'the text’s path' if source == FILE else 'the data set'}.", hint=_CHANGE_IT)
    return source + place.strip()
