"""FT-L and FT-M: plain training of a copy's weight is the oracle."""

import copy

import pytest
import torch
from conftest import tiny_model
from reporting import Collect
from weights import weights_hash

from lga_core.editing.editors import fine_tuning
from lga_core.editing.editors.fine_tuning import ft_l, ft_l_alone, ft_m, ft_m_alone
from lga_core.editing.edits import DenseEdit, LowRankEdit, applied
from lga_core.editing.settings import FineTuningSettings
from lga_core.editing.table import EDITORS
from lga_core.models.text.tokens import prompt_row

FAMILIES = ("gpt2", "llama", "gemma3")
SETTINGS = FineTuningSettings(steps=6, learning_rate=2e-3, epsilon=5e-3, stop_loss=0.0)


def plain_loss(network, tokenizer, fact, at_prompt_end):
    """One fact by itself through the model's own forward pass."""
    prompt = tokenizer(fact.prompt)["input_ids"]
    whole = tokenizer(f"{fact.prompt} {fact.target_new}")["input_ids"]
    assert whole[: len(prompt)] == prompt
    answer = whole[len(prompt) :]
    log_p = network(input_ids=torch.tensor([prompt if at_prompt_end else whole])).logits[0].log_softmax(-1)
    places = [len(prompt) - 1] * len(answer) if at_prompt_end else range(len(prompt) - 1, len(whole) - 1)
    return -torch.stack([log_p[place, token] for place, token in zip(places, answer, strict=True)]).mean()


def plainly_trained(model, facts, layer, settings, at_prompt_end):
    """ΔW (d_out, d_in) and the losses, by training the weight itself in a copy of the model."""
    network = copy.deepcopy(model.model)
    weight = network.get_submodule(model.architecture.blocks[layer].down.name).weight.requires_grad_(True)
    start, bound = weight.detach().clone(), settings.epsilon
    optimizer = torch.optim.Adam([weight], lr=settings.learning_rate)
    history = []
    for step in range(settings.steps + 1):
        losses = [plain_loss(network, model.tokenizer, fact, at_prompt_end) for fact in facts]
        history.append([float(loss.detach()) for loss in losses])
        if step < settings.steps:
            optimizer.zero_grad()
            torch.stack(losses).mean().backward()
            optimizer.step()
            with torch.no_grad():
                if bound:
                    weight.copy_(weight.clamp(start - bound, start + bound))
    change = (weight - start).detach()
    return (change.T if "c_proj" in model.architecture.blocks[layer].down.name else change), history


@pytest.mark.parametrize("editor, at_prompt_end", [(ft_l, True), (ft_m, False)], ids=["ft-l", "ft-m"])
@pytest.mark.parametrize("family", FAMILIES)
def test_it_is_what_training_the_weight_itself_gives(family, editor, at_prompt_end, facts, monkeypatch):
    model, batch = tiny_model(family, torch.float64), [facts[0], facts[3], facts[1]]
    change, history = plainly_trained(model, batch, 2, SETTINGS, at_prompt_end)
    for tokens in (2048, 1):  # all facts at once; one at a time, gradients summed up
        monkeypatch.setattr(fine_tuning, "BATCH_TOKENS", tokens)
        (written,) = editor(model, batch, [2], SETTINGS)
        assert isinstance(written.edit, DenseEdit) and written.edit.delta.dtype == torch.float32
        torch.testing.assert_close(written.edit.delta.double(), change, rtol=1e-5, atol=1e-7)
        torch.testing.assert_close(torch.tensor(written.losses), torch.tensor(history).T, rtol=1e-5, atol=1e-6)
    assert written.edit.delta.abs().max() == pytest.approx(5e-3)  # the bound is reached, and kept
    assert sum(losses[-1] for losses in written.losses) < sum(losses[0] for losses in written.losses)


@pytest.mark.parametrize("editor, alone", [(ft_l, ft_l_alone), (ft_m, ft_m_alone)], ids=["ft-l", "ft-m"])
@pytest.mark.parametrize("family", FAMILIES)
def test_many_facts_each_alone_are_as_one_after_another(family, editor, alone, facts, monkeypatch):
    model, batch = tiny_model(family, torch.float64), facts[:4]
    first = editor(model, batch[:1], [2], FineTuningSettings(steps=6, learning_rate=2e-3))[0].losses[0]
    stops_early = FineTuningSettings(steps=6, learning_rate=2e-3, epsilon=5e-3, stop_loss=first[3])
    expected = [editor(model, [fact], [2], stops_early)[0] for fact in batch]
    assert len({len(one.losses[0]) for one in expected}) > 1  # some facts stop before others
    down = model.architecture.blocks[2].down
    for at_once in (4, 3, 1):
        room = at_once * fine_tuning.TRAINED_BYTES * down.d_in * down.d_out
        monkeypatch.setattr(fine_tuning, "batch_room", lambda _model, room=room: room)
        together = alone(model, batch, 2, stops_early)
        for one, other in zip(together, expected, strict=True):
            torch.testing.assert_close(one.edit.delta, other.edit.delta, rtol=1e-5, atol=1e-7)
            torch.testing.assert_close(torch.tensor(one.losses), torch.tensor(other.losses), rtol=1e-6, atol=1e-6)
            assert one.weight_norm == other.weight_norm


@pytest.mark.parametrize("editor", [ft_l, ft_m])
def test_earlier_edits_are_the_start(editor, facts):
    """On a base: as training a model into whose weights the base was written."""
    model = tiny_model("llama", torch.float64)
    down = model.architecture.blocks[1].down
    base = LowRankEdit(layer=1, matrix=down.name, left=torch.randn(1, down.d_out), right=torch.randn(1, down.d_in))
    merged = tiny_model("llama", torch.float64)
    with torch.no_grad():
        merged.architecture.blocks[1].down.weight.add_(base.delta)
    free = FineTuningSettings(steps=3, learning_rate=1e-3)
    for layer in (0, 1, 2):
        (on_base,) = editor(model, facts[:2], [layer], free, [base])
        (on_merged,) = editor(merged, facts[:2], [layer], free)
        torch.testing.assert_close(on_base.edit.delta, on_merged.edit.delta, rtol=1e-4, atol=1e-6)
    (other,) = editor(model, facts[:2], [2], free)
    assert (other.losses[0][0] - on_base.losses[0][0]) != pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("family", FAMILIES)
def test_several_layers_one_after_another_and_the_model_as_it_was(family, facts):
    model = tiny_model(family, torch.float32)
    before = weights_hash(model.model)
    first, second = ft_m(model, facts[:2], [3, 1], SETTINGS)
    (alone,) = ft_m(model, facts[:2], [1], SETTINGS)
    (then,) = ft_m(model, facts[:2], [3], SETTINGS, [alone.edit])
    assert (first.edit.layer, second.edit.layer) == (1, 3)
    torch.testing.assert_close(first.edit.delta, alone.edit.delta, rtol=0, atol=0)
    torch.testing.assert_close(second.edit.delta, then.edit.delta, rtol=0, atol=0)
    assert second.losses[0][0] == pytest.approx(first.losses[0][-1], rel=1e-4)
    with applied(model, [first.edit, second.edit]), torch.no_grad():
        reached = float(plain_loss(model.model, model.tokenizer, facts[0], False))
    assert reached == pytest.approx(second.losses[0][-1], rel=1e-3)
    assert weights_hash(model.model) == before
    assert not any(parameter.requires_grad for parameter in model.model.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.model.modules())


def test_nothing_acts_between_steps(facts):
    model = tiny_model("gpt2", torch.float32)
    ids = torch.tensor([prompt_row(model.asking, facts[0].prompt).ids])
    plain = model.model(input_ids=ids).logits

    def look(_step):
        between = model.model(input_ids=ids).logits
        assert torch.equal(between, plain) and not between.requires_grad

    report = Collect(look)
    ft_l(model, facts[:2], [1], SETTINGS, report=report)
    assert len(report.steps) == SETTINGS.steps


def test_it_stops_at_a_small_loss(facts):
    model = tiny_model("llama", torch.float32)
    (written,) = ft_m(model, facts[:1], [2], FineTuningSettings(learning_rate=5e-2, stop_loss=4.0))
    losses = written.losses[0]
    assert len(losses) < 26 and losses[-1] < 4.0 <= min(losses[:-1])


@pytest.mark.parametrize("family, bound", [("gpt2", 5e-4), ("llama", None), ("gemma3", None)])
def test_the_bound_comes_from_the_family_and_can_be_chosen(family, bound):
    model = tiny_model(family)
    assert fine_tuning.bound(FineTuningSettings(), model) == bound
    assert fine_tuning.bound(FineTuningSettings(epsilon=0), model) is None
    assert fine_tuning.bound(FineTuningSettings(epsilon=1e-3), model) == 1e-3


def test_both_take_batches(facts):
    for name in ("ft-l", "ft-m"):
        assert EDITORS[name].batch
        EDITORS[name].check(tiny_model("llama"), facts[:3], [0])
