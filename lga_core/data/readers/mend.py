"""zsRE in MEND's edition (arXiv 2110.11309), with GPT-4 portability probes where they were added.

Keys: src (prompt), subject, rephrase, alt (new answer), answers (old ones), loc with loc_ans (a Natural Questions
question that has nothing to do with the edit; its marker "nq question: " is no part of it), portability.
`pred` and `cond` tell what a model said once and are ignored.
"""

from collections.abc import Mapping
from typing import Any

from lga_core.data.checking.drafts import Draft, Notes, is_missing, probe, recalled_probe, text, texts
from lga_core.data.facts import Probe

LOOKS_FOR = "src, subject and alt or answers"
NQ_MARKER = "nq question:"


def recognises(record: Mapping[str, Any]) -> bool:
    return "src" in record and ("alt" in record or "answers" in record)


def read(record: Mapping[str, Any], notes: Notes) -> Draft:
    """Raises Unusable where a field is no text."""
    return Draft(
        prompt=text(record.get("src"), "src", notes),
        subject=text(record.get("subject"), "subject", notes),
        target_new=text(record.get("alt"), "alt", notes),
        target_old=texts(record.get("answers"), "answers", notes),
        rephrases=texts(record.get("rephrase"), "rephrase", notes),
        locality=_unrelated(record, notes),
        portability=recalled_probe(record.get("portability"), notes),
    )


def _unrelated(record: Mapping[str, Any], notes: Notes) -> tuple[Probe, ...]:
    asked = record.get("loc")
    if is_missing(asked):
        return ()
    with notes.dropping_probes():
        question = text(asked, "loc", notes).removeprefix(NQ_MARKER).strip()
        return (probe(question, record.get("loc_ans"), "Unrelated", "locality", notes),)
    return ()
