"""KnowEdit's WikiBio (arXiv 2401.01286): a passage and the sentence that should follow it.

The concept stands in lower case and tokenized in the first sentence, and often as written later: the last one counts,
in whatever case. There is no old answer, no rephrase and no portability; targets are whole sentences.
"""

from collections.abc import Mapping
from typing import Any

from lga_core.data.checking.drafts import Draft, Notes, probes, text
from lga_core.data.spans import find_in_any_case

LOOKS_FOR = "text, labels and concept"


def recognises(record: Mapping[str, Any]) -> bool:
    return "concept" in record and "labels" in record


def read(record: Mapping[str, Any], notes: Notes) -> Draft:
    """Raises Unusable where a field is no text."""
    prompt = text(record.get("text"), "text", notes)
    concept = text(record.get("concept"), "concept", notes)
    span = find_in_any_case(prompt, concept)
    return Draft(
        prompt=prompt,
        subject=prompt[slice(*span)] if span else concept,
        target_new=text(record.get("labels"), "labels", notes),
        locality=probes(record.get("locality"), "locality", notes),
    )
