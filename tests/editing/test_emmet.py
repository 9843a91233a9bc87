"""Batches in one solve: EMMET, MEMIT and AlphaEdit against METHOD.md's formulas written out with explicit inverses."""

from dataclasses import replace

import pytest
import torch
from conftest import tiny_model, value_of
from editing.writing import BATCHED, EDITORS, EXACT, FAMILIES, SETTINGS, VALUE
from reporting import Collect

from lga_core.editing.editors.emmet import emmet
from lga_core.editing.editors.rome import r_rome
from lga_core.editing.edits import output_at
from lga_core.models.moments.second_moment import second_moment
from lga_core.models.text.own_text import prefixes
from lga_core.progress import Phase

LAYER, SLACK = 2, {"emmet": {"lam": 20.0}, "memit": {"m": 20.0}, "alphaedit": {"l2": 0.3}}


def asked(model, facts):
    """K (d_in, n), R (d_out, n) and the values, by a search for each fact alone; float64."""
    values = [value_of(model, fact, LAYER, VALUE, prefixes(model, 2, 0), mean_start=True) for fact in facts]
    return (
        torch.stack([value.mean_key for value in values], dim=1),
        torch.stack([value.delta.double() for value in values], dim=1),
        values,
    )


def regular(model, ridge):
    moment = second_moment(model, LAYER).double()
    return moment + ridge * moment.diagonal().mean() * torch.eye(len(moment), dtype=torch.float64)


def projection(model, fraction):
    """P on the directions with C's smallest eigenvalues."""
    moment = second_moment(model, LAYER).double()
    vectors = torch.linalg.eigh(moment).eigenvectors[:, : round(fraction * len(moment))]
    return vectors @ vectors.T


def dense(model, name, settings, keys, residuals, earlier):
    """ΔW (d_out, d_in) of a batch as METHOD.md §4 writes it."""
    n, d_in = keys.shape[1], len(keys)
    if name == "alphaedit":
        free = projection(model, settings.kept_fraction)
        inner = earlier @ earlier.T @ free + keys @ keys.T @ free + settings.l2 * torch.eye(d_in, dtype=torch.float64)
        return residuals @ keys.T @ free @ torch.linalg.inv(inner)
    moment = regular(model, settings.ridge)
    if name == "memit":
        return residuals @ keys.T @ torch.linalg.inv(settings.m * moment + keys @ keys.T)
    inverse = torch.linalg.inv(moment)
    inner = keys.T @ inverse @ keys + settings.lam * torch.eye(n, dtype=torch.float64)
    return residuals @ torch.linalg.inv(inner) @ keys.T @ inverse


def one_fact(model, name, settings, key, residual):
    """ΔW (d_out, d_in) of one fact as METHOD.md §4 writes it."""
    if name == "alphaedit":
        seen = projection(model, settings.kept_fraction) @ key
        return torch.outer(residual, seen) / (key @ seen + settings.l2)
    seen = torch.linalg.inv(regular(model, settings.ridge)) @ key
    return torch.outer(residual, seen) / (key @ seen + (settings.lam if name == "emmet" else settings.m))


def assert_same(delta, plain):
    assert (delta.double() - plain).norm() <= 1e-5 * plain.norm()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_emmet_without_slack_is_r_rome(family, dtype, facts):
    model = tiny_model(family, dtype)
    (batch,) = emmet(model, [facts[0]], [LAYER], EXACT["emmet"])
    (alone,) = r_rome(model, [facts[0]], [LAYER], SETTINGS)
    torch.testing.assert_close(batch.edit.left, alone.edit.left, rtol=0, atol=0)  # one search, shared
    torch.testing.assert_close(batch.edit.delta, alone.edit.delta, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("name", BATCHED)
@pytest.mark.parametrize("family", FAMILIES)
def test_one_fact_is_written_by_the_one_fact_formula(family, name, facts):
    model, settings = tiny_model(family, torch.float32), replace(EXACT[name], **SLACK[name])
    (written,) = EDITORS[name](model, [facts[1]], [LAYER], settings)
    keys, residuals, _values = asked(model, [facts[1]])
    assert_same(written.edit.delta, one_fact(model, name, settings, keys[:, 0], residuals[:, 0]))
    assert 1e-3 < written.target_errors[0] < 1  # the slack was felt


@pytest.mark.parametrize("name", BATCHED)
@pytest.mark.parametrize("family", FAMILIES)
def test_three_facts_are_written_by_the_batch_formula(family, name, facts):
    model, settings = tiny_model(family, torch.float32), replace(EXACT[name], **SLACK[name])
    keys, residuals, values = asked(model, facts[:3])
    (written,) = EDITORS[name](model, facts[:3], [LAYER], settings)
    plain = dense(model, name, settings, keys, residuals, torch.zeros(len(keys), 1, dtype=torch.float64))
    assert_same(written.edit.delta, plain)
    torch.testing.assert_close(written.edit.keys, keys.T.float())
    for losses, value in zip(written.losses, values, strict=True):
        assert losses == pytest.approx(value.losses, rel=1e-5)
    down = model.architecture.blocks[LAYER].down
    for key, value, error in zip(keys.T, values, written.target_errors, strict=True):
        reached = output_at(down, key).double() + plain @ key
        assert float((reached - value.target).norm() / value.target.norm()) == pytest.approx(error, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("name", BATCHED)
@pytest.mark.parametrize("family", FAMILIES)
def test_without_slack_a_batch_writes_every_fact_exactly(family, name, facts):
    model = tiny_model(family, torch.float32)
    (written,) = EDITORS[name](model, facts[:3], [LAYER], EXACT[name])
    assert max(written.target_errors) <= 1e-4
    assert written.edit.left.shape[0] == written.edit.right.shape[0] == 3


@pytest.mark.parametrize("name", BATCHED)
def test_a_fact_that_is_there_twice_is_written_once(name, facts):
    model = tiny_model("llama", torch.float32)
    (twice,) = EDITORS[name](model, [facts[0], facts[0]], [LAYER], EXACT[name])
    (once,) = EDITORS[name](model, [facts[0]], [LAYER], EXACT[name])
    torch.testing.assert_close(twice.edit.delta, once.edit.delta, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "slack", "share"), [("emmet", "lam", 0.99), ("memit", "m", 0.95), ("alphaedit", "l2", 0.95)]
)
def test_the_default_slack_writes_its_share_at_a_typical_key(name, slack, share, facts):
    """The share written at the fact's own key tells the slack that was used; a key of typical strength gets `share`."""
    model = tiny_model("llama", torch.float32)
    settings = replace(EXACT[name], **{slack: None})
    (written,) = EDITORS[name](model, [facts[0]], [LAYER], settings)
    key = asked(model, [facts[0]])[0][:, 0]
    moment = regular(model, 0.0)
    if name == "alphaedit":
        through = projection(model, settings.kept_fraction)
    else:
        through = torch.linalg.inv(regular(model, settings.ridge))
    own, typical = float(key @ through @ key), float((through @ moment).trace())
    used = own / float(written.edit.right[0].double() @ key) - own
    assert typical / (typical + used) == pytest.approx(share, rel=1e-4)


def test_progress_of_a_batch_counts_all_its_facts(facts):
    model = tiny_model("llama", torch.float32)
    report = Collect()
    emmet(model, facts[:3], [LAYER], EXACT["emmet"], report=report)
    steps = [step for step in report.steps if step.phase is Phase.EDIT]
    done = [step.done for step in steps]
    assert {step.detail for step in steps} == {f"v* at layer {LAYER}"}
    assert done == sorted(done)
    assert {step.total for step in steps} == {3 * VALUE.steps}
    assert done[-1] == 3 * VALUE.steps
