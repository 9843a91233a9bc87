"""Diagnostics against plain reference numbers, and their warnings on edits that blow up or do nothing."""

import dataclasses
import json

import pytest
import torch
from conftest import tiny_model
from reporting import Collect, assert_nothing_open, cancel_at
from trying import trial_edit

from lga_core.data.load import SHIPPED
from lga_core.editing.editors.rome import r_rome
from lga_core.editing.edits import DenseEdit, LowRankEdit, applied
from lga_core.editing.settings import RankOneSettings, ValueSettings
from lga_core.evaluation.side_effects import diagnostics, fluency
from lga_core.evaluation.side_effects.diagnostics import diagnose, neutral_prompts, norm_ratios, target_nll
from lga_core.evaluation.side_effects.fluency import continuation
from lga_core.progress import Cancelled, Phase
from lga_core.results import Diagnostics, EditReport
from lga_core.runs.storage.store import Store
from lga_core.runs.tasks import trial

SETTINGS = RankOneSettings(
    value=ValueSettings(steps=6, learning_rate=0.02, weight_decay=0.0), contexts=0, covariance="identity"
)


@pytest.fixture(autouse=True)
def short_texts(monkeypatch):
    monkeypatch.setattr(fluency, "LENGTH", 12)


def low_rank(model, layer, size=1.0, seed=0):
    down, generator = model.architecture.blocks[layer].down, torch.Generator().manual_seed(seed)
    return LowRankEdit(
        layer=layer,
        matrix=down.name,
        left=size * torch.randn(1, down.d_out, generator=generator),
        right=0.1 * torch.randn(1, down.d_in, generator=generator),
    )


def dense(model, layer, size=0.1):
    down = model.architecture.blocks[layer].down
    generator = torch.Generator().manual_seed(1)
    return DenseEdit(
        layer=layer, matrix=down.name, delta=size * torch.randn(down.d_out, down.d_in, generator=generator)
    )


def log_p(model, prompt):
    with torch.no_grad():
        return model.model(input_ids=torch.tensor([model.tokenizer(prompt)["input_ids"]])).logits[0, -1].log_softmax(-1)


def test_the_neutral_prompts_are_ours_fifty_and_neutral():
    prompts = neutral_prompts()
    assert len(prompts) == len(set(prompts)) == 50
    assert all(prompt == prompt.strip() and 2 <= len(prompt.split()) <= 12 for prompt in prompts)
    subjects = {record["subject"] for path in SHIPPED.glob("*.json") for record in json.loads(path.read_text())}
    assert subjects and not [prompt for prompt in prompts if any(subject in prompt for subject in subjects)]


@pytest.mark.parametrize("make", [low_rank, dense])
def test_drift_is_the_kl_divergence_prompt_by_prompt(tiny, facts, make):
    edits = [make(tiny, 1)]
    before = [log_p(tiny, prompt) for prompt in neutral_prompts()]
    with applied(tiny, edits):
        after = [log_p(tiny, prompt) for prompt in neutral_prompts()]
    expected = [float((old.exp() * (old - new)).sum()) for old, new in zip(before, after, strict=True)]
    measured = diagnose(tiny, facts[0], edits)
    assert measured.kl == pytest.approx(sum(expected) / 50, rel=1e-6) and measured.kl > 0
    assert measured.kl_largest == pytest.approx(max(expected), rel=1e-6)
    assert measured.n_prompts == 50
    assert measured.text_before == continuation(tiny, facts[0].prompt, (), 0)
    assert measured.text_after == continuation(tiny, facts[0].prompt, edits, 0)
    assert measured.fluency_after == fluency.fluency(measured.text_after)


@pytest.mark.parametrize("layers", [(1,), (3,), (2, 1)])
def test_drift_is_the_same_from_whichever_block_it_goes_on(layers, facts, monkeypatch):
    edits = [low_rank(tiny_model("gpt2"), layer) for layer in layers]
    found = []
    for kept in (1, diagnostics.KEPT_BYTES):  # from the first block on, from the edited one on
        monkeypatch.setattr(diagnostics, "KEPT_BYTES", kept)
        found.append(diagnose(tiny_model("gpt2"), facts[0], edits))
    assert found[0].kl == pytest.approx(found[1].kl, rel=1e-6) and found[0].kl > 0


def test_half_precision_is_compared_in_float32(facts):
    model = tiny_model("llama", torch.bfloat16)
    measured = diagnose(model, facts[0], [low_rank(model, 1, 1e-6)])
    assert 0 <= measured.kl < 1e-2


def test_ratios_are_of_the_summed_change_by_layer(tiny):
    edits = [low_rank(tiny, 2), low_rank(tiny, 0), low_rank(tiny, 2, seed=5), dense(tiny, 1), low_rank(tiny, 1)]
    weights = [tiny.architecture.blocks[layer].down.weight for layer in range(3)]
    deltas = [edits[1].delta, edits[3].delta + edits[4].delta, edits[0].delta + edits[2].delta]
    expected = [float(delta.norm() / weight.norm()) for delta, weight in zip(deltas, weights, strict=True)]
    assert norm_ratios(tiny, edits) == pytest.approx(expected, rel=1e-5)
    undone = dataclasses.replace(edits[0], left=-edits[0].left)
    assert norm_ratios(tiny, [edits[0], undone]) == pytest.approx((0.0,), abs=1e-6)


def test_a_change_of_a_matrix_of_zeros_has_no_ratio_and_is_not_said_to_have_blown_up(facts):
    model = tiny_model("llama", torch.float32)
    model.architecture.blocks[1].down.module.weight.zero_()
    measured = diagnose(model, facts[0], [low_rank(model, 1)])
    assert measured.norm_ratios == (None,) and measured.kl > 0
    assert not [warning for warning in measured.warnings if "finite" in warning]


def test_no_edit_did_not_take_and_says_so(tiny, facts):
    measured = diagnose(tiny, facts[0], ())
    assert (measured.kl, measured.kl_largest, measured.norm_ratios) == (0.0, 0.0, ())
    assert measured.text_before == measured.text_after and measured.fluency_before == measured.fluency_after
    assert len(measured.warnings) == 1 and "did not take" in measured.warnings[0]


def test_an_edit_that_left_its_fact_where_it_was_is_a_warning(facts):
    model = tiny_model("llama")
    edit = low_rank(model, 1, 1e-3)
    assert abs(target_nll(model, facts[0], [edit]) - target_nll(model, facts[0], ())) < 0.1
    measured = diagnose(model, facts[0], [edit])
    assert measured.kl > 1e-9
    assert len(measured.warnings) == 1 and "did not take" in measured.warnings[0]


def test_an_edit_that_blows_up_is_a_warning_with_its_bounds(tiny, facts, monkeypatch):
    monkeypatch.setattr(diagnostics, "KL_BOUND", 0.1)  # a random model's answers cannot drift so far
    measured = diagnose(tiny, facts[0], [low_rank(tiny, 0, 1e4)])
    blown_up = [warning for warning in measured.warnings if "blew up" in warning]
    assert len(blown_up) == 2 and all("bound" in warning for warning in blown_up)


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma3"])
def test_outputs_that_are_not_finite_are_none_and_a_warning(family, facts):
    model = tiny_model(family, torch.float32)
    measured = diagnose(model, facts[0], [low_rank(model, 0, float("inf"))])
    assert measured.kl is None and measured.kl_largest is None
    assert any("no longer finite" in warning for warning in measured.warnings)
    again = Diagnostics.from_json(measured.to_json())
    assert again.kl is None and again.warnings == measured.warnings


def test_an_edit_that_writes_its_fact_has_no_warning_of_that(facts):
    """R-ROME on a tiny model brings the new answer's nll down; a precise edit may leave neutral prompts alone."""
    model = tiny_model("llama", torch.float32)
    settings = dataclasses.replace(SETTINGS, value=dataclasses.replace(SETTINGS.value, steps=20, learning_rate=0.2))
    (written,) = r_rome(model, [facts[0]], [2], settings)
    assert target_nll(model, facts[0], [written.edit]) < target_nll(model, facts[0], ()) - diagnostics.NOTHING_NLL
    measured = diagnose(model, facts[0], [written.edit])
    assert not [warning for warning in measured.warnings if "did not take" in warning]


def test_an_answer_that_was_given_before_need_not_become_likelier(facts, monkeypatch):
    model = tiny_model("llama", torch.float32)
    monkeypatch.setattr(diagnostics, "NOTHING_NLL", 2 * target_nll(model, facts[0], ()))
    measured = diagnose(model, facts[0], [low_rank(model, 0, 0.0)])
    assert not [warning for warning in measured.warnings if "did not take" in warning]


def test_a_trial_edit_carries_its_diagnostics(tiny, facts):
    report = trial_edit(tiny, facts[0], (1, 2), "r-rome", SETTINGS)
    assert report.diagnostics.norm_ratios == pytest.approx(
        [delta / weight for delta, weight in zip(report.delta_norms, report.weight_norms, strict=True)], rel=1e-4
    )
    assert report.diagnostics.kl > 0
    assert EditReport.from_json(report.to_json()) == report
    assert trial_edit(tiny, facts[0], (1,), "r-rome", SETTINGS, diagnose=False).diagnostics is None


def test_the_store_knows_a_trial_with_diagnostics_from_one_without(facts, tmp_path):
    model, store = tiny_model("llama", torch.float32), Store(tmp_path / "store")

    def asked(**how):
        return trial(model, "facts", facts[0], [1], "r-rome", SETTINGS, store, **how)

    with_them, without = asked(), asked(diagnose=False)
    assert with_them[0].diagnostics is not None and without[0].diagnostics is None
    assert asked()[1].from_store and asked(diagnose=False)[1].from_store
    assert asked()[0].diagnostics == with_them[0].diagnostics


def test_another_text_in_the_same_file_is_another_question(facts, tmp_path):
    model, store, path = tiny_model("gpt2", torch.float32), Store(tmp_path / "store"), tmp_path / "text.txt"
    settings = dataclasses.replace(SETTINGS, covariance=f"file:{path}")

    def asked():
        return trial(model, "facts", facts[0], [1], "r-rome", settings, store, diagnose=False)

    path.write_text("The Space Needle is in downtown Seattle, and more words. " * 60)
    first = asked()[0]
    assert asked()[1].from_store
    path.write_text("Angela Merkel was the chancellor of Germany for years. " * 60)
    again, stored = asked()
    assert not stored.from_store and again.delta_norms != first.delta_norms


def test_it_reports_each_batch_of_prompts_and_each_token(tiny, facts):
    report = Collect()
    diagnose(tiny, facts[0], [low_rank(tiny, 1)], report=report)
    drift = [(step.done, step.total) for step in report.steps if step.phase is Phase.DRIFT]
    assert drift == [(25, 50), (50, 50)]
    texts = [(step.detail, step.done) for step in report.steps if step.phase is Phase.FLUENCY]
    assert texts == [("before and after the edit", done) for done in range(1, 13)]
    assert len(drift) + len(texts) == len(report.steps)


@pytest.mark.parametrize("number", [1, 3, 13])
def test_cancelled_anywhere_it_leaves_the_model_as_it_was(tiny, facts, number):
    with pytest.raises(Cancelled):
        diagnose(tiny, facts[0], [low_rank(tiny, 1)], report=cancel_at(number))
    assert_nothing_open("after it was cancelled")
