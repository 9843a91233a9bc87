"""Every row of the reader table, on records written by hand in its format."""

import pytest
from uploading import read_facts

from lga_core.data.facts import Fact, Probe
from lga_core.data.readers import READERS
from tests.data.examples import COUNTERFACT, COUNTERFACT_FLAT, EXAMPLES, FLAT, KNOWN, MEND, WIKIBIO, ZSRE
from tests.data.readers.reading import one, read


@pytest.mark.parametrize("name", READERS)
def test_every_reader_has_an_example_that_it_alone_takes_first(name) -> None:
    example = EXAMPLES[name]
    assert next(other for other, reader in READERS.items() if reader.recognises(example)) == name
    assert {problem.action for problem in read(example).problems} <= {"kept"} and len(read(example).facts) == 1


def test_zsre() -> None:
    assert one(ZSRE) == Fact(
        record=0,
        prompt="What voice type is Louise Grandjean?",
        subject="Louise Grandjean",
        span=(19, 35),
        target_new="mezzo soprano",
        target_old=("soprano",),
        rephrases=("What tone does Louise Grandjean sing in?",),
        locality=(Probe(prompt="Louise Grandjean citizenship", answers=(("France",),), group="Relation_Specificity"),),
        portability=(
            Probe(prompt="What is the range of Louise Grandjean?", answers=(("A3 to A5",),), group="Reasoning"),
        ),
    )


def test_counterfact() -> None:
    assert one(COUNTERFACT) == Fact(
        record=0,
        prompt="May Wright Sewall passed away in",
        subject="May Wright Sewall",
        span=(0, 17),
        target_new="Birmingham",
        target_old=("Indianapolis",),
        rephrases=("Regrets\nXI. May Wright Sewall succumbed at", "May Wright Sewall's life ended in"),
        locality=tuple(
            Probe(prompt=prompt, answers=(("Indianapolis",),), group="Neighborhood")
            for prompt in ("Jake Weber succumbed at", "Robert Hanna died at")
        ),
        portability=(
            Probe(
                prompt="In which city of industry did May Wright Sewall die?",
                answers=(("Birmingham",),),
                group="Reasoning",
            ),
        ),
        relation="P20",
    )


def test_flat() -> None:
    assert one(FLAT) == Fact(
        record=0,
        prompt="The capital of France is",
        subject="France",
        span=(15, 21),
        target_new="Rome",
        target_old=("Paris", "Lutetia"),
        rephrases=("France's capital is", "The main city of France is"),
        locality=(Probe(prompt="The capital of Spain is", answers=(("Madrid",),), group="Relation_Specificity"),),
        portability=(
            Probe(
                prompt="The river of the capital of France is the", answers=(("Tiber", "Tevere"),), group="Reasoning"
            ),
        ),
        relation="capital",
    )


def test_wikibio() -> None:
    assert one(WIKIBIO) == Fact(
        record=0,
        prompt=WIKIBIO["text"],
        subject="Matthew Aylmer",
        span=(69, 83),
        target_new=WIKIBIO["labels"],
        locality=(Probe(prompt="matthew aylmer position held", answers=(("Member",),), group="Relation_Specificity"),),
    )


def test_known_1000() -> None:
    assert one(KNOWN) == Fact(
        record=0,
        prompt="Audible.com is owned by",
        subject="Audible.com",
        span=(0, 11),
        target_new=None,
        target_old=("Amazon",),
        relation="P127",
    )


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("Audible.com is owned by the firm", ["more words: “the firm”"]),
        ("The owner of Audible.com is", ["is not its template's"]),
        ("Audible.com is owned by", []),
    ],
)
def test_known_1000_prompts_beside_their_template(prompt: str, words: list[str]) -> None:
    said = [problem.problem for problem in read(KNOWN | {"prompt": prompt}).problems if "template" in problem.problem]
    assert len(said) == len(words) and all(word in problem for word, problem in zip(words, said, strict=True))


def test_counterfact_flat() -> None:
    assert one(COUNTERFACT_FLAT) == Fact(
        record=0,
        prompt="BMW E23, developed by",
        subject="BMW E23",
        span=(0, 7),
        target_new="Suzuki",
        target_old=("BMW",),
        locality=(Probe(prompt="BMW M3 DTM is a product of", answers=(("BMW",),), group="Neighborhood"),),
    )
    fact_set = read(COUNTERFACT_FLAT | {"rephrase_prompt": "BMW E23 is my favorite of all created by"})
    (problem,) = fact_set.problems
    assert fact_set.facts == (one(COUNTERFACT_FLAT),)
    assert problem.action == "probe dropped" and "“BMW E23 is my favorite" in problem.problem
    as_text = read_facts(
        "t.csv",
        b"case_id,prompt,subject,target_new,rephrase_prompt,locality_prompt,"
        b"locality_ground_truth\n1,Rome is in,Rome,Spain,Rome likes,Oslo is in,Norway\n",
        ".csv",
    )
    assert as_text.facts[0].rephrases == () and as_text.facts[0].locality[0].group == "Neighborhood"


def test_mend() -> None:
    assert one(MEND) == Fact(
        record=0,
        prompt="What state is Rzechówek located?",
        subject="Rzechówek",
        span=(14, 23),
        target_new="Gmina Ustrzyki",
        target_old=("Gmina Sypniewo", "GS"),
        rephrases=("Which State is located in Rzechówek?",),
        locality=(
            Probe(prompt="which is produced in plants of narora", answers=(("Atomic Power",),), group="Unrelated"),
        ),
        portability=(Probe(prompt="In which region is Rzechówek?", answers=(("South",),), group="Reasoning"),),
    )
