"""The figures, words and files of a sweep, complete and as far as it got."""

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from view.made import cma_scores, labels, lga_scores
from view.made_sweep import cell, picks, sweep, worth

from lga_core.errors import LgaError
from lga_core.results import METRICS, Cost, Estimate, Sweep
from lga_core.view.export.files import sweep_json
from lga_core.view.export.frames.sweeps import sweep_cells, worth_layers, worth_selectors
from lga_core.view.export.frames.table import to_csv
from lga_core.view.figures.parts.cells import OVERLAY
from lga_core.view.figures.parts.style import THEMES
from lga_core.view.figures.sweep.best_layers import best_layers
from lga_core.view.figures.sweep.every_layer import every_layer_figure
from lga_core.view.figures.sweep.regret import regret_against_cost
from lga_core.view.figures.sweep.sweep_figure import sweep_figure
from lga_core.view.words.sweep import sentences as sweep_words
from lga_core.view.words.sweep.cards import sweep_cards
from lga_core.worth.judging import judge


def drawn(of, lga=None, **choices):
    return sweep_figure(of, lga, labels=labels(12), **{"layers": 18, "picks": picks(of), **choices})


def named(figure, meta):
    return [trace for trace in figure.data if trace.meta == meta]


def heatmaps(figure):
    return [trace for trace in figure.data if trace.type == "heatmap" and trace.showscale is not False]


def lines(text):
    return list(csv.DictReader(io.StringIO(text)))


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


def test_the_figure_in_words_names_the_picks_and_the_best_layer():
    judged_sweep = worth(sweep())
    text = sweep_words.figure_in_words(judged_sweep)
    assert f"Layer {judged_sweep.best_layer} is the best on average. LGA picks layer" in text
    assert "is the best" not in sweep_words.figure_in_words(replace(judged_sweep, best_layer=None, selectors=()))


def test_time_is_not_known_before_the_first_batch_and_is_projected_after_it():
    assert sweep_words.remaining([sweep(of=0)]) == (0, 216, None)
    assert "not known yet" in sweep_words.remaining_sentence([sweep(of=0)])
    assert sweep_words.remaining([sweep(of=16), sweep(of=0)]) == (16, 432, pytest.approx(1.5 * 416))
    assert sweep_words.remaining([]) == (0, 0, None)
    assert "at 1.5 s each" in sweep_words.remaining_sentence([sweep(of=16)])
    assert sweep_words.remaining_sentence([sweep()]) == "All 216 edits are measured."


def test_a_layer_that_is_measured_tells_its_own_pace():
    made = [
        replace(cell(record, layer, dict.fromkeys(METRICS, 50.0)), cost=Cost(seconds=seconds))
        for record, layer, seconds in ((0, 0, 4.0), (1, 0, 6.0), (0, 1, 2.0))
    ]
    of = Sweep.of(made, range(4), range(3), "r-rome", {})
    assert sweep_words.remaining([of]) == (3, 12, pytest.approx(2 * 5.0 + 3 * 2.0 + 4 * 4.0))


def judged(regrets, seconds, *, in_sample=False):
    """Selectors with given picks on a sweep whose layers lose 0, 10, 20 … points."""
    of = Sweep.of(
        [cell(record, layer, dict.fromkeys(METRICS, 90.0 - 10 * layer)) for record in range(4) for layer in range(5)],
        range(4),
        range(5),
        "r-rome",
        {},
    )
    base = picks(of)
    made = [
        replace(
            base[0],
            selector=name,
            title=name.upper(),
            layer=layer,
            own_layer=layer,
            ranking=(layer,),
            cost=Cost(seconds=seconds[name]),
        )
        for name, layer in regrets.items()
    ]
    return judge([*made, base[-1]], of, in_sample=in_sample, draws=20)


def test_the_recommendation_names_the_lowest_regret_and_says_where_it_was_judged():
    verdict = judged({"lga": 2, "forecast": 1}, {"lga": 1.0, "forecast": 3.0})
    text = sweep_words.recommendation(verdict)
    assert text.startswith("FORECAST loses least of 2 selectors: layer 1 is 10.0 points below the best layer")
    assert "on 4 facts held out from the picks, found 10 times faster than by the sweep." in text
    assert "LGA: layer 2, 20.0 points below the best layer" in text
    assert "in-sample, so flattering" in sweep_words.recommendation(judged({"lga": 2}, {"lga": 1.0}, in_sample=True))


def test_a_pick_above_what_halves_name_and_one_of_too_few_facts_say_so():
    verdict = judged({"lga": 2}, {"lga": 1.0})
    lga = verdict.selectors[0]
    above = replace(lga, regret=Estimate(value=-2.0, low=-4.0, high=1.0, n=4))
    text = sweep_words.recommendation(replace(verdict, selectors=(above,)))
    assert "layer 2 is 2.0 points above the layer that half of the facts name as the best" in text
    few = sweep_words.recommendation(replace(verdict, selectors=(replace(lga, regret=Estimate()),)))
    assert "layer 2 is at Overall 70.0 (70.0 to 70.0) %, with too few facts for a regret" in few


def test_among_equals_the_cheapest_is_named_and_the_others_counted():
    verdict = judged({"lga": 0, "forecast": 0, "middle": 0}, {"lga": 2.0, "forecast": 1.0, "middle": 3.0})
    assert sweep_words.recommended(verdict).pick.selector == "forecast"
    assert "layer 0 is the best layer" in sweep_words.recommendation(verdict)
    assert "So do 2 others, LGA among them." in sweep_words.recommendation(verdict)


def test_the_sweep_itself_is_never_recommended_and_without_scores_nothing_is():
    of = sweep()
    alone = judge([picks(of)[-1]], of, in_sample=True, draws=5)
    assert sweep_words.recommended(alone) is None and "No selector can be judged" in sweep_words.recommendation(alone)
    assert "is optimistic" in sweep_words.optimum_sentence(alone)
    none = judge([], sweep(of=5), in_sample=True)
    assert none.best_layer is None and "No fact is measured" in sweep_words.optimum_sentence(none)


def test_cards_say_of_what_reading_a_pick_is_and_what_cannot_be_had_has_no_unit():
    of = sweep()
    cards = {card.label: card for card in sweep_cards(worth(of), of)}
    assert "With the default options, of the facts that can be edited." in cards["Golden layer"].help
    assert cards["Optimum"].value.endswith(" %") and cards["Best layer"].below.endswith(" %")
    begun = sweep(of=5)
    cards = {card.label: card for card in sweep_cards(judge([], begun, in_sample=True), begun)}
    assert (cards["Best layer"].below, cards["Optimum"].value) == ("Overall n/a", "n/a")
    assert not [card for card in cards.values() if "n/a %" in f"{card.value} {card.below} {card.help}"]


def test_csv_has_a_line_a_measured_cell_and_defuses_formulas():
    of = sweep(of=20)
    rows = lines(to_csv(sweep_cells({"proxy": of, "test": sweep(of=3)}, {"proxy": labels(12)})))
    assert len(rows) == 23 and rows[0]["part"] == "proxy" and rows[-1]["part"] == "test"
    assert float(rows[0]["overall"]) == of.overall[0, 0]
    assert {line["fact"] for line in rows if line["record"] == "8"} == {"'=SUM(A1:A9) is a formula of"}
    without = next(line for line in rows if line["record"] == "2")
    assert without["portability"] == "" and without["rewrite"] != ""


def test_csv_of_selectors_and_layers_says_what_the_tables_say():
    verdict = worth(sweep())
    by_name = {line["selector"]: line for line in lines(to_csv(worth_selectors(verdict)))}
    lga = verdict.selectors[0]
    assert float(by_name["lga"]["regret"]) == lga.regret.value and by_name["lga"]["judged_on"] == "the same facts"
    assert float(by_name["lga"]["times_cheaper_than_the_sweep"]) == pytest.approx(324 / 3.1)
    assert by_name["middle"]["times_cheaper_than_the_sweep"] == ""
    layers = lines(to_csv(worth_layers(verdict)))
    assert [line["layer"] for line in layers if line["best_on_average"] == "true"] == [str(verdict.best_layer)]
    assert float(layers[3]["overall"]) == verdict.mean["overall"][3] and layers[3]["portability_n"] == "8"


def test_json_comes_back_as_the_sweep_that_it_was():
    of = sweep(of=30)
    content = json.loads(sweep_json({"proxy": of}, None, {}))
    again = Sweep.from_json(json.dumps(content["sweeps"]["proxy"]))
    np.testing.assert_array_equal(again.overall, of.overall)
    assert content["worth"] is None


def test_a_layer_that_stands_for_one_that_was_not_swept_is_explained_by_its_own_number():
    judged = worth(sweep(n=4, layers=4))
    assert sweep_words.stand_in_sentence(judged) == ""
    first, *others = judged.selectors
    restricted = replace(first, pick=replace(first.pick, own_layer=3, layer=1))
    said = sweep_words.stand_in_sentence(replace(judged, selectors=(restricted, *others)))
    assert said == "3 → 1: layer 3 was not swept; the best-ranked layer that was stands for it."
