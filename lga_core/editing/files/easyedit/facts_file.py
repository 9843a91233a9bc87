"""Facts as EasyEdit reads them: KnowEdit's JSON, one text where its readers expect one, and nothing that stops them."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lga_core.data.checking.drafts import quoted
from lga_core.data.facts import Fact, Probe
from lga_core.data.load import probe_groups, record_of

CHAT = "Asked in the model's chat template here; EasyEdit has no such option, so the run there asks plain prompts."


@dataclass(frozen=True, kw_only=True)
class EasyEditFile:
    """A file's text, and what is not the same there, in words."""

    text: str
    differs: tuple[str, ...]


def write_knowedit(facts: Sequence[Fact], *, chat: bool = False) -> EasyEditFile:
    """The facts for KnowEdit's reader there; read again here they are the same but for what `differs` tells.

    `chat`: the edit was asked in a chat template. Each record then has a note of it, which no reader looks at.
    """
    records = [_record(fact) | ({"note": CHAT} if chat else {}) for fact in facts]
    text = "[\n" + ",\n".join(json.dumps(record, ensure_ascii=False) for record in records) + "\n]\n"
    return EasyEditFile(text=text, differs=tuple(words for fact in facts for words in _unfit(fact)))


def _record(fact: Fact) -> dict[str, object]:
    first, more = fact.rephrases[:1], fact.rephrases[1:]
    return {
        **{key: value for key, value in record_of(fact).items() if key != "rephrase_prompt"},
        **({"rephrase_prompt": first[0]} if first else {}),  # one text there; both keys are read here
        **({"rephrase_prompts": list(more)} if more else {}),
        "locality": probe_groups(_answered(fact.locality)),  # asked for without a look whether it is there
        "portability": probe_groups(_answered(fact.portability)),
    }


def _answered(probes: Sequence[Probe]) -> tuple[Probe, ...]:
    return tuple(probe for probe in probes if probe.accepted)


def _unfit(fact: Fact) -> Iterator[str]:
    if fact.target_new is None:
        yield f"{quoted(fact.prompt)} has no new answer and cannot be edited."
    if fact.prompt.count(fact.subject) > 1:
        yield f"{quoted(fact.prompt)} holds its subject more than once: EasyEdit replaces each of them and stops."
    if "{" in fact.prompt or "}" in fact.prompt:
        yield f"{quoted(fact.prompt)} holds a brace, which EasyEdit takes for the subject's place."
    if len(fact.rephrases) > 1:
        yield f"{quoted(fact.prompt)}: EasyEdit asks the first of {len(fact.rephrases)} rephrases."
    for probe in (*fact.locality, *fact.portability):
        if not probe.accepted:
            yield f"The probe {quoted(probe.prompt)} names no answer, at which EasyEdit stops: left out."
