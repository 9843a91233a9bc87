"""The fact formats that can be read: one row a format, recognised by a record's keys.

A new format is one module with LOOKS_FOR (in words, for the message about an unknown record), `recognises(record)` and
`read(record, notes)`, which raises Unusable, and one row in READERS.
Nothing is judged here: whether a subject stands in its prompt, or a probe makes sense, is `checks`' business.
"""

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from lga_core.data.checking.drafts import Draft, Notes, Unusable
from lga_core.data.readers import counterfact, counterfact_flat, flat, knowedit, known, mend, wikibio

READERS: Mapping[str, ModuleType] = {
    "CounterFact": counterfact,
    "CounterFact, flat": counterfact_flat,
    "WikiBio": wikibio,
    "zsRE, MEND edition": mend,
    "known_1000": known,
    "flat table": flat,
    "KnowEdit": knowedit,
}
"""In the order in which they are asked; the first that recognises a record reads it."""


def read_record(record: Any, notes: Notes) -> Draft:
    """One record as a draft. Raises Unusable where no format knows it."""
    if not isinstance(record, Mapping):
        raise Unusable("the record is not an object with named fields.")
    if None in record:
        raise Unusable("the row has more cells than the header. Put cells that hold the separator in double quotes.")
    reader = next((reader for reader in READERS.values() if reader.recognises(record)), None)
    if reader is None:
        keys = ", ".join(str(key)[:40] for key in list(record)[:12]) or "none"
        formats = "; ".join(f"{name}: {module.LOOKS_FOR}" for name, module in READERS.items())
        raise Unusable(f"its keys ({keys}) fit no known format. Looked for {formats}.")
    return reader.read(record, notes)
