"""The history of a ledger's facts, and the lens of two models."""

import pytest
from view.made_ledger import fact, report

from lga_core.results import LensLayer, TokenChoice
from lga_core.view.figures.edits.ledger_history import ledger_history
from lga_core.view.figures.edits.lens_table import lens_columns
from lga_core.view.figures.parts.style import THEMES

CHANGES = [
    ("wrote Needle", report(fact("Needle", 100.0))),
    ("wrote Tower", report(fact("Needle", 50.0), fact("Tower", 100.0))),
    ("Tower off", report(fact("Tower", 0.0, enabled=False), fact("Needle", 100.0))),
]


@pytest.mark.parametrize("name", THEMES)
def test_a_row_a_fact_in_todays_order_and_a_column_a_change(name):
    figure = ledger_history(CHANGES, "rewrite", theme_name=name)
    cells = figure.data[0]
    assert [list(row) for row in cells.z] == [[None, 100.0, 0.0], [100.0, 50.0, 100.0]]
    assert list(figure.layout.yaxis.ticktext) == ["Tower → &lt;b&gt;Boston", "Needle → &lt;b&gt;Boston"]
    assert "not in the ledger at change 1" in cells.text[0][0] and "wrote Tower" in cells.text[1][1]
    assert cells.texttemplate and THEMES[name].gold not in str(figure.to_dict())


def test_a_cell_is_framed_where_the_edit_is_off():
    (frame,) = ledger_history(CHANGES, "rewrite").layout.shapes
    assert frame.x0 < 3 < frame.x1 and frame.y0 < 0 < frame.y1


def test_the_protocol_stands_beside_the_numbers():
    (note,) = ledger_history(CHANGES, "rewrite").layout.annotations
    assert "percent, teacher-forced, after each change" in note.text


def test_a_fact_that_is_written_twice_is_one_row_that_acts_where_one_entry_does():
    figure = ledger_history(
        [("both", report(fact("Needle", 90.0, enabled=False), fact("Needle", 90.0, entry="b")))], "rewrite"
    )
    assert len(figure.data[0].z) == 1 and not figure.layout.shapes


def test_a_metric_that_no_fact_has_and_very_many_facts():
    assert [list(row) for row in ledger_history(CHANGES, "rephrase").data[0].z] == [[None] * 3] * 2
    many = ledger_history([("wrote many", report(*(fact(f"Tower {n}", 100.0) for n in range(200))))] * 60, "rewrite")
    assert many.layout.height < 2000 and many.data[0].texttemplate is None
    assert len(many.layout.xaxis.tickvals) <= 32


def layer(number: int, *tokens: tuple[str, float]) -> LensLayer:
    return LensLayer(
        layer=number,
        choices=tuple(TokenChoice(token=token, id=len(token), probability=share) for token, share in tokens),
    )


@pytest.mark.parametrize("name", THEMES)
def test_the_lens_has_a_row_a_layer_and_marks_what_the_edit_changed(name):
    before = (layer(0, (" the", 0.25)), layer(1, (" Seattle", 0.75), (" a", 0.1)))
    after = (layer(0, (" the", 0.25)), layer(1, (" <Rome>", 0.5)))
    cells = lens_columns(before, after, theme_name=name).data[0]
    assert [list(row) for row in cells.z] == [[0.25, 0.25], [0.75, 0.5]]
    assert list(cells.text[0]) == ["·the  0.25", "·the  0.25"]
    assert list(cells.text[1]) == ["<b>·Seattle  0.75</b>", "<b>·&lt;Rome&gt;  0.50</b>"]
    assert "·a  0.1" in cells.customdata[1][0]


def test_a_model_that_the_edit_broke_has_no_token():
    cells = lens_columns((layer(0, ("a", 0.5)),), (layer(0),)).data[0]
    assert list(cells.z[0]) == [0.5, None] and cells.text[0][1] == "n/a" and "broke" in cells.customdata[0][1]
