"""The main figure: one layer axis, zero in the middle, every cell clickable, gold on the golden layer alone."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from view.made import cma_scores, labels, lga_scores

from lga_core.errors import LgaError
from lga_core.scores.selection import no_pick
from lga_core.view.figures.parts.cells import OVERLAY
from lga_core.view.figures.parts.ruler import LABEL_WIDTH, NARROWEST, layer_ticks, runs
from lga_core.view.figures.parts.scales import SCALES
from lga_core.view.figures.parts.style import THEMES
from lga_core.view.figures.scores.layer_heatmaps import layer_heatmaps


def drawn(lga, cma, n=32, **choices):
    return layer_heatmaps(lga, cma, labels=labels(n), **choices)


def overlays(figure):
    return [trace for trace in figure.data if trace.meta == OVERLAY]


def heatmaps(figure):
    return [trace for trace in figure.data if trace.type == "heatmap" and trace.showscale is not False]


def test_the_forecast_stands_on_the_same_axis_and_each_heatmap_can_be_hidden():
    lga, cma = lga_scores(8), cma_scores(8)
    forecast = replace(cma_scores(8), method="forecast")
    whole = layer_heatmaps(lga, cma, forecast, labels=labels(8))
    assert len(heatmaps(whole)) == 3
    assert {whole.layout[f"xaxis{panel}"].matches for panel in range(2, 6)} == {"x"}
    fewer = layer_heatmaps(lga, cma, forecast, hidden=("lga", "cma-mlp"), labels=labels(8))
    assert len(heatmaps(fewer)) == 1 and [trace.type for trace in fewer.data].count("bar")
    none = layer_heatmaps(lga, cma, forecast, hidden=("lga", "cma-mlp", "forecast"), labels=labels(8))
    assert not heatmaps(none) and [trace.type for trace in none.data].count("bar")


@pytest.mark.parametrize("layers", [4, 18, 30, 80])
def test_all_panels_share_one_layer_axis(layers):
    figure = drawn(lga_scores(8, layers), cma_scores(8, layers), n=8, published={"ROME": [1]})
    axes = [figure.layout[name] for name in ("xaxis", "xaxis2", "xaxis3", "xaxis4")]
    assert {axis.matches for axis in axes[1:]} == {"x"}
    assert {tuple(axis.range) for axis in axes} == {(-0.5, layers - 0.5)}
    assert len({tuple(axis.ticktext) for axis in axes}) == 1


@pytest.mark.parametrize("scale", SCALES)
def test_zero_is_the_middle_of_the_signed_scale(scale):
    signed, effect = heatmaps(drawn(lga_scores(), cma_scores(), scale=scale))
    assert (signed.zmid, signed.zmin, signed.zmax) == (0, -1, 1)
    assert effect.zmin > -1
    assert signed.hoverinfo == effect.hoverinfo == "skip"


@pytest.mark.parametrize(("n", "layers"), [(1, 4), (32, 18), (41, 30), (200, 80)])
def test_every_cell_answers_with_its_layer_record_and_raw_value(n, layers):
    lga, cma = lga_scores(n, layers), cma_scores(n, layers)
    first, second, columns = overlays(drawn(lga, cma, n=n))
    for trace, scores in ((first, lga), (second, cma)):
        assert len(trace.x) == n * layers
        for index in (0, n * layers - 1, n * layers // 2):
            row, layer = divmod(index, layers)
            value = scores.per_fact[row, layer]
            assert (trace.x[index], trace.y[index]) == (layer, row)
            assert tuple(trace.customdata[index][:3]) == (layer, row, None if np.isnan(value) else value)
        assert trace.marker.opacity == 0 and trace.unselected.marker.opacity == 0
        assert trace.selected.marker.opacity == 0 and trace.marker.maxdisplayed == 1
    assert [row[0] for row in columns.customdata] == list(range(layers))


def test_facts_not_used_are_grey_say_why_and_are_no_zero():
    figure = drawn(lga_scores(unused=(3,)), None)
    cells, grey = (trace for trace in figure.data if trace.type == "heatmap")
    assert np.isnan(cells.z[3]).all()
    assert (np.array(grey.z)[3] == 1).all() and np.isnan(np.array(grey.z)[[0, 1, 2, 4]]).all()
    assert {color for _, color in grey.colorscale} == {THEMES["light"].empty}
    text = overlays(figure)[0].text[3 * 18]
    assert "not used: the model does not know this fact" in text


def test_excluded_layers_are_hatched_and_no_others():
    lga = lga_scores()
    bars = next(trace for trace in drawn(lga, cma_scores()).data if trace.type == "bar")
    hatched = [layer for layer, shape in enumerate(bars.marker.pattern.shape) if shape]
    assert hatched == sorted(lga.selection.excluded_layers) != []


def gold_places(figure, look):
    """Where gold occurs: kinds of place with the layers they mark."""
    places = []
    for trace in figure.data:
        color = trace.marker.color if "marker" in trace else None
        if trace.type == "bar":
            places += [("bar", layer) for layer, one in enumerate(color) if one == look.gold]
        elif color == look.gold:
            places += [("track", layer) for layer in trace.x]
    places += [("frame", shape.x0 + 0.5) for shape in figure.layout.shapes if shape.line.color == look.gold]
    return places


@pytest.mark.parametrize("name", THEMES)
def test_gold_marks_the_golden_layer_and_nothing_else(name):
    lga, look = lga_scores(), THEMES[name]
    figure = drawn(lga, cma_scores(), theme_name=name, chosen=[2, 3], published={"ROME": [5]})
    golden = lga.selection.golden_layer
    places = gold_places(figure, look)
    assert {kind for kind, _ in places} == {"bar", "track", "frame"}
    assert {layer for kind, layer in places if kind != "track"} == {golden}
    assert {layer for kind, layer in places if kind == "track"} == set(lga.selection.golden_layers)
    marked = [text for text in figure.layout.xaxis2.ticktext if look.gold_text in text]
    assert marked == [f"<b><span style='color:{look.gold_text}'>{golden}</span></b>"]


def test_without_a_pick_there_is_no_gold_and_the_figure_stands():
    lga = lga_scores()
    look = THEMES["light"]
    spec = drawn(replace(lga, selection=no_pick("no usable fact")), cma_scores()).to_json()
    assert look.gold not in spec and look.gold_text not in spec


@pytest.mark.parametrize("present", ["lga", "cma"])
def test_one_score_alone_has_two_panels_on_one_axis(present):
    lga, cma = (lga_scores(), None) if present == "lga" else (None, cma_scores())
    figure = drawn(lga, cma)
    assert len(heatmaps(figure)) == 1
    assert {name for name in figure.layout.to_plotly_json() if name.startswith("xaxis")} == {
        "xaxis",
        "xaxis2",
        "xaxis3",
    }
    base = {trace.yaxis for trace in figure.data if trace.type in ("bar", "scatter")}
    overlaid = {axis for axis in base if figure.layout[f"yaxis{axis[1:]}"].overlaying}
    for axis in overlaid:  # an axis can only lie over one that has a trace of its own
        assert figure.layout[f"yaxis{axis[1:]}"].overlaying in base


def test_chosen_and_published_layers_have_named_tracks_and_dashed_frames():
    figure = drawn(lga_scores(), cma_scores(), chosen=[11, 12, 15], published={"<b>ROME": [5], "none": []})
    assert list(figure.layout.yaxis.ticktext) == ["LGA golden", "CMA, MLP pick", "chosen", "published, &lt;b&gt;ROME"]
    rects = [shape for shape in figure.layout.shapes if shape.type == "rect"]
    frames = {(shape.x0, shape.x1) for shape in rects if shape.line.dash == "dot"}
    assert frames == {(10.5, 12.5), (14.5, 15.5)}


def test_labels_are_short_escaped_and_hidden_when_there_are_many():
    few, many = drawn(lga_scores(40), None, n=40), drawn(lga_scores(41), None, n=41)
    assert "&lt;b&gt;Bold&lt;/b&gt;" in few.layout.yaxis2.ticktext[7]
    assert "<" not in few.layout.yaxis2.ticktext[7]
    assert "…" in few.layout.yaxis2.ticktext[3]
    assert "Bayerische Motoren Werke" in overlays(few)[0].text[3 * 18]
    assert many.layout.yaxis2.showticklabels is False


def test_untrusted_text_is_never_in_a_template():
    figure = drawn(lga_scores(), cma_scores())
    for trace in overlays(figure):
        assert "Bold" not in trace.hovertemplate
        assert not any("<a" in text for text in trace.text)


@pytest.mark.parametrize("values", [np.zeros((3, 6)), np.full((3, 6), np.nan)])
@pytest.mark.parametrize("scale", SCALES)
def test_flat_and_empty_scores_are_drawn_without_a_warning(values, scale, recwarn):
    lga = lga_scores(3, 6, unused=(), excluded=False)
    flat = replace(lga, per_fact=values, total=values[0])
    cma = replace(cma_scores(3, 6, unused=()), per_fact=values, total=values[0])
    spec = json.loads(drawn(flat, cma, n=3, scale=scale).to_json())
    assert all(np.isfinite(spec["layout"][axis]["range"]).all() for axis in ("yaxis4", "yaxis8"))
    assert not recwarn.list


def test_nothing_to_draw_and_unlike_models_are_refused():
    with pytest.raises(LgaError, match="no score"):
        drawn(None, None)
    with pytest.raises(LgaError, match="different numbers of layers"):
        drawn(lga_scores(4, 6), cma_scores(4, 8), n=4)


@pytest.mark.parametrize("layers", [1, 4, 18, 30, 48, 80, 126])
def test_ruler_labels_never_touch_and_the_first_mark_is_always_there(layers):
    marked = [layers // 2, layers // 2 + 1, layers - 1]
    ticks = layer_ticks(layers, marked)
    assert marked[0] in ticks
    assert all((after - before) * NARROWEST / layers >= LABEL_WIDTH for before, after in itertools.pairwise(ticks))
    assert layers > 30 or ticks == list(range(layers))


def test_runs_of_layers():
    assert runs([12, 11, 15, 11]) == [(11, 12), (15, 15)]
