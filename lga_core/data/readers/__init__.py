"""The fact formats that can be read: one row a format, recognised by a record's keys.

A new format is one module with a `recognises(record)` and a `read(record, notes)`, and one row in READERS.
Nothing is judged here: whether a subject stands in its prompt, or a probe makes sense, is `checks`' business.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lga_core.data.checking.drafts import Draft, Notes, Unusable
from lga_core.data.readers import counterfact, counterfact_flat, flat, knowedit, known, mend, wikibio


@dataclass(frozen=True, kw_only=True)
class Reader:
    """One format: the keys that tell it, and how a record becomes a draft (raises Unusable)."""

    name: str
    looks_for: str  # in words, for the message about an unknown record
    recognises: Callable[[Mapping[str, Any]], bool]
    read: Callable[[Mapping[str, Any], Notes], Draft]


READERS = tuple(
    Reader(name=name, looks_for=module.LOOKS_FOR, recognises=module.recognises, read=module.read)
    for name, module in (
        ("CounterFact", counterfact),
        ("CounterFact, flat", counterfact_flat),
        ("WikiBio", wikibio),
        ("zsRE, MEND edition", mend),
        ("known_1000", known),
        ("flat table", flat),
        ("KnowEdit", knowedit),
    )
)
"""In the order in which they are asked; the first that recognises a record reads it."""


def read_record(record: Any, notes: Notes) -> Draft:
    """One record as a draft. Raises Unusable where no format knows it."""
    if not isinstance(record, Mapping):
        raise Unusable("the record is not an object with named fields.")
    if None in record:
        raise Unusable("the row has more cells than the header. Put cells that hold the separator in double quotes.")
    reader = next((reader for reader in READERS if reader.recognises(record)), None)
    if reader is None:
        keys = ", ".join(str(key)[:40] for key in list(record)[:12]) or "none"
        known = "; ".join(f"{reader.name}: {reader.looks_for}" for reader in READERS)
        raise Unusable(f"its keys ({keys}) fit no known format. Looked for {known}.")
    return reader.read(record, notes)
