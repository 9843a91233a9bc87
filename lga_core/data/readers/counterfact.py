"""CounterFact in ROME's full schema (arXiv 2202.05262), with GPT-4 portability probes where they were added."""

from collections.abc import Mapping
from typing import Any

from lga_core.data.checking.drafts import Draft, Notes, Unusable, label, recalled_probe, text, texts
from lga_core.data.facts import Probe

LOOKS_FOR = "requested_rewrite {prompt, subject, target_new, target_true}"


def recognises(record: Mapping[str, Any]) -> bool:
    return "requested_rewrite" in record


def read(record: Mapping[str, Any], notes: Notes) -> Draft:
    """Neighbourhood prompts ask the same relation of subjects whose true answer is the old one: locality."""
    rewrite = record["requested_rewrite"]
    if not isinstance(rewrite, Mapping):
        raise Unusable("requested_rewrite is not an object with named fields.")
    subject = text(rewrite.get("subject"), "subject", notes)
    old = text(_named(rewrite, "target_true"), "target_true", notes)
    return Draft(
        prompt=text(rewrite.get("prompt"), "prompt", notes).replace("{}", subject),
        subject=subject,
        target_new=text(_named(rewrite, "target_new"), "target_new", notes),
        target_old=(old,) if old else (),
        rephrases=texts(record.get("paraphrase_prompts"), "paraphrase_prompts", notes),
        locality=tuple(
            Probe(prompt=prompt, answers=((old,),) if old else (), group="Neighborhood")
            for prompt in texts(record.get("neighborhood_prompts"), "neighborhood_prompts", notes)
        ),
        portability=recalled_probe(record.get("portability"), notes),
        relation=label(rewrite.get("relation_id"), "relation_id", notes),
    )


def _named(rewrite: Mapping[str, Any], key: str) -> Any:
    """Targets are {"str": text, "id": Wikidata id}."""
    target = rewrite.get(key)
    return target.get("str") if isinstance(target, Mapping) else target
