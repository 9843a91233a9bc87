"""Flat tables: one fact a row, every cell a value or a list of values. What CSV files and data set rows hold.

Columns: prompt, subject, target_new, target_old | ground_truth, rephrase | rephrase_prompt | rephrase_1 …,
locality_prompt with locality_answer, portability_prompt with portability_answer, relation. Several values
in a text cell are separated by " | ": aliases of the old answer, or several rephrases.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from lga_core.data.checking.drafts import Draft, Notes, check_few, label, probe, text
from lga_core.data.facts import Probe

LOOKS_FOR = "no nested object, with prompt, subject and target_new, target_old or ground_truth"
OLD_KEYS = ("target_old", "ground_truth")
PROBE_GROUPS = {"locality": "Relation_Specificity", "portability": "Reasoning"}
_REPHRASE = re.compile(r"rephrases?(_prompts?)?(_?\d+)?")


def recognises(record: Mapping[str, Any]) -> bool:
    """No cell with an inner structure, and an answer among the columns."""
    return all(map(_is_cell, record.values())) and any(key in record for key in ("target_new", *OLD_KEYS))


def read(record: Mapping[str, Any], notes: Notes) -> Draft:
    """Raises Unusable where a cell that is needed is no text, or too long."""
    rephrase_keys = [key for key in record if _REPHRASE.fullmatch(key)]
    return Draft(
        prompt=text(record.get("prompt"), "prompt", notes),
        subject=text(record.get("subject"), "subject", notes),
        target_new=text(record.get("target_new"), "target_new", notes),
        target_old=_several(record, OLD_KEYS, notes),
        rephrases=_several(record, rephrase_keys, notes),
        locality=row_probe(record, "locality", notes),
        portability=row_probe(record, "portability", notes),
        relation=label(record.get("relation"), "relation", notes),
    )


def _is_cell(value: Any) -> bool:
    if isinstance(value, list):
        return not any(isinstance(item, (Mapping, list)) for item in value)
    return not isinstance(value, Mapping)


def _several(record: Mapping[str, Any], keys: Iterable[str], notes: Notes) -> tuple[str, ...]:
    """Every value in the cells of `keys`, in order."""
    return tuple(value for key in keys for value in _values(record.get(key), key, notes))


def _values(cell: Any, name: str, notes: Notes) -> list[str]:
    """A list's texts as they are; a text cut at " | "."""
    if isinstance(cell, list):
        check_few(len(cell), name)
        return [value for item in cell if (value := text(item, name, notes))]
    return [value.strip() for value in text(cell, name, notes).split(" | ") if value.strip()]


def row_probe(record: Mapping[str, Any], metric: str, notes: Notes) -> tuple[Probe, ...]:
    """The row's one probe of a metric; the answer may stand under _answer or EasyEdit's _ground_truth."""
    with notes.dropping_probes():
        asked = text(record.get(f"{metric}_prompt"), f"{metric}_prompt", notes)
        if asked:
            answers = (_values(record.get(key), key, notes) for key in (f"{metric}_answer", f"{metric}_ground_truth"))
            return (probe(asked, [next(filter(None, answers), [])], PROBE_GROUPS[metric], metric, notes),)
    return ()
