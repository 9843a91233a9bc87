"""The golden-layers page's row of numbers, its options in words, and where an answer is from."""

from dataclasses import asdict, replace

import pytest
from view.made import cma_scores, lga_scores

from lga_core.results import Provenance, Selection, Stored
from lga_core.service.reading.method_scores import ScoreChoices
from lga_core.view.words.runs import origin_rows
from lga_core.view.words.scores.headline import headline
from lga_core.view.words.scores.options import differing_options
from lga_core.view.words.sentences import layers_in_words


def cards(lga, cma, rho=0.41, asked=40):
    return {card.label: card for card in headline(lga, cma, rho, asked)}


def picking(scores, *layers, reason=None):
    """The same scores with these golden layers."""
    return replace(
        scores,
        selection=Selection(
            golden_layer=layers[0] if layers else None,
            golden_layers=layers,
            ranking=layers,
            excluded_layers={},
            fences=None,
            reason=reason,
        ),
    )


def test_six_numbers_for_two_scores():
    lga = picking(lga_scores(), 3, 7, 11)
    shown = cards(lga, picking(cma_scores(), 5))
    assert (shown["Golden layer"].value, shown["Golden layer"].below) == ("3", "next 7 and 11")
    assert (shown["CMA’s pick"].value, shown["CMA’s pick"].below) == ("5", "")
    assert (shown["Agreement"].value, shown["Agreement"].below) == ("ρ 0.41", "2 layers apart")
    assert shown["Cost of LGA"].value.endswith(" s") and shown["Cost of LGA"].below.startswith("CMA ")
    assert shown["Facts used"].value == f"{lga.n_facts} of 40" and "known" in shown["Facts used"].below
    assert "layer 3 in " in shown["95 % of picks"].help


@pytest.mark.parametrize(
    ("ours", "theirs", "below"),
    [
        ((3,), (3,), "same layer"),
        ((3,), (4,), "1 layer apart"),
        ((3,), (), "no CMA pick"),
        ((), (3,), "no LGA pick"),
    ],
)
def test_how_far_the_picks_are_apart(ours, theirs, below):
    assert cards(picking(lga_scores(), *ours), picking(cma_scores(), *theirs))["Agreement"].below == below


def test_what_is_not_there_is_said_so():
    shown = cards(None, None, None)
    assert [card.value for card in shown.values()] == ["–", "–", "–", "n/a", "–", "–"]
    alone = cards(None, picking(cma_scores(), reason="no usable fact"), None)
    assert (alone["CMA’s pick"].value, alone["CMA’s pick"].help) == ("n/a", "no usable fact")
    assert cards(lga_scores(), cma_scores(), None)["Agreement"].below == "no order to compare"
    assert alone["Cost"].below == "CMA" and alone["Agreement"].below == "one score only"
    assert cards(replace(lga_scores(), bootstrap=None), None, None)["95 % of picks"].below == "no bootstrap"


def test_only_options_that_are_not_the_papers_are_named():
    assert differing_options(asdict(ScoreChoices(seed=7))) == ""
    other = ScoreChoices(
        seed=0,
        scope="attention",
        normalize="cosine",
        rank="magnitude",
        known="known",
        old="model",
        fences=None,
        window=10,
    )
    assert differing_options(asdict(other)) == (
        "LGA weights: attention · Products: cosine · Order of the totals: by magnitude · Facts that count: "
        "known only · Old answer: always the model's own · no fences · CMA window 10"
    )
    assert differing_options(asdict(ScoreChoices(seed=0, fences=1.5))) == "κ = 1.5"


def test_where_an_answer_is_from():
    source = Provenance(
        key="k" * 64,
        model="m",
        model_fingerprint="f" * 64,
        facts="world",
        facts_fingerprint="a" * 64,
        method="gradients",
        method_version=2,
        settings={"old": "data", "window": None},
        packages={"torch": "2"},
        machine="cpu",
        created="now",
    )
    rows = origin_rows(Stored(provenance=source, complete=True, rows=10, reused=4))
    assert rows["answered"] == "computed now" and rows["rows"] == "10, 4 from the store"
    assert rows["settings"] == "old data, window default" and rows["key"] == "k" * 16
    assert origin_rows(Stored(provenance=source, complete=True, rows=10, reused=10))["answered"] == "from the store"
    assert origin_rows(Stored(provenance=source, complete=False, rows=4))["answered"] == "in part"


def test_layers_in_words():
    assert [layers_in_words(layers) for layers in ((11,), (11, 12), (3, 5, 9), tuple(range(30)))] == [
        "layer 11",
        "layers 11 and 12",
        "layers 3, 5 and 9",
        "layers 0 to 29",
    ]
