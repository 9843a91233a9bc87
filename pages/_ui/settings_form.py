"""A form made from a settings dataclass: one widget a field, a nested dataclass behind an expander."""

from dataclasses import MISSING, fields, is_dataclass
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import streamlit as st

_LABELS = {
    "contexts": ("Contexts", "Sampled prefixes beside the bare prompt; ROME uses 20."),
    "covariance": ("Second moment C", "Of the keys, from the model's own text; or the identity."),
    "ridge": ("Ridge", "Added to C, as a share of the mean of its diagonal."),
    "seed": ("Seed", "For everything drawn at random."),
    "learning_rate": ("Learning rate", "Of Adam, in the search for v*."),
    "steps": ("Steps, at most", None),
    "stop_nll": ("Stop at nll, nats", "Mean negative log-likelihood of the new answer over the contexts."),
    "kl_weight": ("KL weight", "How firmly “{subject} is a” is held where it was."),
    "weight_decay": ("Weight decay", "Empty: 0.5 for the GPT-2 family, 0.001 for all others."),
    "norm_bound": ("Norm bound", "‖δ‖ is at most this many times ‖v0‖."),
    "value": ("The search for v*", None),
}
_WORDS = {"own-text": "from the model's own text", "identity": "identity"}
_COLUMNS = 4


def settings_form(kind: type, prefix: str) -> Any:
    """Widgets for every field of the dataclass `kind`; returns one, or raises ValueError for a forbidden value."""
    hints = get_type_hints(kind)
    nested = [item for item in fields(kind) if is_dataclass(hints[item.name])]
    plain = [item for item in fields(kind) if item not in nested]
    values: dict[str, Any] = {}
    columns = st.columns(min(len(plain), _COLUMNS), gap="small", vertical_alignment="bottom")
    for index, item in enumerate(plain):
        with columns[index % len(columns)]:
            values[item.name] = _widget(item.name, hints[item.name], _default(item), f"{prefix}_{item.name}")
    for item in nested:
        with st.expander(f"Advanced: {_label(item.name)[0].lower()}"):
            values[item.name] = settings_form(hints[item.name], f"{prefix}_{item.name}")
    return kind(**values)


def _label(name: str) -> tuple[str, str | None]:
    return _LABELS.get(name, (name.replace("_", " ").capitalize(), None))


def _default(item: Any) -> Any:
    return item.default if item.default is not MISSING else item.default_factory()


def _widget(name: str, hint: Any, default: Any, key: str) -> Any:
    label, help_text = _label(name)
    shared = {"key": key, "help": help_text, "persist_state": "session"}
    options = get_args(hint)
    if get_origin(hint) is Literal:
        return st.selectbox(label, options, index=options.index(default),
                            format_func=lambda value: _WORDS.get(value, str(value)), **shared)
    if hint is bool:
        return st.toggle(label, value=default, **shared)
    if hint is int:
        return st.number_input(label, min_value=0, value=default, step=1, **shared)
    if hint is float or set(options) == {float, NoneType}:
        return st.number_input(label, min_value=0.0, value=default, format="%g", step=None, placeholder="by family",
                               **shared)
    return st.text_input(label, value=str(default), **shared)
