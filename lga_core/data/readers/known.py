"""ROME's known_1000 (arXiv 2202.05262): facts for causal tracing, which name the answer that GPT-2 XL gives.

`attribute` is that answer; `prediction` is the model's text and is ignored. Nothing is to be edited.
"""

from collections.abc import Mapping
from typing import Any

from lga_core.data.checking.drafts import Draft, Notes, label, text

LOOKS_FOR = "prompt, subject and attribute"


def recognises(record: Mapping[str, Any]) -> bool:
    return "attribute" in record and not {"target_new", "ground_truth"} & record.keys()


def read(record: Mapping[str, Any], notes: Notes) -> Draft:
    """Raises Unusable where a field is no text."""
    prompt = text(record.get("prompt"), "prompt", notes)
    subject = text(record.get("subject"), "subject", notes)
    template = record.get("template")
    if isinstance(template, str) and prompt != (plain := template.replace("{}", subject).strip()):
        if prompt.startswith(plain):
            notes.add(f"The prompt is its template and more words: “{prompt[len(plain) :].strip()}”.")
        else:
            notes.add("The prompt is not its template's; the prompt is used.")
    attribute = text(record.get("attribute"), "attribute", notes)
    return Draft(
        prompt=prompt,
        subject=subject,
        target_old=(attribute,) if attribute else (),
        relation=label(record.get("relation_id"), "relation_id", notes),
    )
