"""The figures of a sweep, complete and as far as it got."""

from dataclasses import replace

import numpy as np
import pytest
from view.made import cma_scores, labels, lga_scores
from view.made_sweep import cell, picks, sweep, worth

from lga_core.errors import LgaError
from lga_core.results import METRICS, Sweep
from lga_core.view.figures.parts.cells import OVERLAY
from lga_core.view.figures.parts.style import THEMES
from lga_core.view.figures.sweep.best_layers import best_layers
from lga_core.view.figures.sweep.every_layer import every_layer_figure
from lga_core.view.figures.sweep.regret import regret_against_cost
from lga_core.view.figures.sweep.sweep_figure import sweep_figure


def drawn(of, lga=None, **choices):
    return sweep_figure(of, lga, labels=labels(12), **{"layers": 18, "picks": picks(of), **choices})


def named(figure, meta):
    return [trace for trace in figure.data if trace.meta == meta]


def heatmaps(figure):
    return [trace for trace in figure.data if trace.type == "heatmap" and trace.showscale is not False]


def test_every_panel_is_on_one_layer_axis_with_lgas_heatmap_below_the_sweeps():
    figure = drawn(sweep(), lga_scores(12, 18))
    axes = [figure.layout[name] for name in ("xaxis", "xaxis2", "xaxis3", "xaxis4")]
    assert {axis.matches for axis in axes[1:]} == {"x"} and {tuple(axis.range) for axis in axes} == {(-0.5, 17.5)}
    overall, lga = heatmaps(figure)
    assert (overall.zmin, overall.zmax, lga.zmin, lga.zmax) == (0, 100, -1, 1)
    assert figure.layout.yaxis3.domain[0] > figure.layout.yaxis4.domain[1]
    assert figure.layout.yaxis3.ticktext == figure.layout.yaxis4.ticktext


def test_one_fact_at_every_layer_stands_over_its_own_scores_with_best_and_golden_marked():
    of = sweep(1)
    lga, cma = lga_scores(1, 18), cma_scores(1, 18)
    figure = every_layer_figure(of, {"lga": lga, "cma-mlp": cma}, layers=18, best=7, golden=11, chosen=[3])
    axes = [figure.layout[name] for name in ("xaxis", "xaxis2", "xaxis3", "xaxis4")]
    assert {axis.matches for axis in axes[1:]} == {"x"} and {tuple(axis.range) for axis in axes} == {(-0.5, 17.5)}
    assert {trace.text[0]: list(trace.x) for trace in named(figure, "track")} == {
        "golden layer": [11],
        "best for this fact": [7],
        "chosen": [3],
    }
    curves = {trace.name: trace for trace in named(figure, "curve")}
    assert list(curves["Rewrite"].y) == pytest.approx(list(of.after["rewrite"][0]))
    assert len(next(trace for trace in figure.data if trace.type == "bar").x) == 18
    clicked = {row[0] for trace in named(figure, OVERLAY) for row in trace.customdata}
    assert clicked == set(range(18))
    begun = every_layer_figure(sweep(1, of=5), {}, layers=18)
    assert not [trace for trace in begun.data if trace.type == "bar"]
    with pytest.raises(LgaError, match="one fact"):
        every_layer_figure(sweep(2), {}, layers=18)


def test_the_curves_are_the_means_by_layer_with_overall_bold():
    of = sweep()
    curves = {trace.name: trace for trace in named(drawn(of), "curve")}
    assert list(curves) == ["Rewrite", "Rephrase", "Locality", "Portability", "Overall"]
    for name, curve in curves.items():
        assert list(curve.y) == pytest.approx(list(of.mean(name.lower())))
    assert curves["Overall"].line.width > curves["Rewrite"].line.width
    (band,) = named(drawn(of), "band")
    assert min(band.y) < min(curves["Overall"].y) and max(band.y) > max(curves["Overall"].y)


@pytest.mark.parametrize("name", THEMES)
def test_picks_stand_on_the_curve_and_on_the_ruler_and_gold_is_lgas_alone(name):
    of, look = sweep(), THEMES[name]
    chosen = picks(of)
    figure = drawn(of, lga_scores(12, 18), best=5, theme_name=name)
    overall = of.mean("overall")
    points = {trace.name: trace for trace in named(figure, "pick")}
    assert set(points) == {"LGA", "CMA, MLP", "Middle layer", "Brute force", "best layer here"}
    for pick in chosen:
        assert list(points[pick.title].x) == [pick.layer]
        assert points[pick.title].y[0] == pytest.approx(overall[pick.layer])
    assert list(points["best layer here"].x) == [5]
    gold = [
        trace.name or trace.text[0]
        for trace in figure.data
        if trace.type == "scatter" and trace.marker.color == look.gold
    ]
    assert set(gold) == {"LGA"}
    frames = {shape.x0 + 0.5 for shape in figure.layout.shapes if shape.line.color == look.gold}
    assert frames == {chosen[0].own_layer}


def test_a_pick_that_was_not_swept_keeps_its_mark_and_its_stand_in_is_hollow():
    of = Sweep.of(
        [cell(record, layer, dict.fromkeys(METRICS, 50.0)) for record in range(3) for layer in (2, 3)],
        range(3),
        (2, 3),
        "r-rome",
        {},
    )
    pick = replace(picks(sweep())[0], own_layer=9, layer=3, layers=(2, 3))
    figure = drawn(of, picks=[pick])
    (track,) = named(figure, "track")
    assert list(track.x) == [9, 3] and list(track.marker.symbol) == ["diamond", "diamond-open"]
    assert [list(trace.x) for trace in named(figure, "pick")] == [[3]]


def test_every_cell_answers_with_its_layer_record_and_value():
    of = sweep()
    overall, columns = [trace for trace in drawn(of).data if trace.meta == OVERLAY][::-1][:2]
    assert len(overall.x) == 12 * 18
    for index in (0, 100, 215):
        row, layer = divmod(index, 18)
        assert tuple(overall.customdata[index][:3]) == (layer, row, pytest.approx(of.overall[row, layer]))
    assert [row[0] for row in columns.customdata] == list(range(18))
    assert "rewrite 10 →" in overall.text[0] and "n 2" in overall.text[0]
    assert "portability" not in overall.text[2 * 18] and "portability" in overall.text[0]


def test_a_partial_sweep_shows_what_it_has_and_the_rest_is_grey():
    of = sweep(of=100)
    figure = drawn(of, picks=picks(of)[:3])
    (overall,) = heatmaps(figure)
    grey = next(trace for trace in figure.data if trace.type == "heatmap" and trace.showscale is False)
    assert np.isfinite(overall.z).sum() == 100 and np.nansum(grey.z) == 12 * 18 - 100
    notes = [note.text for note in figure.layout.annotations]
    assert any("100 of 216 edits so far" in note for note in notes)
    assert any("mean over the facts measured so far" in note for note in notes)
    curve = named(figure, "curve")[-1]
    assert [value is None for value in curve.y] == [layer > 8 for layer in range(18)]
    cells, columns = [trace for trace in figure.data if trace.meta == OVERLAY][::-1][:2]
    assert "not measured yet" in cells.text[-1] and len(columns.x) == 9


def test_nothing_measured_yet_and_a_range_of_layers_still_have_axes():
    empty = Sweep.of([], range(2), range(4, 8), "r-rome", {})
    figure = drawn(empty, picks=[])
    assert len(heatmaps(figure)[0].z[0]) == 18 and not named(figure, "pick")
    assert "layer not swept" in figure.data[-1].text[0] and "not measured yet" in figure.data[-1].text[4]


def test_facts_are_shown_letter_by_letter():
    spec = drawn(sweep(), lga_scores(12, 18)).to_json()
    assert "<a href" not in spec and "&lt;b&gt;Bold" in spec


def test_what_cannot_be_drawn_is_said():
    with pytest.raises(LgaError, match="no sweep to draw"):
        sweep_figure(Sweep.of([], (), (), "r-rome", {}), None, layers=18, picks=[], labels={})
    with pytest.raises(LgaError, match="different numbers of layers"):
        drawn(sweep(), layers=12)


@pytest.mark.parametrize("name", THEMES)
def test_the_best_layers_of_facts_are_counted(name):
    verdict, look = worth(sweep()), THEMES[name]
    bars = best_layers(verdict, 18, 3, theme_name=name).data[0]
    assert sum(bars.y) == pytest.approx(12) and list(bars.y) == pytest.approx(list(verdict.histogram))
    assert bars.marker.color[3] == look.gold and bars.marker.color[verdict.best_layer] == look.ink


def test_regret_against_cost_has_each_selectors_interval():
    verdict = worth(sweep())
    figure = regret_against_cost(verdict.selectors)
    points = {trace.customdata[0][0]: trace for trace in named(figure, "selector")}
    for item in verdict.selectors:
        point = points[item.pick.title]
        assert point.y[0] == item.regret.value
        assert point.y[0] + point.error_y.array[0] == pytest.approx(max(item.regret.high, item.regret.value))
    assert regret_against_cost([]) is None
