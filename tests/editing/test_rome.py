"""ROME and R-ROME: their identities, the merged weights, and the model left as it was."""

import copy

import pytest
import torch
from conftest import drain, tiny_model

from lga_core.editing.edits import applied, output_at
from lga_core.editing.rank_one import RankOneSettings, whitened
from lga_core.editing.rome import r_rome, rome
from lga_core.editing.value import Contexts, ValueSettings, find_value
from lga_core.models.fingerprint import weights_hash
from lga_core.models.forward import answer_nll, final_hidden
from lga_core.models.own_text import prefixes
from lga_core.models.tokens import AnswerIndex, Batch, answer_row, prompt_row

FAMILIES = ("gpt2", "llama", "gemma3")
EDITORS = {"rome": rome, "r-rome": r_rome}
# No weight decay: ROME's is scaled for outputs of a trained model's size, and holds a tiny one's δ near zero.
SETTINGS = RankOneSettings(value=ValueSettings(steps=6, learning_rate=0.02, weight_decay=0.0), contexts=2)


def log_p(model, fact):
    row = answer_row(model.tokenizer, fact.prompt, fact.target_new)
    batch = Batch.of([row], model.device)
    with torch.no_grad():
        return -answer_nll(model, final_hidden(model, batch), AnswerIndex.of([row], batch)).double()


def key_seen(model, prompt, position, layer):
    """The down projection's input at one token, by a plain hook."""
    seen = []
    handle = model.architecture.blocks[layer].down.module.register_forward_pre_hook(
        lambda _module, args: seen.append(args[0][0, position]))
    model.model(input_ids=torch.tensor([prompt_row(model.tokenizer, prompt).ids]))
    handle.remove()
    return seen[0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", EDITORS)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("covariance", ["own-text", "identity"])
def test_the_edited_matrix_maps_its_key_to_the_target(family, name, dtype, covariance, facts):
    model = tiny_model(family, dtype)
    settings = RankOneSettings(value=SETTINGS.value, contexts=2, covariance=covariance)
    written, = drain(EDITORS[name](model, [facts[0]], [2], settings))
    assert written.target_errors[0] <= (1e-4 if dtype == torch.float32 else 5e-2)
    value = drain(find_value(model, facts[0], 2, SETTINGS.value, prefixes(model, 2, 0), mean_start=name == "r-rome"))
    key = value.keys[0] if name == "rome" else value.mean_key
    torch.testing.assert_close(written.edit.keys[0], key.float())
    reached = output_at(model.architecture.blocks[2].down, key, [written.edit])
    assert (reached - value.target).norm() <= (1e-4 if dtype == torch.float32 else 5e-2) * value.target.norm()
    assert written.losses == (value.losses,)
    assert value.losses[-1] < value.losses[0]
    assert written.edit.norm > 0


@pytest.mark.parametrize("family", FAMILIES)
def test_a_rome_key_is_the_input_at_the_last_subject_token(family, facts):
    model = tiny_model(family, torch.float32)
    value = drain(find_value(model, facts[0], 1, ValueSettings(steps=1), (), mean_start=False))
    end = Contexts.of(model, facts[0], ()).subject_ends[0]
    assert model.tokenizer.decode(prompt_row(model.tokenizer, facts[0].prompt).ids[:end + 1],
                                  skip_special_tokens=True).endswith("Needle")
    torch.testing.assert_close(value.keys[0], key_seen(model, facts[0].prompt, end, 1), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(value.start, output_at(model.architecture.blocks[1].down, value.keys[0]),
                               rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", EDITORS)
@pytest.mark.parametrize("family", FAMILIES)
def test_hook_and_merged_weights_agree(family, name, facts):
    model = tiny_model(family, torch.float32)
    edits = [written.edit for written in drain(EDITORS[name](model, [facts[0]], [1, 3], SETTINGS))]
    assert [edit.layer for edit in edits] == [1, 3]
    with applied(model, edits):
        hooked = log_p(model, facts[0])
    merged = copy.copy(model)
    object.__setattr__(merged, "model", copy.deepcopy(model.model))
    object.__setattr__(merged, "architecture", model.architecture.find(merged.model))
    with torch.no_grad():
        for edit in edits:
            merged.architecture.blocks[edit.layer].down.weight.add_(edit.left.T @ edit.right)
    torch.testing.assert_close(hooked, log_p(merged, facts[0]), atol=1e-3, rtol=0)
    assert (hooked - log_p(model, facts[0])).abs().max() > 1e-2


@pytest.mark.parametrize("family", FAMILIES)
def test_an_edit_that_fails_or_is_stopped_leaves_the_model_as_it_was(family, facts):
    model = tiny_model(family, torch.float32)
    before, plain = weights_hash(model.model), log_p(model, facts[0])

    class Stopped(BaseException):
        pass

    drain(r_rome(model, [facts[0]], [2], SETTINGS))                # from here on the second moment is kept
    steps = sum(1 for _ in r_rome(model, [facts[0]], [2], SETTINGS))
    assert steps > 3
    for stop_at in range(1, steps + 1, 3):
        generator = r_rome(model, [facts[0]], [2], SETTINGS)
        for _ in range(stop_at):
            next(generator)
        with pytest.raises(Stopped):
            generator.throw(Stopped())
        assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.model.modules())
    assert weights_hash(model.model) == before
    torch.testing.assert_close(log_p(model, facts[0]), plain, rtol=0, atol=0)
    assert not any(parameter.requires_grad for parameter in model.model.parameters())


def test_the_search_follows_the_gradient_of_its_loss(facts):
    """One step from δ = 0 with KL and decay off moves against the finite difference of the loss."""
    model = tiny_model("llama", torch.float64)
    settings = ValueSettings(steps=1, kl_weight=0.0, weight_decay=0.0, learning_rate=1e-3)
    value = drain(find_value(model, facts[0], 2, settings, (), mean_start=False))
    assert value.losses[1] < value.losses[0]
    plain = -log_p(model, facts[0]).mean().item()
    assert value.losses[0] == pytest.approx(plain, rel=1e-6)
    written, = drain(rome(model, [facts[0]], [2], RankOneSettings(value=settings, contexts=0, covariance="identity")))
    with applied(model, [written.edit]):
        assert -log_p(model, facts[0]).mean().item() == pytest.approx(value.losses[1], rel=1e-2)


def test_delta_is_held_within_its_bound(facts):
    model = tiny_model("llama", torch.float32)
    value = drain(find_value(model, facts[0], 1, ValueSettings(steps=8, norm_bound=0.05), (), mean_start=True))
    assert value.clamped
    assert value.delta.norm() <= 0.05 * value.start.norm() * (1 + 1e-5)


def test_whitening_solves_and_survives_a_singular_moment():
    moment = torch.diag(torch.tensor([4.0, 1.0, 0.25]))
    key = torch.tensor([1.0, 2.0, 3.0])
    torch.testing.assert_close(whitened(moment, key, 0.0), torch.tensor([0.25, 2.0, 12.0], dtype=torch.float64))
    torch.testing.assert_close(whitened(None, key, 1.0), key.double())
    assert whitened(torch.diag(torch.tensor([1.0, 1.0, 0.0])), key, 0.0).isfinite().all()


def test_contexts_mark_the_subject_in_every_row(facts):
    model = tiny_model("gemma3", torch.float32)
    contexts = Contexts.of(model, facts[1], ("It was", "In the city"))
    for row, end in zip(contexts.rows, contexts.subject_ends, strict=True):
        assert model.tokenizer.decode(row.ids[:end + 1]).endswith("Angela Merkel")
    assert model.tokenizer.decode(contexts.rows[0].answer) == " Japan"
    assert not contexts.rows[-1].answer


@pytest.mark.parametrize("wrong", [{"covariance": "wikipedia"}, {"contexts": -1}, {"ridge": -1.0}])
def test_settings_are_checked(wrong):
    with pytest.raises(ValueError):
        RankOneSettings(**wrong)
