"""Results in a notebook: tables that hold what the results hold, whatever they are kept in, and safe HTML."""

import io
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import tiny_model
from pandas.testing import assert_frame_equal
from view import made_ledger
from view.made import edit_report, lga_scores, token_attribution
from view.made_study import unit
from view.made_sweep import sweep as made_sweep
from view.made_sweep import worth
from worth.swept import ranking_of

from lga_core.data.load import load_facts
from lga_core.editing.ledger import Ledger, extend
from lga_core.editing.settings import RRomeSettings, ValueSettings
from lga_core.errors import LgaError
from lga_core.evaluation.experiments.ledger_report import ledger_report
from lga_core.results import (
    METHOD_TITLES,
    METRICS,
    POSITIONS,
    AverageTrace,
    CausalTrace,
    EditReport,
    LayerScores,
    LedgerReport,
    Race,
    ShownResult,
    StudyUnit,
    Sweep,
    Worth,
)
from lga_core.runs import tasks
from lga_core.runs.experiments import races, sweeps
from lga_core.runs.shipped.study_units import UNITS
from lga_core.runs.storage.store import Store
from lga_core.scores.methods import View
from lga_core.scores.settings import CmaSettings
from lga_core.scores.tracing.average import average_traces
from lga_core.view.export.frames.table import to_csv
from lga_core.view.notebook import FRAMES, ROWS, SHOWN, frame
from lga_core.worth.judging import judge
from lga_core.worth.racing import RaceSettings
from lga_core.worth.selectors import pick_by_sweep

EDITING = RRomeSettings(value=ValueSettings(steps=2), contexts=0, covariance="identity")
HOSTILE = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """One of each kind, measured on the tiny model; the study's unit is a kept one."""
    model, facts = tiny_model("llama", torch.float32), load_facts("world").facts[:4]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LGA_HOME", str(tmp_path_factory.mktemp("home")))
        store = Store()
        scores, _ = tasks.score_layers(model, "world", facts, "lga", None, View(), store)
        cma = CmaSettings(draws=2)
        trace, _ = tasks.trace_fact(model, "world", facts[0], "mlp", cma, facts, store)
        average = average_traces([trace])
        attribution, _ = tasks.attribute_fact(model, "world", facts[0], 4, "data", store)
        report, _ = tasks.trial(model, "world", facts[0], (1, 2), "r-rome", EDITING, store, diagnose=False)
        swept, _ = sweeps.sweep(model, "world", facts, range(4), "r-rome", EDITING, store)
        how = RaceSettings(candidates=2, block=2, draws=10)
        counted = [replace(fact, dropped_locality=number) for number, fact in enumerate(facts[:2])]
        book = ledger_report(model, extend(model, Ledger(), counted, "r-rome", [1], EDITING, "sequential"))
        race, _ = races.race(model, "world", facts, ranking_of((1, 2, 0, 3)), "r-rome", EDITING, how, store)
    picks = [pick_by_sweep(swept)]
    kept = StudyUnit.from_json(min(UNITS.glob("*.json")).read_bytes())
    judged = judge(picks, swept, in_sample=True, draws=10)
    results = (scores, trace, average, attribution, report, book, swept, race, judged, kept)
    return {type(result): result for result in results}


TABLES = [(kind, of) for kind, tables in FRAMES.items() for of in tables]


def kinds(parent=ShownResult):
    return {parent, *(kind for child in parent.__subclasses__() for kind in kinds(child))} - {ShownResult}


def test_every_result_that_shows_itself_has_its_table_and_its_page():
    assert kinds() == set(FRAMES) == set(SHOWN)


@pytest.mark.parametrize(("kind", "of"), TABLES, ids=[f"{kind.__name__} {of}" for kind, of in TABLES])
def test_tables_come_back_from_parquet_and_csv(kind, of, real):
    result = real[kind]
    rows = result.to_frame(of)
    assert len(rows) and rows.columns.is_unique
    assert_frame_equal(pd.read_parquet(io.BytesIO(rows.to_parquet())), rows)
    again = pd.read_csv(io.StringIO(to_csv(rows)), dtype=rows.dtypes.to_dict(), keep_default_na=False, na_values=[""])
    texts = [name for name, kind in rows.dtypes.items() if kind == "str"]
    assert_frame_equal(again.drop(columns=texts), rows.drop(columns=texts))
    for name in texts:
        assert [value.removeprefix("'") for value in again[name].fillna("")] == list(rows[name].fillna(""))


def test_the_tables_hold_the_results_numbers(real):
    scores, trace, swept = real[LayerScores], real[CausalTrace], real[Sweep]
    by_layer = scores.to_frame()
    np.testing.assert_array_equal(by_layer["total_sum"], scores.total)
    assert by_layer.loc[by_layer["golden"], "layer"].tolist() == [scores.selection.golden_layer]
    facts = scores.to_frame("facts").pivot(index="record", columns="layer", values="value")
    np.testing.assert_array_equal(facts, scores.per_fact)
    cells = trace.to_frame().pivot(index="position", columns="layer", values="effect")
    np.testing.assert_array_equal(cells, trace.effect)
    assert trace.to_frame().query("subject")["position"].unique().tolist() == list(range(*trace.subject))
    average = real[AverageTrace]
    means = average.to_frame().pivot(index="position", columns="layer", values="effect").loc[list(POSITIONS)]
    np.testing.assert_array_equal(means, average.effect)
    assert average.to_frame()["half_width"].isna().all()  # of one fact
    overall = swept.to_frame().pivot(index="record", columns="layer", values="overall")
    np.testing.assert_array_equal(overall, swept.overall)
    np.testing.assert_array_equal(swept.to_frame("layers")["overall"], swept.mean("overall"))


def test_an_edit_has_its_metrics_and_a_race_its_rounds(real):
    report, race = real[EditReport], real[Race]
    metrics = report.to_frame("metrics").set_index("metric")
    assert list(metrics.index) == list(METRICS)
    assert metrics.loc["rewrite", "teacher_forced_after"] == report.after["rewrite"].teacher_forced
    rounds = race.to_frame()
    assert rounds.groupby("round")["layer"].apply(list).tolist() == [list(item.layers) for item in race.rounds]
    assert rounds["mean"].tolist() == [at.mean for item in race.rounds for at in item.standings]


def test_a_ledger_has_its_facts_probes_and_writes(real):
    book = real[LedgerReport]
    facts = book.to_frame().set_index("fact")
    assert facts.index.tolist() == [1, 2] and facts["prompt"].tolist() == [fact.prompt for fact in book.facts]
    for place, fact in enumerate(book.facts, start=1):
        assert facts.loc[place, "rewrite_teacher_forced_before"] == fact.before["rewrite"].teacher_forced
        assert facts.loc[place, "locality_free_now"] == fact.now["locality"].free
        assert facts.loc[place, "rephrase_n"] == fact.now["rephrase"].n
        assert facts.loc[place, "dropped_locality"] == fact.dropped_locality
    probes = book.to_frame("probes")
    assert probes["text_now"].tolist() == [probe.text_after for fact in book.facts for probe in fact.probes]
    assert probes["teacher_forced_now"].tolist() == [probe.after for fact in book.facts for probe in fact.probes]
    writes = book.to_frame("writes")
    assert writes["norm_ratio"].tolist() == [write.norm_ratio for write in book.writes]
    assert writes["target_error"].tolist() == [write.target_errors[0] for write in book.writes]


def test_a_studys_unit_says_what_its_picks_are_worth():
    made = unit(0, without="cma-mlp")
    picks = made.to_frame("picks").set_index("selector")
    lga = next(pick for pick in made.picks if pick.selector == "lga")
    assert picks.loc["lga", "test_overall"] == made.test.mean("overall")[lga.layer]
    assert picks.loc["cma-mlp", "reason"] == "3 usable facts" and pd.isna(picks.loc["cma-mlp", "layer"])
    cells = made.to_frame()
    assert cells.groupby("part").size().to_dict() == {"proxy": 12 * 18, "test": 12 * 18}


def test_a_table_that_there_is_not_is_told_with_those_there_are():
    with pytest.raises(LgaError, match=r"no table 'rows'.*Choose one of layers, facts"):
        lga_scores(4, 4).to_frame("rows")


@pytest.mark.parametrize("kind", SHOWN, ids=lambda kind: kind.__name__)
def test_a_page_has_a_figure_over_a_table(kind, real):
    page = real[kind]._repr_html_()
    alone = kind is Worth  # brute force alone, at no cost: nothing to draw
    assert alone or page.index("Plotly.newPlot") < page.index("<table")
    assert page.count("<table") == 1 and "<th>" in page
    rows = frame(real[kind], SHOWN[kind][2])
    assert (f"{ROWS} of" in page) == (len(rows) > ROWS)


@pytest.mark.parametrize("method", METHOD_TITLES)
def test_the_scores_of_every_method_are_shown(method):
    page = replace(lga_scores(6, 5), method=method)._repr_html_()
    assert METHOD_TITLES[method] in page and "golden layer" in page


def hostile():
    report, scores = edit_report(), lga_scores(2, 2)
    probe = replace(report.probes[0], prompt=HOSTILE, text_after=HOSTILE)
    selection = replace(scores.selection, excluded_layers={0: HOSTILE}, golden_layer=None, reason=HOSTILE)
    tokens = token_attribution()
    return (
        replace(report, prompt=HOSTILE, target_new=HOSTILE, editor=HOSTILE, probes=(probe,)),
        replace(scores, selection=selection),
        replace(tokens, tokens=(HOSTILE, *tokens.tokens[1:])),
        replace(unit(0), model=HOSTILE, title=HOSTILE),
        replace(made_sweep(), editor=HOSTILE),
        made_ledger.report(made_ledger.fact(HOSTILE, 100.0)),
    )


@pytest.mark.parametrize("result", hostile(), ids=lambda result: type(result).__name__)
def test_words_of_others_are_shown_and_never_run(result):
    page = result._repr_html_()
    assert "<img" not in page and "onerror" in page and page.startswith('<div class="tex2jax_ignore mathjax_ignore">')
    scripts = re.findall(r"<script[^>]*>.*?</script>", page, flags=re.DOTALL)
    assert page.count("</script>") == len(scripts)


def test_a_result_without_anything_to_draw_has_its_table():
    nothing = judge([], made_sweep(of=5), in_sample=True)
    excluded = lga_scores()  # its layers without a rank are whole numbers' n/a
    assert (
        excluded.selection.excluded_layers
        and "n/a" in excluded._repr_html_()
        and "NA&gt;" not in excluded._repr_html_()
    )
    assert "<table" in nothing._repr_html_() and "Plotly" not in nothing._repr_html_()
    assert "Plotly" in worth(made_sweep())._repr_html_()
