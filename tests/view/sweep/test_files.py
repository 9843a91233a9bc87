"""The files of a sweep: CSV and JSON."""

import csv
import io
import json

import numpy as np
import pytest
from view.made import labels
from view.made_sweep import sweep, worth

from lga_core.results import Sweep
from lga_core.view.export.files import sweep_json
from lga_core.view.export.frames.sweeps import sweep_cells, worth_layers, worth_selectors
from lga_core.view.export.frames.table import to_csv


def lines(text):
    return list(csv.DictReader(io.StringIO(text)))


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
