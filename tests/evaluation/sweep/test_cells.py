"""The cells of a sweep against one trial at a time: exactly the same token accuracies, in whatever batches."""

from dataclasses import replace

import pytest
import torch
from conftest import tiny_model
from editing.writing import EXACT, SETTINGS
from evaluation.sweep.sweeping import LAYERS, by_place, settings_of
from reporting import checked
from trying import trial_edit

from lga_core.data.facts import Probe
from lga_core.editing.table import EDITORS
from lga_core.evaluation.experiments import layer_sweep, sweep_edits
from lga_core.evaluation.experiments.layer_sweep import sweep_cells
from lga_core.evaluation.settings import MetricSettings, SweepMetrics
from lga_core.results import METRICS


@pytest.mark.parametrize(
    ("editor", "family"),
    [
        *((editor, "llama") for editor in EDITORS),
        ("r-rome", "gpt2"),
        ("r-rome", "gemma3"),
        ("memit", "gemma3"),
        ("ft-m", "gpt2"),
    ],
)
def test_every_cell_is_what_a_trial_of_its_own_measures(editor, family, some):
    model = tiny_model(family, torch.float32)
    facts = some[:2]
    cells = by_place(checked(sweep_cells(model, facts, LAYERS, editor, settings_of(editor))))
    assert len(cells) == len(facts) * len(LAYERS)
    for fact in facts:
        for layer in LAYERS:
            report = trial_edit(model, fact, (layer,), editor, settings_of(editor), diagnose=False)
            cell = cells[fact.record, layer]
            for name in METRICS:
                assert cell.after[name] == report.after[name].teacher_forced
                assert cell.before[name] == report.before[name].teacher_forced
                assert cell.probes[name] == report.after[name].n
            assert cell.losses == pytest.approx(report.losses[0], rel=1e-4)
            assert cell.delta_norm == pytest.approx(report.delta_norms[0], rel=1e-4, abs=1e-6)
            assert cell.clamped == report.clamped[0]
            assert cell.nll["rewrite"] == pytest.approx(report.target_nll, rel=1e-4)
            assert (cell.target_error is None) == (report.target_errors[0] is None)


@pytest.mark.parametrize(("editor", "slack"), [("emmet", "lam"), ("memit", "m"), ("alphaedit", "l2")])
def test_a_cell_names_what_slack_holds_back_as_a_trial_does(editor, slack, some):
    model = tiny_model("llama", torch.float32)
    settings = replace(EXACT[editor], **{slack: None})
    for cell in checked(sweep_cells(model, some[:2], (2,), editor, settings)):
        report = trial_edit(model, some[cell.record], (2,), editor, settings, diagnose=False)
        assert cell.target_error == pytest.approx(report.target_errors[0], rel=1e-3) and cell.target_error > 1e-4


@pytest.mark.parametrize("answers", ["first", "best"])
def test_a_cell_without_a_cap_is_the_trial_edit_under_either_protocol(answers, some):
    model = tiny_model("gpt2", torch.float32)
    probes = tuple(
        Probe(prompt=f"Question {number} is", answers=(("Rome",), ("London", "Berlin")), group="Reasoning")
        for number in range(12)
    )
    fact = replace(some[0], portability=probes)

    def cell(most):
        metrics = SweepMetrics(answers=answers, probes=most)
        return next(sweep_cells(model, [fact], (1,), "r-rome", SETTINGS, metrics=metrics))

    report = trial_edit(model, fact, (1,), "r-rome", SETTINGS, metrics=MetricSettings(answers=answers), diagnose=False)
    whole, capped = cell(None), cell(10)
    assert whole.after == {name: metric.teacher_forced for name, metric in report.after.items()}
    assert (whole.probes["portability"], capped.probes["portability"]) == (12, 10)


@pytest.mark.parametrize("editor", ["r-rome", "ft-m"])
def test_batch_size_groups_of_layers_and_order_do_not_matter(editor, some, monkeypatch):
    model = tiny_model("gpt2", torch.float32)
    plain = by_place(sweep_cells(model, some, LAYERS, editor, settings_of(editor)))
    monkeypatch.setattr("lga_core.editing.search.contexts.SEARCH_TOKENS", 60)
    monkeypatch.setattr(layer_sweep, "FACTS_AT_ONCE", 2)
    monkeypatch.setattr(layer_sweep, "KEPT_BYTES", 1)  # one layer at a time
    monkeypatch.setattr(sweep_edits, "TOKENS_TOGETHER", 1)
    monkeypatch.setattr("lga_core.evaluation.metrics.forced.BATCH_TOKENS", 40)
    other = by_place(sweep_cells(model, some[::-1], LAYERS[::-1], editor, settings_of(editor)))
    assert plain.keys() == other.keys()
    for place, cell in plain.items():
        assert cell.after == other[place].after
        assert cell.delta_norm == pytest.approx(other[place].delta_norm, rel=1e-4, abs=1e-6)
