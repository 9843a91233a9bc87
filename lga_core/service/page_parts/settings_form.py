"""A form made from a settings class, without its widgets: its fields, its values in words, and what was changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from lga_core.models.text.sources import FILE, HUB, IDENTITY, OWN_TEXT
from lga_core.settings import Setting, settings_in

FieldKind = Literal["group", "text source", "choice", "switch", "whole number", "number", "text"]
TEXT_SOURCES: Mapping[str, str] = {  # where the text of second moments comes from, and what that is called
    OWN_TEXT: "the model’s own text",
    FILE: "a text file",
    HUB: "a hub data set",
    IDENTITY: "none: the identity",
}
PLACED = (FILE, HUB)  # sources that need a place: a path, or the name of a data set
_CHOICES: Mapping[Any, str] = {
    "spread": "spread one residual",
    "each": "a v* at each",
    "total": "the total loss",
    "nll": "the nll alone",
    "mean": "mean over contexts",
    "bare": "the bare prompt’s",
    "first": "the first",
    "best": "the best",
}


@dataclass(frozen=True, kw_only=True)
class FormField:
    """One field of a settings class, as a form shows it."""

    name: str
    key: str  # of its widget
    kind: FieldKind
    known: Setting
    options: tuple[Any, ...] = ()  # of a choice
    group: type | None = None  # the settings class inside, of a group

    @property
    def help(self) -> str:
        """What the setting means, its default and where that comes from."""
        default = f"Default: {value_words(self.known.default, self.known)}. Source: {self.known.source}."
        return " ".join(filter(None, [self.known.about, default]))

    @property
    def least(self) -> float | None:
        """The smallest value that the widget takes. A whole number above 0 is at least 1."""
        above = self.known.gt
        if self.known.ge is not None or above is None:
            return self.known.ge
        return above + 1 if self.kind == "whole number" else above


def form_fields(settings: type, prefix: str) -> list[FormField]:
    """The fields of a settings class in order; `prefix` begins the keys of their widgets."""
    hints = get_type_hints(settings)
    made = []
    for name, known in settings_in(settings).items():
        kind = _kind(name, hints[name])
        made.append(
            FormField(
                name=name,
                key=f"{prefix}_{name}",
                kind=kind,
                known=known,
                options=get_args(hints[name]) if kind == "choice" else (),
                group=hints[name] if kind == "group" else None,
            )
        )
    return made


def widget_values(settings: Any, prefix: str) -> dict[str, Any]:
    """What the form's widgets hold where it makes these settings, by widget key."""
    values: dict[str, Any] = {}
    for item in form_fields(type(settings), prefix):
        value = getattr(settings, item.name)
        if item.kind == "group":
            values |= widget_values(value, item.key)
            continue
        source = next(filter(value.startswith, PLACED), None) if item.kind == "text source" else None
        if source is None:
            values[item.key] = value
        else:
            values |= {item.key: source, place_key(item.key, source): value.removeprefix(source)}
    return values


def place_key(key: str, source: str) -> str:
    """The key of the field for the place of a text source, beside the `key` of the choice of the source."""
    return f"{key}_{source[:-1]}"


def choice_words(value: Any) -> str:
    """What one of the values of a choice is called."""
    return _CHOICES.get(value, str(value))


def value_words(value: Any, known: Setting) -> str:
    """A setting's value as it is read."""
    if value is None:
        return known.none_means or "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else TEXT_SOURCES.get(value) or choice_words(value)


def changed_words(settings: Any) -> list[str]:
    """What is not at its default, in words: "Learning rate: 0.1, default 0.5"."""
    words: list[str] = []
    for name, known in settings_in(type(settings)).items():
        value = getattr(settings, name)
        if is_dataclass(value):
            words += changed_words(value)
        elif value != known.default:
            words.append(f"{known.label}: {value_words(value, known)}, default {value_words(known.default, known)}")
    return words


def own_changes(several: Sequence[Any]) -> list[str]:
    """Of each of several settings what is not at its default, without what all of them share; "" where that is all."""
    each = [changed_words(settings) for settings in several]
    shared = set.intersection(*map(set, each)) if each else set()
    return ["; ".join(words for words in of_one if words not in shared) for of_one in each]


def _kind(name: str, hint: Any) -> FieldKind:
    """Which widget a setting of this type has."""
    if is_dataclass(hint):
        return "group"
    if name == "covariance":
        return "text source"
    if get_origin(hint) is Literal:
        return "choice"
    if hint is bool:
        return "switch"
    if hint in (int, int | None):
        return "whole number"
    return "number" if hint in (float, float | None) else "text"
