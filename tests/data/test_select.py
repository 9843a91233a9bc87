"""Filters, and the split into proxy and test."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lga_core.data.facts import Fact, Probe
from lga_core.data.load import load_facts
from lga_core.data.select import apart_from, keep, relations, search, split, subjects
from lga_core.errors import LgaError


def fact(record: int, subject: str, **parts) -> Fact:
    return Fact(
        record=record, prompt=f"{subject} is", subject=subject, span=(0, len(subject)), **({"target_new": "x"} | parts)
    )


PROBE = Probe(prompt="a", answers=(("b",),), group="Reasoning")
FACTS = (
    fact(0, "A", relation="capital", portability=(PROBE,)),
    fact(1, "B", relation="river"),
    fact(2, "C", portability=(PROBE,), target_new=None),
    fact(3, "D", relation="capital", target_old=("y",)),
)


@pytest.mark.parametrize(
    ("asked", "records"),
    [
        ({}, [0, 1, 2, 3]),
        ({"relations": ["capital"]}, [0, 3]),
        ({"relations": []}, []),
        ({"having": ["portability"]}, [0, 2]),
        ({"having": ["portability", "target_new"]}, [0]),
        ({"relations": {"capital", "river"}, "having": ["target_old"]}, [3]),
    ],
)
def test_keep(asked: dict, records: list[int]) -> None:
    assert [kept.record for kept in keep(FACTS, **asked)] == records


def test_relations() -> None:
    assert relations(FACTS) == {"capital": 2, "river": 1}


SUBJECTS = st.lists(
    st.sampled_from(["Rome", "rome ", "ROME", "Oslo", "Straße", "STRASSE", *"abcdefghijkl"]), min_size=2, max_size=60
)


@given(subjects=SUBJECTS, share=st.floats(0.01, 0.99), seed=st.integers(0, 2**32))
def test_split_has_no_subject_on_both_sides(subjects: list[str], share: float, seed: int) -> None:
    facts = tuple(fact(record, subject) for record, subject in enumerate(subjects))
    plain = [" ".join(subject.casefold().split()) for subject in subjects]
    if len(set(plain)) < 2:
        with pytest.raises(LgaError, match="one subject"):
            split(facts, share, seed)
        return
    proxy, test = split(facts, share, seed)
    assert proxy and test and sorted((*proxy, *test), key=lambda one: one.record) == list(facts)
    assert not {plain[one.record] for one in proxy} & {plain[one.record] for one in test}
    assert [one.record for one in proxy] == sorted(one.record for one in proxy)
    largest = max(map(plain.count, plain))
    assert abs(len(proxy) - share * len(facts)) <= max(largest, share * len(facts))
    assert split(facts, share, seed) == (proxy, test)


def test_split_comes_near_its_share_and_depends_on_its_seed() -> None:
    facts = load_facts("world").facts
    sizes = [len(split(facts, 0.1, seed)[0]) for seed in range(20)]
    assert set(sizes) <= {13, 14, 15}
    assert len({tuple(one.record for one in split(facts, 0.1, seed)[0]) for seed in range(20)}) == 20


@pytest.mark.parametrize("share", [0, 1, -0.5, 2, float("nan")])
def test_split_refuses_a_share_that_leaves_a_side_empty(share: float) -> None:
    with pytest.raises(LgaError, match="Give a share between 0 and 1"):
        split(FACTS, share, 0)


@pytest.mark.parametrize(
    ("words", "records"),
    [
        ("", [0, 1, 2, 3]),
        ("  ", [0, 1, 2, 3]),
        ("CAPITAL", [0, 3]),
        ("capital y", [3]),
        ("capital B", []),
        ("c", [0, 2, 3]),
    ],
)
def test_search_wants_every_word_somewhere(words: str, records: list[int]) -> None:
    assert [one.record for one in search(FACTS, words)] == records


def test_subjects_are_counted_as_the_split_sees_them() -> None:
    assert subjects([fact(0, "Rome"), fact(1, "rome "), fact(2, "Oslo")]) == 2


def test_facts_about_the_subjects_of_others_are_left_out():
    facts = (fact(0, "Space  Needle"), fact(1, "Rome"), fact(2, "space needle"))
    assert [item.record for item in apart_from(facts, [fact(9, "SPACE NEEDLE")])] == [1]
    assert apart_from(facts, []) == facts
