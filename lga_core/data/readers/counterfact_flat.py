"""CounterFact as EasyEdit flattens it: one record a fact, its texts side by side.

`rephrase_prompt` is usually one of CounterFact's generation prompts ("… is my favorite product out of everything
created by"), which asks for something else: as a paraphrase it would measure noise, so it is left out.
"""

from collections.abc import Mapping
from typing import Any

from lga_core.data.checking.drafts import Draft, Notes, one_probe, quoted, text, texts

LOOKS_FOR = "case_id, prompt, subject, target_new, locality_prompt and locality_ground_truth"
KEYS = {"case_id", "locality_prompt", "locality_ground_truth"}


def recognises(record: Mapping[str, Any]) -> bool:
    return record.keys() >= KEYS


def read(record: Mapping[str, Any], notes: Notes) -> Draft:
    """The locality prompt asks the same relation of another subject. Raises Unusable where a field is no text."""
    with notes.dropping_probes():
        for rephrase in texts(record.get("rephrase_prompt"), "rephrase_prompt", notes):
            notes.add(
                f"The rephrase {quoted(rephrase)} is left out: in this format it is usually a generation prompt, "
                "not a paraphrase.",
                "probe dropped",
            )
    return Draft(
        prompt=text(record.get("prompt"), "prompt", notes),
        subject=text(record.get("subject"), "subject", notes),
        target_new=text(record.get("target_new"), "target_new", notes),
        target_old=texts(record.get("ground_truth"), "ground_truth", notes),
        locality=one_probe(
            record["locality_prompt"], record["locality_ground_truth"], "Neighborhood", "locality", notes
        ),
    )
