"""A form made from a settings dataclass: one widget a field, a nested dataclass behind an expander."""

from dataclasses import MISSING, fields, is_dataclass
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import streamlit as st

from lga_core.editing.settings import Setting, settings_in

_WORDS = {"own-text": "from the model's own text", "identity": "identity"}
_COLUMNS = 4


def settings_form(kind: type, prefix: str) -> Any:
    """Widgets for every field of the dataclass `kind`; returns one, or raises ValueError for a forbidden value."""
    hints, known = get_type_hints(kind), settings_in(kind)
    nested = [item for item in fields(kind) if is_dataclass(hints[item.name])]
    plain = [item for item in fields(kind) if item not in nested]
    values: dict[str, Any] = {}
    columns = st.columns(min(len(plain), _COLUMNS), gap="small", vertical_alignment="bottom")
    for index, item in enumerate(plain):
        with columns[index % len(columns)]:
            values[item.name] = _widget(known[item.name], hints[item.name], _default(item), f"{prefix}_{item.name}")
    for item in nested:
        with st.expander(f"Advanced: {known[item.name].label.lower()}"):
            values[item.name] = settings_form(hints[item.name], f"{prefix}_{item.name}")
    return kind(**values)


def _default(item: Any) -> Any:
    return item.default if item.default is not MISSING else item.default_factory()


def _widget(known: Setting, hint: Any, default: Any, key: str) -> Any:
    label, options = known.label, get_args(hint)
    shared = {"key": key, "help": f"{known.about} Default: {known.source}.".strip(), "persist_state": "session"}
    if get_origin(hint) is Literal:
        return st.selectbox(label, options, index=options.index(default),
                            format_func=lambda value: _WORDS.get(value, str(value)), **shared)
    if hint is bool:
        return st.toggle(label, value=default, **shared)
    if hint is int:
        return st.number_input(label, min_value=int(known.least or 0), value=default, step=1, **shared)
    if hint is float or set(options) == {float, NoneType}:
        return st.number_input(label, min_value=0.0, value=default, format="%g", step=None,
                               placeholder=known.none_means, **shared)
    return st.text_input(label, value=str(default), **shared)
