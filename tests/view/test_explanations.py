"""What explains charts and numbers: every chart of the pages has its sentence, names are found as pages write them."""

import ast
from dataclasses import replace
from pathlib import Path

import pytest
from view.made import edit_report

from lga_core.results import METRICS
from lga_core.view.words.charts import chart_sentence, loss_chart
from lga_core.view.words.definitions import definition, definitions

PAGES = Path(__file__).parents[2] / "pages"
KINDS = ("hidden", "mlp", "attn")


def chart_keys() -> set[str]:
    """The keys that pages give to `chart`, those of a trace and of an average by their kinds."""
    calls = [
        node
        for path in PAGES.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "chart"
    ]
    keys = {ast.unparse(call.args[1]).strip("'\"") for call in calls}
    by_kind = {"f'trace_{trace.kind}": "trace", "f'average_{average.kind}": "average"}
    return keys - by_kind.keys() | {f"{name}_{kind}" for name in by_kind.values() for kind in KINDS}


def test_every_chart_says_what_it_shows_and_what_speaks_against_it():
    keys = chart_keys()
    assert len(keys) > 10 and "heat" in keys
    for key in keys | {"heat_totals", "trace_estimate", "loss_training"}:
        shows, _, doubt = chart_sentence(key).partition(" Think again if ")
        assert shows.endswith(".") and doubt.endswith("."), key


def test_a_curve_of_fine_tuning_is_of_no_search():
    searched = edit_report()
    assert "search" in chart_sentence(loss_chart(searched))
    assert "search" not in chart_sentence(loss_chart(replace(searched, target_errors=(None, None))))


@pytest.mark.parametrize(
    ("written", "same"),
    [("Rewrite, n 3", "rewrite"), ("Overall, %", "overall"), ("p ", "p"), ("‖ΔW‖ / ‖W‖", "‖δw‖ / ‖w‖")],
)
def test_a_name_is_found_as_the_pages_write_it(written: str, same: str):
    assert definition(written) == definition(same) is not None


def test_what_one_name_has_of_its_own_is_not_anothers():
    assert definition("Drift, mean KL") != definition("Drift, largest KL")
    assert definition("prompt") is None and definitions(["prompt"]) is None


def test_a_table_lists_every_metric_once():
    lines = (definitions([*METRICS, "prompt", "rewrite"]) or "").splitlines()
    assert [line.split("**")[1] for line in lines] == list(METRICS)


def test_regret_names_the_best_layer_that_is_shown():
    """On held-out facts it is named on one half and measured on the other (METHOD.md §6), not on the same facts."""
    about = definition("regret")
    assert "half" in about and "same facts" not in about
