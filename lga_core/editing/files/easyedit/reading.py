"""Read an EasyEdit hyper-parameter file: editor, layers and settings; what has no setting here is named, not dropped.

Uploaded files are untrusted: size, aliases, depth and types are checked, and what does not fit is one LgaError.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from lga_core.editing.files.easyedit.fields import FORMATS, LAST_LAYER, REMARK, WEIGHT, FieldLink, Format
from lga_core.editing.table import EDITORS
from lga_core.errors import LgaError
from lga_core.settings import Settings, from_flat, problem

MAX_BYTES = 20_000  # EasyEdit's own have 1 kB
MAX_DEPTH = 4
MOST_NAMED = 20
LARGEST = 2**53 - 1  # of whole numbers: larger ones are no float, and a long hexadecimal one has no decimal text
LONGEST = 60  # characters of a value that is shown
KNOWN_ALREADY = ("alg_name", "layers")


@dataclass(frozen=True, kw_only=True)
class Hparams:
    """What such a file asks for."""

    editor: str
    layers: tuple[int, ...]
    settings: Settings
    fields: Mapping[str, Any]  # as they stand in the file

    @property
    def unused(self) -> tuple[str, ...]:
        """The fields for which there is no setting here."""
        known = FORMATS[self.editor]
        used = {*KNOWN_ALREADY, LAST_LAYER, *known.needed, *(link.times for link in known.links)}
        used |= {link.field for link in known.links} | {name for name in self.fields if _names_a_module(name)}
        return tuple(name for name in self.fields if name not in used)

    def contradictions(
        self, layers: int | None = None, modules: Mapping[str, tuple[str, ...]] | None = None
    ) -> tuple[str, ...]:
        """What it asks for that is done otherwise here, in words. `layers`, `modules`: of the model, where known."""
        known = FORMATS[self.editor]
        wanted = {**known.needed, **({} if layers is None else {LAST_LAYER: layers - 1})}
        given = {**known.absent, **self.fields}
        remarks = [
            f"{name} is {_shown(given[name])}{'' if name in self.fields else ' where it is not given'}; "
            f"here it is always {_shown(value)}."
            for name, value in wanted.items()
            if name in given and given[name] != value
        ]
        if layers is not None and (beyond := [layer for layer in self.layers if layer >= layers]):
            remarks.append(f"layers has {beyond[0]}; this model has layers 0 to {layers - 1}.")
        for name, names in (modules or {}).items():
            if name in self.fields and str(self.fields[name]).removesuffix(WEIGHT) not in names:
                remarks.append(f"{name} is {_shown(self.fields[name])}; in this model it is {names[0]}.")
        return tuple(remarks)

    def remarks(
        self, layers: int | None = None, modules: Mapping[str, tuple[str, ...]] | None = None
    ) -> tuple[str, ...]:
        """Everything that is not taken over as it stands, in sentences."""
        remarks = self.contradictions(layers, modules)
        if modules is None and any(map(_names_a_module, self.fields)):
            remarks += ("The names of modules are not read: they come from the model’s structure.",)
        if self.unused:
            named = ", ".join(name[:LONGEST] for name in self.unused[:MOST_NAMED])
            more = f" and {len(self.unused) - MOST_NAMED} more" if len(self.unused) > MOST_NAMED else ""
            remarks += (f"No setting here: {named}{more}.",)
        return remarks


def _names_a_module(name: str) -> bool:
    return name.endswith(("_module_tmp", "_module"))


def read_hparams(name: str, content: bytes) -> Hparams:
    """`name` is the file's, for messages. Raises LgaError for what is no such file, or asks for what cannot be."""
    if len(content) > MAX_BYTES:
        raise _refused(name, f"it has more than {MAX_BYTES // 1000} kB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refused(name, "it is not UTF-8 text") from error
    fields = _mapping(name, text)
    editor = _editor(name, fields)
    settings = settings_of(name, editor, fields, _remarks(name, text))
    return Hparams(editor=editor, layers=_layers(name, fields), settings=settings, fields=fields)


def read_hparams_file(path: Path) -> Hparams:
    """The same of a file. Raises LgaError where it cannot be read, too."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise LgaError(f"{path} cannot be read: {error.strerror}.", hint="Name another file.") from error
    return read_hparams(path.name, content)


def settings_of(name: str, editor: str, fields: Mapping[str, Any], remarks: Mapping[str, Any]) -> Settings:
    """The settings that fields and remarks stand for. Raises LgaError for a value that is not allowed."""
    known = FORMATS[editor]
    values = dict(known.ways)
    for link in known.links:
        if link.field in fields:
            values[link.setting] = _value(name, link, fields)
    for setting, remark in remarks.items():
        value, unchanged = _remembered(remark, fields, known, setting)
        if unchanged:
            values[setting] = value
    try:
        return from_flat(EDITORS[editor].settings, values)
    except ValidationError as error:
        raise _refused(name, problem(error)) from error


def _remembered(remark: Any, fields: Mapping[str, Any], known: Format, setting: str) -> tuple[Any, bool]:
    """A remark's value, and whether the field that it stands beside is still as it was written with it."""
    link = next((link for link in known.links if link.setting == setting), None)
    if link is None or not isinstance(remark, Mapping):
        return remark, link is None
    return remark.get("value"), "while" in remark and fields.get(link.field) == remark["while"]


def _value(name: str, link: FieldLink, fields: Mapping[str, Any]) -> Any:
    try:
        value = link.read(fields[link.field])
        if link.times is not None and link.times in fields:
            value *= link.read(fields[link.times])
    except (ValueError, OverflowError) as error:
        raise _refused(name, f"{link.field} is {_shown(fields[link.field])}, which does not fit") from error
    return value


def _editor(name: str, fields: Mapping[str, Any]) -> str:
    algorithm = fields.get("alg_name")
    fitting = [editor for editor, known in FORMATS.items() if known.algorithm == algorithm]
    if not fitting:
        known_names = ", ".join(dict.fromkeys(known.algorithm for known in FORMATS.values()))
        raise _refused(name, f"alg_name is {_shown(algorithm)}, and only {known_names} are known here")
    if len(fitting) == 1:
        return fitting[0]
    key = "objective_optimization"
    objectives = {FORMATS[editor].needed[key]: editor for editor in fitting}
    objective = fields.get(key)
    if not isinstance(objective, str) or objective not in objectives:
        raise _refused(
            name,
            f"{key} is {_shown(objective)}: "
            + " or ".join(f"{known} ({EDITORS[editor].title})" for known, editor in objectives.items())
            + " is needed",
        )
    return objectives[objective]


def _layers(name: str, fields: Mapping[str, Any]) -> tuple[int, ...]:
    layers = fields.get("layers")
    fits = isinstance(layers, list) and layers and all(type(layer) is int and layer >= 0 for layer in layers)
    if not fits or len(set(layers)) < len(layers):
        raise _refused(name, f"layers is {_shown(layers)}, not a list of different layers, as [5]")
    return tuple(layers)


def _remarks(name: str, text: str) -> dict[str, Any]:
    """The settings in the lines that this program wrote for itself."""
    lines = [line.removeprefix(REMARK) for line in text.splitlines() if line.startswith(REMARK)]
    return _mapping(name, "\n".join(lines)) if lines else {}


def _mapping(name: str, text: str) -> dict[str, Any]:
    try:
        _check_plain(name, text)
        fields = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark is not None else ""
        raise _refused(name, f"it is broken YAML{where}") from error
    except (ValueError, OverflowError) as error:  # a date or a number out of bounds
        raise _refused(name, "it is no plain list of fields") from error
    if not isinstance(fields, dict) or not all(isinstance(key, str) for key in fields):
        raise _refused(name, "it is no list of fields with a name each")
    if _has_too_large(fields):
        raise _refused(name, f"it holds a whole number beyond ±{LARGEST:,}")
    return fields


def _has_too_large(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_too_large, (*value, *value.values())))
    if isinstance(value, list | tuple | set):
        return any(map(_has_too_large, value))
    return isinstance(value, int) and abs(value) > LARGEST


def _check_plain(name: str, text: str) -> None:
    """While it is parsed, before anything is made of it: what is nested deep takes long, aliases multiply."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH or isinstance(event, yaml.AliasEvent):
            raise _refused(name, "it is nested deeper than such files are, or has aliases (*name)")


def _shown(value: Any) -> str:
    if value is None:
        return "missing"
    words = str(value).lower() if isinstance(value, bool) else str(value)
    return words if len(words) <= LONGEST else words[: LONGEST - 1] + "…"


def _refused(name: str, why: str) -> LgaError:
    return LgaError(f"{name[:LONGEST]} cannot be used: {why}.", hint="Give a YAML file as EasyEdit's hparams are.")
