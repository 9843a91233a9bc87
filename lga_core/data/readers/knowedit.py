"""KnowEdit's records (ZsRE, WikiData-counterfact, WikiData-recent), which are also this project's own schema.

Keys: prompt, subject, target_new, ground_truth, rephrase_prompt | rephrase | rephrase_prompts, locality,
portability, relation (ours), and a flat table's locality_prompt and portability_prompt beside them.
Source: KnowEdit, arXiv 2401.01286; the editions differ in how answers nest.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from lga_core.data.checking.drafts import Draft, Notes, label, probes, text, texts
from lga_core.data.readers.flat import row_probe

LOOKS_FOR = "prompt, subject and target_new or ground_truth, with locality and portability as {group: [probe]}"
REPHRASE_KEYS = ("rephrase_prompt", "rephrase", "rephrase_prompts")
OLD_KEYS = ("ground_truth", "target_old")  # the second is a flat table's, also met beside nested probes


def recognises(record: Mapping[str, Any]) -> bool:
    """By its answers: a record that has them but no prompt is told so instead of being called unknown."""
    return any(key in record for key in ("target_new", *OLD_KEYS))


def read(record: Mapping[str, Any], notes: Notes) -> Draft:
    """Raises Unusable where a field is no text."""
    return Draft(
        prompt=text(record.get("prompt"), "prompt", notes),
        subject=text(record.get("subject"), "subject", notes),
        target_new=text(record.get("target_new"), "target_new", notes),
        target_old=_several(record, OLD_KEYS, notes),
        rephrases=_several(record, REPHRASE_KEYS, notes),
        locality=probes(record.get("locality"), "locality", notes) + row_probe(record, "locality", notes),
        portability=probes(record.get("portability"), "portability", notes) + row_probe(record, "portability", notes),
        relation=label(record.get("relation"), "relation", notes),
    )


def _several(record: Mapping[str, Any], keys: Iterable[str], notes: Notes) -> tuple[str, ...]:
    """The texts under all of `keys`, in order."""
    return tuple(value for key in keys for value in texts(record.get(key), key, notes))
