"""A form made from a settings dataclass: one widget a field, a nested dataclass behind an expander."""

from dataclasses import MISSING, fields, is_dataclass
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import streamlit as st

from lga_core.editing.settings import Setting, settings_in

_WORDS = {"spread": "spread one residual", "each": "a v* at each"}
_COLUMNS = 4
_TEXTS = {
    "own-text": "the model’s own text", "file:": "a text file", "hub:": "a hub data set",
    "identity": "none: the identity",
}
_PLACES = {"file:": ("Path on the server", "/path/to/text.txt"), "hub:": ("Data set", "owner/name:config:split")}


def settings_form(kind: type, prefix: str) -> Any:
    """Widgets for every field of the dataclass `kind`; returns one, or raises ValueError for a forbidden value."""
    hints, known = get_type_hints(kind), settings_in(kind)
    nested = [item for item in fields(kind) if is_dataclass(hints[item.name])]
    plain = [item for item in fields(kind) if item not in nested]
    values: dict[str, Any] = {}
    for start in range(0, len(plain), _COLUMNS):
        columns = st.columns(_COLUMNS, gap="small", vertical_alignment="top")
        for column, item in zip(columns, plain[start:start + _COLUMNS], strict=False):
            with column:
                values[item.name] = _field(item, known[item.name], hints[item.name], prefix)
    for item in nested:
        with st.expander(f"Advanced: {known[item.name].label.lower()}"):
            values[item.name] = settings_form(hints[item.name], f"{prefix}_{item.name}")
    return kind(**values)


def differing(settings: Any) -> list[str]:
    """What is not at its default, in words: "Learning rate: 0.1, default 0.5"."""
    found = []
    for item in fields(settings):
        known, value, usual = settings_in(type(settings))[item.name], getattr(settings, item.name), _default(item)
        if is_dataclass(value):
            found += differing(value)
        elif value != usual:
            found.append(f"{known.label}: {_said(value, known)}, default {_said(usual, known)}")
    return found


def _default(item: Any) -> Any:
    return item.default if item.default is not MISSING else item.default_factory()


def _said(value: Any, known: Setting) -> str:
    """A value as it is read."""
    if value is None:
        return known.none_means or "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else _TEXTS.get(value) or _WORDS.get(value) or str(value)


def _field(item: Any, known: Setting, hint: Any, prefix: str) -> Any:
    """One widget, with what the setting means, its default and where that comes from."""
    default, options, key = _default(item), get_args(hint), f"{prefix}_{item.name}"
    about = " ".join(filter(None, [known.about, f"Default: {_said(default, known)}. Source: {known.source}."]))
    shared = {"key": key, "help": about, "persist_state": "session"}
    if item.name == "covariance":
        return _text(known.label, default, shared)
    if get_origin(hint) is Literal:
        return st.selectbox(known.label, options, index=options.index(default),
                            format_func=lambda value: _WORDS.get(value, str(value)), **shared)
    if hint is bool:
        return st.toggle(known.label, value=default, **shared)
    if hint is int or set(options) == {int, NoneType}:
        least = known.least if known.least is not None else known.above + 1 if known.above is not None else None
        return st.number_input(known.label, min_value=None if least is None else int(least),
                               max_value=None if known.most is None else int(known.most), value=default, step=1,
                               placeholder=known.none_means, **shared)
    if hint is float or set(options) == {float, NoneType}:
        least = known.least if known.least is not None else known.above
        return st.number_input(known.label, min_value=None if least is None else float(least),
                               max_value=None if known.most is None else float(known.most), value=default,
                               format="%g", step=None, placeholder=known.none_means, **shared)
    return st.text_input(known.label, value=str(default), **shared)


def _text(label: str, default: str, shared: dict[str, Any]) -> str:
    """The text that second moments come from: one of the kinds there are, and where it is."""
    kinds = list(_TEXTS)
    kind = st.selectbox(label, kinds, index=kinds.index(default), format_func=_TEXTS.get, **shared)
    if kind not in _PLACES:
        return kind
    words, example = _PLACES[kind]
    place = st.text_input(words, key=f"{shared['key']}_{kind[:-1]}", placeholder=example, persist_state="session")
    if not place.strip():
        raise ValueError(f"{label}: name {'the text’s path' if kind == 'file:' else 'the data set'}")
    return kind + place.strip()

