"""Facts for EasyEdit come back through KnowEdit's reader, and what it cannot use there is told."""

import json

import pytest
from data.examples import COUNTERFACT, FLAT, MEND, WIKIBIO, ZSRE
from data.test_properties import PARTS, Parts
from hypothesis import given, settings
from uploading import read_facts

from lga_core.data.facts import Fact, Probe
from lga_core.data.load import load_facts
from lga_core.editing.files.easyedit.facts_file import write_knowedit


def again(facts):
    return read_facts("again.json", write_knowedit(facts).text.encode(), ".json")


@pytest.mark.parametrize("record", [ZSRE, COUNTERFACT, FLAT, WIKIBIO, MEND])
def test_a_fact_of_any_format_comes_back(record):
    (fact,) = read_facts("one.json", json.dumps([record]).encode(), ".json").facts
    assert again([fact]).facts == (fact,)


def test_the_shipped_set_comes_back():
    facts = load_facts("world").facts
    assert [fact.fingerprint for fact in again(facts).facts] == [fact.fingerprint for fact in facts]


@settings(max_examples=30)
@given(parts=PARTS)
def test_any_texts_come_back(parts: Parts):
    record = {
        "prompt": parts.prompt,
        "subject": parts.subject,
        "target_new": parts.new,
        "rephrase_prompts": [parts.rephrase, parts.after],
        "portability": {"Reasoning": [{"prompt": parts.probe, "ground_truth": [[parts.answer, parts.old]]}]},
    }
    (fact,) = read_facts("one.json", json.dumps([record]).encode(), ".json").facts
    assert again([fact]).facts == (fact,)


def test_the_record_is_what_easyedits_reader_looks_for():
    """easyeditor/dataset/knowedit.py there takes locality as given, and one text as rephrase_prompt."""
    (fact,) = read_facts("one.json", json.dumps([{**ZSRE, "locality": None}]).encode(), ".json").facts
    (record,) = json.loads(write_knowedit([fact]).text)
    assert record["locality"] == {} and record["rephrase_prompt"] == ZSRE["rephrase_prompt"]
    assert record["portability"]["Reasoning"] == [
        {"prompt": "What is the range of Louise Grandjean?", "ground_truth": [["A3 to A5"]]}
    ]


def test_what_easyedit_cannot_use_is_told_and_left_out():
    fact = Fact(
        record=0,
        prompt="Rome {is} Rome",
        subject="Rome",
        span=(10, 14),
        target_new=None,
        rephrases=("Rome", "Of Rome"),
        locality=(Probe(prompt="Where?", answers=(), group="G"), Probe(prompt="Who?", answers=(("I",),), group="G")),
    )
    written = write_knowedit([fact])
    told = " ".join(written.differs)
    for words in ("no new answer", "more than once", "a brace", "the first of 2 rephrases", "“Where?” names no answer"):
        assert words in told
    assert json.loads(written.text)[0]["locality"] == {"G": [{"prompt": "Who?", "ground_truth": [["I"]]}]}
