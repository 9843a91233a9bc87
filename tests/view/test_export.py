"""What leaves the program is whole, works without a network, and cannot run as a formula or a script."""

import csv
import io
import re

import plotly.graph_objects as go
import pytest
from view.made import PROMPTS, cma_scores, edit_report, labels, lga_scores

from lga_core.view.export.files import standalone_html
from lga_core.view.export.frames.edits import edit_probes
from lga_core.view.export.frames.scores import fact_scores, layer_totals
from lga_core.view.export.frames.table import to_csv
from lga_core.view.figures.parts.style import THEMES
from lga_core.view.figures.scores.layer_heatmaps import layer_heatmaps


def read(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_scores_are_tidy_and_exact():
    lga = lga_scores(6, 5, unused=(3,))
    lines = read(to_csv(fact_scores(lga, labels(6))))
    assert len(lines) == 6 * 5
    line = lines[2 * 5 + 4]
    assert (line["record"], line["layer"], line["known"]) == ("2", "4", "true")
    assert float(line["value"]) == lga.per_fact[2, 4]
    assert {line["value"] for line in lines if line["record"] == "3"} == {""}
    assert any(line["value"].startswith("-") for line in lines)  # numbers stay numbers


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\t=1", "  =1", "\r=1", "＝1", "\n-1"])
def test_text_that_a_spreadsheet_would_run_is_defused(cell):
    lines = read(to_csv(fact_scores(lga_scores(2, 2, unused=()), {0: cell, 1: 'plain, "quoted"'})))
    assert lines[0]["fact"] == "'" + cell
    assert lines[2]["fact"] == 'plain, "quoted"'


def test_totals_name_rank_and_reason():
    lga = lga_scores()
    lines = read(to_csv(layer_totals(lga)))
    assert [float(line["total_sum"]) for line in lines] == list(lga.total)
    golden = [line for line in lines if line["golden"] == "true"]
    assert [(int(line["layer"]), line["rank"]) for line in golden] == [(lga.selection.golden_layer, "1")]
    assert {int(line["layer"]) for line in lines if line["excluded"]} == set(lga.selection.excluded_layers)
    assert {line["pick_share"] for line in read(to_csv(layer_totals(cma_scores())))} == {""}


def test_edits():
    probe = read(to_csv(edit_probes(edit_report())))[0]
    assert probe["text_before"] == '\'=HYPERLINK("http://x")'
    assert probe["text_after"] == 'Boston, and, "so" on'
    assert (probe["layers"], probe["free_before"], probe["free_after"]) == ("11 12", "", "true")


@pytest.mark.parametrize("name", THEMES)
def test_an_exported_page_needs_no_network_and_keeps_its_ground(name):
    figure = layer_heatmaps(lga_scores(9), cma_scores(9), labels=labels(9), theme_name=name)
    before = figure.to_json()
    page = standalone_html(figure, "<script>alert(1)</script>")
    assert figure.to_json() == before
    assert "<script>alert" not in page
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", page)
    assert f"--page: {THEMES[name].page};" in page
    assert len(page) > 1_000_000  # plotly.js is inside


def test_a_fact_cannot_close_the_script_of_an_exported_page():
    text = "</script><img src=x onerror=alert(1)>"
    page = standalone_html(layer_heatmaps(lga_scores(2, 4), None, labels={0: text, 1: PROMPTS[0]}))
    assert "<img src=x" not in page


def test_a_heatmap_without_a_colour_scale_gets_one():
    assert f'"colorscale":[[0,"{THEMES["light"].neutral}"]' in standalone_html(go.Figure(go.Heatmap(z=[[1]])))
