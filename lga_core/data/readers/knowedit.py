"""KnowEdit's records (ZsRE, WikiData-counterfact, WikiData-recent), which are also this project's own schema.

Keys: prompt, subject, target_new, ground_truth, rephrase_prompt | rephrase | rephrase_prompts, locality,
portability, relation (ours). Source: KnowEdit, arXiv 2401.01286; the editions differ in how answers nest.
"""

from collections.abc import Mapping
from typing import Any

from lga_core.data.drafts import Draft, Notes, probes, text, texts

LOOKS_FOR = "prompt, subject and target_new or ground_truth"
REPHRASE_KEYS = ("rephrase_prompt", "rephrase", "rephrase_prompts")


def recognises(record: Mapping[str, Any]) -> bool:
    """By its answers: a record that has them but no prompt is told so instead of being called unknown.

    EasyEdit's flattened CounterFact shares these keys; its `locality_prompt` tells it apart.
    """
    return ("target_new" in record or "ground_truth" in record) and "locality_prompt" not in record


def read(record: Mapping[str, Any], notes: Notes) -> Draft:
    """Raises Unusable where a field is no text."""
    rephrases = (texts(record.get(key), key, notes) for key in REPHRASE_KEYS)
    return Draft(
        prompt=text(record.get("prompt"), "prompt", notes),
        subject=text(record.get("subject"), "subject", notes),
        target_new=text(record.get("target_new"), "target_new", notes),
        target_old=texts(record.get("ground_truth"), "ground_truth", notes),
        rephrases=tuple(dict.fromkeys(rephrase for several in rephrases for rephrase in several)),
        locality=probes(record.get("locality"), "locality", notes),
        portability=probes(record.get("portability"), "portability", notes),
        relation=text(record.get("relation"), "relation", notes),
    )
