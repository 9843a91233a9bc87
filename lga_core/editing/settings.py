"""What an editor can be told: dataclass fields that carry their label, bounds and where their default comes from.

The page's form, the command line's help and the checks are all made from these definitions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

_KEY = "setting"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is known about one setting beside its type and default."""

    label: str
    about: str = ""                          # one sentence, with units
    source: str = "ours"                     # where the default comes from
    least: float | None = None               # smallest allowed value
    above: float | None = None               # the value must be larger than this
    most: float | None = None
    none_means: str = ""                     # what None stands for, where None is allowed: "by family"


def setting(default: Any, label: str, about: str = "", **more: Any) -> Any:
    """A dataclass field with its `Setting`; a settings class as default makes a group of its own."""
    known = {_KEY: Setting(label=label, about=about, **more)}
    if isinstance(default, type):
        return field(default_factory=default, metadata=known)
    return field(default=default, metadata=known)


def settings_in(kind: type) -> dict[str, Setting]:
    """Each setting of a settings class, by field name, in order."""
    return {item.name: item.metadata[_KEY] for item in fields(kind)}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Base of every settings class. Raises ValueError, naming the setting, for a value that is not allowed."""

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for name, known in settings_in(type(self)).items():
            if problem := _problem(getattr(self, name), hints[name], known):
                raise ValueError(f"{known.label} ({name}) {problem}")


def _problem(value: Any, hint: Any, known: Setting) -> str | None:
    if get_origin(hint) is Literal and value not in get_args(hint):
        return f"must be {_either(get_args(hint))}, not {value!r}"
    if value is None:
        return None if NoneType in get_args(hint) else "must be given"
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    if value != value or value in (float("inf"), float("-inf")):
        return "must be a finite number"
    if known.least is not None and value < known.least:
        return f"must not be below {known.least:g}"
    if known.above is not None and value <= known.above:
        return f"must be above {known.above:g}"
    if known.most is not None and value > known.most:
        return f"must not be above {known.most:g}"
    return None


def _either(values: Sequence[Any]) -> str:
    return " or ".join(map(str, values))
