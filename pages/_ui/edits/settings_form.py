"""A form made from a settings class: one widget a field, a settings class inside it behind an expander."""

from dataclasses import Field, fields, is_dataclass
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import streamlit as st
from pydantic import ValidationError

from lga_core.errors import LgaError
from lga_core.models.text.sources import FILE, HUB, IDENTITY, OWN_TEXT
from lga_core.settings import Setting, problem, settings_in

_WORDS = {
    "spread": "spread one residual",
    "each": "a v* at each",
    "total": "the total loss",
    "nll": "the nll alone",
    "mean": "mean over contexts",
    "bare": "the bare prompt’s",
    "first": "the first",
    "best": "the best",
}
_COLUMNS = 4
_TEXTS = {OWN_TEXT: "the model’s own text", FILE: "a text file", HUB: "a hub data set", IDENTITY: "none: the identity"}
_PLACES = {FILE: ("Path on the server", "/path/to/text.txt"), HUB: ("Data set", "owner/name:config:split")}
_CHANGE_IT = "Change it in the settings."


def settings_form(kind: type, prefix: str) -> Any:
    """Widgets for every field of the settings class; returns its settings. Raises LgaError for a forbidden value."""
    hints = get_type_hints(kind)
    known = settings_in(kind)
    groups = [item for item in fields(kind) if is_dataclass(hints[item.name])]
    plain = [item for item in fields(kind) if item not in groups]
    values: dict[str, Any] = {}
    for start in range(0, len(plain), _COLUMNS):
        columns = st.columns(_COLUMNS, gap="small", vertical_alignment="top")
        for column, item in zip(columns, plain[start : start + _COLUMNS], strict=False):
            with column:
                values[item.name] = _field(item, known[item.name], hints[item.name], prefix)
    for item in groups:
        with st.expander(f"Advanced: {known[item.name].label.lower()}"):
            values[item.name] = settings_form(hints[item.name], f"{prefix}_{item.name}")
    try:
        return kind(**values)
    except ValidationError as error:
        raise LgaError(f"{problem(error)}.", hint=_CHANGE_IT) from error


def widget_values(settings: Any, prefix: str) -> dict[str, Any]:
    """What the form's widgets hold where it makes these settings, by widget key."""
    values: dict[str, Any] = {}
    for item in fields(settings):
        key = f"{prefix}_{item.name}"
        value = getattr(settings, item.name)
        if is_dataclass(value):
            values |= widget_values(value, key)
        elif item.name == "covariance" and (place := next(filter(value.startswith, _PLACES), None)):
            values |= {key: place, f"{key}_{place[:-1]}": value.removeprefix(place)}
        else:
            values[key] = value
    return values


def differing(settings: Any) -> list[str]:
    """What is not at its default, in words: "Learning rate: 0.1, default 0.5"."""
    words: list[str] = []
    for name, known in settings_in(type(settings)).items():
        value = getattr(settings, name)
        if is_dataclass(value):
            words += differing(value)
        elif value != known.default:
            words.append(f"{known.label}: {_in_words(value, known)}, default {_in_words(known.default, known)}")
    return words


def _in_words(value: Any, known: Setting) -> str:
    """A value as it is read."""
    if value is None:
        return known.none_means or "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else _TEXTS.get(value) or _WORDS.get(value) or str(value)


def _field(item: Field, known: Setting, hint: Any, prefix: str) -> Any:
    """One widget, with what the setting means, its default and where that comes from."""
    options = get_args(hint)
    default = f"Default: {_in_words(known.default, known)}. Source: {known.source}."
    shared = {
        "key": f"{prefix}_{item.name}",
        "help": " ".join(filter(None, [known.about, default])),
        "persist_state": "session",
    }
    if item.name == "covariance":
        return _text(known, shared)
    if get_origin(hint) is Literal:
        return st.selectbox(
            known.label,
            options,
            index=options.index(known.default),
            format_func=lambda value: _WORDS.get(value, str(value)),
            **shared,
        )
    if hint is bool:
        return st.toggle(known.label, value=known.default, **shared)
    for number in (int, float):
        if hint is number or set(options) == {number, NoneType}:
            return _number(known, number, shared)
    return st.text_input(known.label, value=str(known.default), **shared)


def _number(known: Setting, number: type[int] | type[float], shared: dict[str, Any]) -> float | None:
    """A number field within the setting's bounds. A whole number above 0 is at least 1."""
    least = known.ge
    if least is None and known.gt is not None:
        least = known.gt + 1 if number is int else known.gt
    value = known.default
    if known.none_means and value is not None:  # Streamlit puts a default that it knows into a field that is emptied
        st.session_state.setdefault(shared["key"], value)
        value = None
    return st.number_input(
        known.label,
        min_value=None if least is None else number(least),
        max_value=None if known.le is None else number(known.le),
        value=value,
        format=None if number is int else "%g",
        step=1 if number is int else None,
        placeholder=known.none_means,
        **shared,
    )


def _text(known: Setting, shared: dict[str, Any]) -> str:
    """The text that second moments come from: one of the kinds there are, and where it is."""
    kinds = list(_TEXTS)
    kind = st.selectbox(known.label, kinds, index=kinds.index(known.default), format_func=_TEXTS.get, **shared)
    if kind not in _PLACES:
        return kind
    words, example = _PLACES[kind]
    place = st.text_input(words, key=f"{shared['key']}_{kind[:-1]}", placeholder=example, persist_state="session")
    if not place.strip():
        raise LgaError(f"{known.label}: name {'the text’s path' if kind == FILE else 'the data set'}.", hint=_CHANGE_IT)
    return kind + place.strip()
