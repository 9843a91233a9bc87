"""Every reader on records of its format made of any Unicode texts: nothing is lost, changed or invented."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uploading import read_facts

from lga_core.data.checking.checks import is_no_op
from lga_core.data.facts import Fact
from lga_core.data.load import write_facts
from lga_core.data.readers import READERS

WORDS = st.text(min_size=1, max_size=12).filter(str.strip)
PLAIN = st.text(max_size=12)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The texts that a record is made of."""

    before: str
    subject: str
    after: str
    new: str
    old: str
    rephrase: str
    probe: str
    answer: str

    @property
    def prompt(self) -> str:
        return self.before + self.subject + self.after


PARTS = st.builds(
    Parts, before=PLAIN, subject=WORDS, after=PLAIN, new=WORDS, old=WORDS, rephrase=WORDS, probe=WORDS, answer=WORDS
)
Make = Callable[[Parts], dict[str, Any]]
MAKE: dict[str, Make] = {
    "KnowEdit": lambda parts: {
        "prompt": parts.prompt,
        "subject": parts.subject,
        "target_new": parts.new,
        "ground_truth": [parts.old],
        "rephrase": parts.rephrase,
        "locality": {"Group": [{"prompt": parts.probe, "ground_truth": parts.answer}]},
        "portability": {"Group": [{"prompt": parts.probe, "ground_truth": [[parts.answer]]}]},
    },
    "CounterFact": lambda parts: {
        "requested_rewrite": {
            "prompt": parts.before + "{}" + parts.after,
            "subject": parts.subject,
            "target_new": {"str": parts.new},
            "target_true": {"str": parts.old},
        },
        "paraphrase_prompts": [parts.rephrase],
        "neighborhood_prompts": [parts.probe],
        "portability": {"New Question": parts.probe, "New Answer": parts.answer},
    },
    "CounterFact, flat": lambda parts: {
        "case_id": 1,
        "prompt": parts.prompt,
        "subject": parts.subject,
        "target_new": parts.new,
        "ground_truth": parts.old,
        "locality_prompt": parts.probe,
        "locality_ground_truth": parts.answer,
    },
    "WikiBio": lambda parts: {
        "text": parts.prompt,
        "concept": parts.subject,
        "labels": parts.new,
        "locality": {"Group": [{"prompt": parts.probe, "ground_truth": [parts.answer]}]},
    },
    "zsRE, MEND edition": lambda parts: {
        "src": parts.prompt,
        "subject": parts.subject,
        "alt": parts.new,
        "answers": [parts.old],
        "rephrase": parts.rephrase,
        "loc": f"nq question: {parts.probe}",
        "loc_ans": parts.answer,
        "portability": {"New Question": parts.probe, "New Answer": parts.answer},
    },
    "known_1000": lambda parts: {"prompt": parts.prompt, "subject": parts.subject, "attribute": parts.old},
    "flat table": lambda parts: {
        "prompt": parts.prompt,
        "subject": parts.subject,
        "target_new": parts.new,
        "ground_truth": [parts.old],
        "rephrases": [parts.rephrase],
        "portability_prompt": parts.probe,
        "portability_answer": [parts.answer],
    },
}


def test_every_reader_is_here() -> None:
    assert set(MAKE) == set(READERS)


@pytest.mark.parametrize("name", MAKE)
@given(parts=PARTS)
def test_a_record_of_any_texts_is_read_whole(name: str, parts: Parts) -> None:
    record = MAKE[name](parts)
    (fact,) = read_facts("any.json", json.dumps([record]).encode(), ".json").facts
    if name != "CounterFact":  # its texts may hold {} of their own, which are filled in too
        assert fact.prompt == parts.prompt.strip()
    assert fact.prompt[slice(*fact.span)] == fact.subject
    assert fact.subject.casefold() == parts.subject.strip().casefold()
    assert fact.target_new == (None if name == "known_1000" else parts.new.strip())
    assert fact.target_old == (() if name == "WikiBio" else (parts.old.strip(),))
    assert fact.rephrases == (
        (parts.rephrase.strip(),) if {"rephrase", "rephrases", "paraphrase_prompts"} & set(record) else ()
    )
    _check_probes(name, fact, parts)
    (again,) = read_facts("again.json", write_facts([fact]).encode(), ".json").facts
    assert again == fact and again.fingerprint == fact.fingerprint


def _check_probes(name: str, fact: Fact, parts: Parts) -> None:
    """A locality probe is there unless its answer is the new one; a portability probe always."""
    gold = parts.old if name == "CounterFact" else parts.answer
    has_locality = name not in ("known_1000", "flat table") and not is_no_op(parts.new, (gold,))
    assert [(probe.prompt, probe.accepted) for probe in fact.locality] == (
        [(parts.probe.strip(), (gold.strip(),))] if has_locality else []
    )
    has_portability = name not in ("known_1000", "WikiBio", "CounterFact, flat")
    assert [(probe.prompt, probe.accepted) for probe in fact.portability] == (
        [(parts.probe.strip(), (parts.answer.strip(),))] if has_portability else []
    )


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("name", MAKE)
@given(parts=PARTS, data=st.data())
def test_one_junk_value_costs_at_most_its_own_record(name: str, parts: Parts, data: st.DataObject) -> None:
    good = MAKE[name](parts)
    key = data.draw(st.sampled_from(sorted(good)))
    fact_set = read_facts("junk.json", json.dumps([good | {key: data.draw(JUNK)}, good]).encode(), ".json")
    assert [fact.record for fact in fact_set.facts] in ([0, 1], [1])
    skipped = [problem.record for problem in fact_set.problems if problem.action == "record skipped"]
    assert skipped == ([] if len(fact_set.facts) == 2 else [0])
