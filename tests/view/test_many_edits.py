"""The curves of many edits, and where they collapse in words."""

from dataclasses import replace

import pytest

from lga_core.results import EditCheckpoint, ManyEdits
from lga_core.view.figures.edits.many_edits import LINES, many_edits_curves
from lga_core.view.figures.parts.style import THEMES
from lga_core.view.words.edits.many import COLLAPSE_RULE, checkpoint_rows, collapse_sentence, counts_sentence


def made(*rows: tuple[int, float | None, float | None]) -> ManyEdits:
    checkpoints = tuple(
        EditCheckpoint(
            edits=edits,
            rewrite=rewrite,
            latest=rewrite,
            rephrase=None if rewrite is None else rewrite / 2,
            locality=100.0 - edits / 10,
            n_rewrite=edits,
            n_latest=25,
            n_rephrase=edits,
            n_locality=100,
            kl=kl,
            fluency=600.0 - edits,
            norm_ratios=(edits / 1000, None) if edits else (),
        )
        for edits, rewrite, kl in rows
    )
    return ManyEdits(editor="r-rome", layers=(4,), settings={}, how={}, planned=500, checkpoints=checkpoints)


COLLAPSING = made((0, None, 0.0), (25, 96.0, 0.02), (50, 80.0, 0.2), (75, 40.0, 0.9))


@pytest.mark.parametrize("name", THEMES)
def test_a_curve_a_metric_and_the_collapse_as_a_band(name):
    figure = many_edits_curves(COLLAPSING, theme_name=name)
    assert [curve.name for curve in figure.data[:4]] == [line[0] for line in LINES.values()]
    assert list(figure.data[0].x) == [0, 25, 50, 75] and list(figure.data[0].y) == [None, 96.0, 80.0, 40.0]
    assert list(figure.data[6].y) == [None, 0.025, 0.05, 0.075]
    (band,) = [shape for shape in figure.layout.shapes if shape.type == "rect"]
    assert (band.x0, band.x1) == (50, 75)
    assert "50 edits" in str(figure.data[0].customdata) and THEMES[name].gold not in str(figure.to_dict())


def test_no_band_where_nothing_collapses():
    figure = many_edits_curves(made((0, None, 0.0), (25, 96.0, 0.02)))
    assert not [shape for shape in figure.layout.shapes if shape.type == "rect"]
    many_edits_curves(made())  # nothing measured yet


@pytest.mark.parametrize(
    "result, words",
    [
        (
            COLLAPSING,
            "Collapse begins between 50 and 75 edits: rewrite of all edits fell to 40 %, from 96 % at first and "
            "drift reached 0.9 nats.",
        ),
        (made((0, None, 0.0), (25, 96.0, 0.02)), "No collapse up to 25 edits."),
        (made((0, None, 0.0)), "Nothing is edited yet."),
        (
            made((0, None, 0.0), (25, 96.0, None)),
            "Collapse begins between 0 and 25 edits: the model’s probabilities are no finite numbers any more.",
        ),
    ],
)
def test_where_it_collapses_in_words(result, words):
    assert collapse_sentence(result) == words
    assert "half of its first value" in COLLAPSE_RULE and "0.5 nats" in COLLAPSE_RULE
    assert "n 75" in counts_sentence(COLLAPSING) and counts_sentence(made()) == ""


def test_a_mean_over_facts_has_its_n_beside_it():
    last = checkpoint_rows(COLLAPSING)[-1]
    assert (last["n"], last["n, latest"], last["n, rephrase"]) == (75, 25, 75)


def test_the_probes_that_are_not_asked_are_named():
    capped = replace(COLLAPSING, left_out={"locality": {"Neighborhood": 12}}, dropped_locality=2)
    assert counts_sentence(capped).endswith(
        "12 probes left out, over the caps of the run: locality Neighborhood 12. "
        "2 locality probes dropped: the new answer is the one expected."
    )
