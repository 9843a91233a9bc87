"""Flat tables: one fact a row, every cell a text. What CSV files hold, and JSON records without nesting.

Columns: prompt, subject, target_new, target_old | ground_truth, rephrase | rephrase_prompt | rephrase_1 …,
locality_prompt with locality_answer, portability_prompt with portability_answer, relation. Several values
in a cell are separated by " | ": aliases of the old answer, or several rephrases.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from lga_core.data.drafts import Draft, Notes, Unusable, probe, text
from lga_core.data.facts import Probe

LOOKS_FOR = "only texts, with prompt, subject and target_new, target_old or ground_truth"
OLD_KEYS = ("target_old", "ground_truth")
PROBE_GROUPS = {"locality": "Relation_Specificity", "portability": "Reasoning"}


def recognises(record: Mapping[str, Any]) -> bool:
    """All cells texts, and an answer among the columns."""
    flat = all(value is None or isinstance(value, str) for value in record.values())
    return flat and any(key in record for key in ("target_new", *OLD_KEYS))


def read(record: Mapping[str, Any], notes: Notes) -> Draft:
    """Raises Unusable where a cell is too long."""
    rephrase_keys = [key for key in record if key.startswith("rephrase")]
    return Draft(
        prompt=text(record.get("prompt"), "prompt", notes),
        subject=text(record.get("subject"), "subject", notes),
        target_new=text(record.get("target_new"), "target_new", notes),
        target_old=_several(record, OLD_KEYS, notes),
        rephrases=_several(record, rephrase_keys, notes),
        locality=_probe(record, "locality", notes),
        portability=_probe(record, "portability", notes),
        relation=text(record.get("relation"), "relation", notes),
    )


def _several(record: Mapping[str, Any], keys: Iterable[str], notes: Notes) -> tuple[str, ...]:
    """Every value in the cells of `keys`, in order, without repeats."""
    cells = (text(record.get(key), key, notes) for key in keys)
    return tuple(dict.fromkeys(value for cell in cells for value in _split(cell)))


def _probe(record: Mapping[str, Any], metric: str, notes: Notes) -> tuple[Probe, ...]:
    """The row's one probe of a metric; the answer may stand under _answer or EasyEdit's _ground_truth."""
    if not (record.get(f"{metric}_prompt") or "").strip():
        return ()
    answer = record.get(f"{metric}_answer") or record.get(f"{metric}_ground_truth") or ""
    try:
        return (probe(record[f"{metric}_prompt"], [_split(answer)], PROBE_GROUPS[metric], metric, notes),)
    except Unusable as unusable:
        notes.add(unusable, "probe dropped")
        return ()


def _split(cell: str) -> list[str]:
    return [value.strip() for value in cell.split(" | ") if value.strip()]
