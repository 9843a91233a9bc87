"""Tables whose columns have names of their own: which of them holds the prompt, the subject, the answers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from lga_core.data.checking.drafts import has_half_characters
from lga_core.errors import LgaError

_GUESSES = {
    part: tuple(names.split())
    for part, names in {
        "prompt": "prompt question src query text sentence",
        "subject": "subject entity concept head",
        "target_new": "target_new new_answer answer_new alt new labels target",
        "target_old": "target_old ground_truth old_answer answer_old target_true attribute answers answer old",
        "rephrases": "rephrase rephrase_prompt rephrases rephrase_prompts paraphrase paraphrases paraphrase_prompts",
        "locality": "locality",
        "portability": "portability",
        "locality_prompt": "locality_prompt locality_question loc",
        "locality_answer": "locality_answer locality_ground_truth loc_ans",
        "portability_prompt": "portability_prompt portability_question",
        "portability_answer": "portability_answer portability_ground_truth",
        "relation": "relation relation_id predicate property",
    }.items()
}
_LOOKED_AT = 200  # records: objects of one table look alike
_KEYS = {"target_old": "ground_truth"}  # what the readers call a field, where not the same
_ABSENT = object()


@dataclass(frozen=True, kw_only=True)
class ColumnMapping:
    """Names of the columns that hold a fact's parts; None for a part that the table does not have.

    A dot leads into nested objects: "requested_rewrite.target_new.str". `rephrases` may name several columns.
    `locality` and `portability` hold KnowEdit's {group: [probe]}; the others hold texts (or lists of texts).
    """

    prompt: str
    subject: str
    target_new: str | None = None
    target_old: str | None = None
    rephrases: tuple[str, ...] = ()
    locality: str | None = None
    portability: str | None = None
    locality_prompt: str | None = None
    locality_answer: str | None = None
    portability_prompt: str | None = None
    portability_answer: str | None = None
    relation: str | None = None

    @classmethod
    def guess(cls, columns: Iterable[str]) -> dict[str, Any]:
        """What the columns' names suggest, as arguments for a mapping: a form's first state.

        Capitals, spaces and hyphens do not matter. A part without a fitting column is not among the arguments.
        """
        plain = {column.strip().casefold().replace(" ", "_").replace("-", "_"): column for column in columns}
        guesses = {part: [plain[name] for name in names if name in plain] for part, names in _GUESSES.items()}
        return {part: tuple(names) if part == "rephrases" else names[0] for part, names in guesses.items() if names}

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that the mapping names."""
        named = (getattr(self, part.name) for part in fields(self))
        return tuple(column for value in named for column in ([value] if isinstance(value, str) else value or ()))

    def apply(self, records: Sequence[Any]) -> list[Any]:
        """The records with the project's own keys and nothing else; what is no object stays as it is.

        Raises LgaError for a column that no record has, and where no answer is named.
        """
        if self.target_new is None and self.target_old is None:
            raise LgaError("The mapping names no column for an answer.", hint="Choose one for the new or the old one.")
        missing = [
            column for column in self.columns if all(_value(record, column, _ABSENT) is _ABSENT for record in records)
        ]
        if missing:
            raise LgaError(
                f"There is no column {', '.join(missing)}.",
                hint=f"Choose from: {', '.join(columns(records)) or 'none'}.",
            )
        return [
            self._renamed(record) if isinstance(record, Mapping) and None not in record else record
            for record in records
        ]

    def _renamed(self, record: Mapping[str, Any]) -> dict[str, Any]:
        single = (part.name for part in fields(self) if part.name != "rephrases")
        named = {part: column for part in single if (column := getattr(self, part)) is not None}
        renamed = {_KEYS.get(part, part): _value(record, column) for part, column in named.items()}
        if self.rephrases:
            cells = [_value(record, column) for column in self.rephrases]
            renamed["rephrase"] = cells[0] if len(cells) == 1 else _joined(cells)
        return renamed


def columns(records: Iterable[Any]) -> tuple[str, ...]:
    """The keys of all records, in the order in which they are met; without those that cannot be shown."""
    keys = (key for record in records if isinstance(record, Mapping) for key in record)
    return tuple(key for key in dict.fromkeys(keys) if isinstance(key, str) and not has_half_characters(key))


def inner_columns(records: Sequence[Any], depth: int = 3, most: int = 100) -> tuple[str, ...]:
    """Dotted names of what stands inside the records' objects, at most `depth` levels deep and `most` of them."""
    names: dict[str, None] = {}
    for record in records[:_LOOKED_AT]:
        _walk(record, "", depth, most, names)
    return tuple(names)


def _walk(value: Any, path: str, depth: int, most: int, names: dict[str, None]) -> None:
    if not isinstance(value, Mapping) or depth == 0:
        return
    for key in columns([value]):
        if len(names) >= most:
            return
        if path:
            names[f"{path}{key}"] = None
        _walk(value[key], f"{path}{key}.", depth - 1, most, names)


def _joined(cells: Iterable[Any]) -> list[Any]:
    """One list from cells that hold a value or a list each; empty ones are left out."""
    return [item for cell in cells if cell is not None for item in (cell if isinstance(cell, list) else [cell])]


def _value(record: Any, column: str, absent: Any = None) -> Any:
    """The column's value; `absent` where this record does not have it."""
    if not isinstance(record, Mapping):
        return absent
    if column in record:
        return record[column]
    head, dot, rest = column.partition(".")
    return _value(record.get(head), rest, absent) if dot else absent
