"""Settings classes: frozen dataclasses whose fields carry a label, bounds and where the default comes from.

Pydantic enforces types and bounds. The dashboard's form and the command line's help read the definitions.

    @dataclass(frozen=True, kw_only=True)                # of pydantic.dataclasses
    class ForecastSettings(Settings):
        draws: int = setting(100, "Draws", "Of the bootstrap.", source="ours", ge=1)
"""

from collections.abc import Mapping
from dataclasses import dataclass as plain_dataclass
from dataclasses import field, fields, is_dataclass
from typing import Any, Self, TypeVar, get_type_hints

from pydantic import ConfigDict, ModelWrapValidatorHandler, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

S = TypeVar("S")
_KEY = "setting"
_WORDS = {
    "greater_than_equal": "must be at least {ge:g}",
    "greater_than": "must be above {gt:g}",
    "less_than_equal": "must be at most {le:g}",
    "literal_error": "must be {expected}",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "value_error": "{error}",
}


@plain_dataclass(frozen=True, kw_only=True)
class Setting:
    """What is known about one setting beside its type."""

    label: str
    default: Any
    about: str = ""  # one sentence, with units
    source: str = "ours"  # where the default comes from
    ge: float | None = None  # smallest allowed value
    gt: float | None = None  # the value must be larger than this
    le: float | None = None  # largest allowed value
    none_means: str = ""  # what None stands for, where None is allowed: "by family"


def setting(default: Any, label: str, about: str = "", **more: Any) -> Any:
    """A field of a settings class; a settings class as the default makes a group of settings. `more`: see `Setting`."""
    group = isinstance(default, type)
    known = Setting(label=label, default=default() if group else default, about=about, **more)
    # pydantic reads bounds from a field's metadata
    bounds = {name: more[name] for name in ("ge", "gt", "le") if more.get(name) is not None}
    if group:
        return field(default_factory=default, metadata={_KEY: known})
    return field(default=default, metadata={_KEY: known, **bounds})


def settings_in(kind: type) -> dict[str, Setting]:
    """Each setting of a settings class, by field name, in order."""
    return {item.name: item.metadata[_KEY] for item in fields(kind)}


def flat_names(kind: type) -> dict[str, tuple[str, ...]]:
    """Each setting's own name with its path: one of a settings class inside goes by its own name too.

    Outer ones come last, so that they win where two have one name.
    """
    every = get_type_hints(kind)
    hints = {item.name: every[item.name] for item in fields(kind)}  # not what only the class has
    names: dict[str, tuple[str, ...]] = {}
    for group, hint in hints.items():
        if isinstance(hint, type) and is_dataclass(hint):
            names |= {name: (group, *path) for name, path in flat_names(hint).items()}
    return names | {name: (name,) for name, hint in hints.items() if not is_dataclass(hint)}


def flat_values(settings: Any) -> dict[str, Any]:
    """Every setting by its own name."""
    values = {}
    for name, path in flat_names(type(settings)).items():
        value = settings
        for step in path:
            value = getattr(value, step)
        values[name] = value
    return values


def from_flat(kind: type[S], values: Mapping[str, Any]) -> S:
    """Settings of `kind` with these values by their own names, the rest at the defaults. Raises ValidationError."""
    paths = flat_names(kind)
    chosen: dict[str, Any] = {}
    for name, value in values.items():
        *within, last = paths.get(name, (name,))
        group = chosen
        for step in within:
            group = group.setdefault(step, {})
        group[last] = value
    return TypeAdapter(kind).validate_python(chosen)


def problem(error: ValidationError) -> str:
    """The first thing that is wrong, in words: "Steps, at most (steps) must be at least 1"."""
    return error.errors()[0]["msg"]


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class Settings:
    """Base of every settings class. A value that is not allowed raises pydantic's ValidationError, a ValueError."""

    @model_validator(mode="wrap")
    @classmethod
    def _in_plain_words(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(given)
        except ValidationError as error:
            details = [
                InitErrorDetails(
                    type=PydanticCustomError(_KEY, _words(cls, item)), loc=item["loc"], input=item["input"]
                )
                for item in error.errors()
            ]
        raise ValidationError.from_exception_data(cls.__name__, details)


def _words(kind: type, error: ErrorDetails) -> str:
    """One error as a sentence about the setting's label and bound."""
    if error["type"] == _KEY:  # of a settings class inside this one
        return error["msg"]
    name = str(error["loc"][0]) if error["loc"] else ""
    known = settings_in(kind).get(name)
    if known is None:
        return f"{kind.__name__} has no setting {name!r}" if name else error["msg"]
    if error["input"] is None:
        return f"{known.label} ({name}) must be given"
    words = _WORDS.get(error["type"])
    what = words.format(**error["ctx"]) if words and "ctx" in error else words or error["msg"]
    return f"{known.label} ({name}) {what.replace('Input should be', 'must be')}"
