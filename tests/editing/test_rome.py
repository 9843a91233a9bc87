"""ROME's key and the search for v*: where they are read, and that the search follows its loss."""

import pytest
import torch
from conftest import tiny_model, value_of
from editing.writing import FAMILIES, SETTINGS, key_seen, log_p

from lga_core.editing.editors.rome import r_rome, rome
from lga_core.editing.edits import applied, output_at
from lga_core.editing.search.contexts import Contexts
from lga_core.editing.settings import RankOneSettings, ValueSettings
from lga_core.models.text.own_text import prefixes
from lga_core.models.text.tokens import prompt_row


@pytest.mark.parametrize("family", FAMILIES)
def test_a_rome_key_is_the_input_at_the_last_subject_token(family, facts):
    model = tiny_model(family, torch.float32)
    value = value_of(model, facts[0], 1, ValueSettings(steps=2), (), mean_start=False)
    end = Contexts.of(model, facts[0], ()).subject_ends[0]
    assert model.tokenizer.decode(
        prompt_row(model.asking, facts[0].prompt).ids[: end + 1], skip_special_tokens=True
    ).endswith("Needle")
    torch.testing.assert_close(value.keys[0], key_seen(model, facts[0].prompt, end, 1), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(
        value.start, output_at(model.architecture.blocks[1].down, value.keys[0]), rtol=1e-4, atol=1e-5
    )


def test_rome_reads_the_bare_key_where_r_rome_reads_the_mean(facts):
    model = tiny_model("llama", torch.float32)
    value = value_of(model, facts[0], 2, SETTINGS.value, prefixes(model, 2, 0), mean_start=False)
    (bare,) = rome(model, [facts[0]], [2], SETTINGS)
    (mean,) = r_rome(model, [facts[0]], [2], SETTINGS)
    torch.testing.assert_close(bare.edit.keys[0], value.keys[0])
    torch.testing.assert_close(mean.edit.keys[0], value.mean_key.float())
    # Both write along C⁻¹k̄.
    cosine = torch.nn.functional.cosine_similarity(bare.edit.right, mean.edit.right)
    torch.testing.assert_close(cosine, torch.ones(1))


def test_the_search_follows_the_gradient_of_its_loss(facts):
    """One step from δ = 0 with KL and decay off moves against the finite difference of the loss."""
    model = tiny_model("llama", torch.float64)
    settings = ValueSettings(steps=2, kl_weight=0.0, weight_decay=0.0, learning_rate=1e-3)
    value = value_of(model, facts[0], 2, settings, (), mean_start=False)
    assert value.losses[1] < value.losses[0]
    plain = -log_p(model, facts[0]).mean().item()
    assert value.losses[0] == pytest.approx(plain, rel=1e-6)
    (written,) = rome(model, [facts[0]], [2], RankOneSettings(value=settings, contexts=0, covariance="identity"))
    with applied(model, [written.edit]):
        assert -log_p(model, facts[0]).mean().item() == pytest.approx(value.losses[1], rel=1e-2)


def test_delta_is_held_within_its_bound(facts):
    model = tiny_model("llama", torch.float32)
    value = value_of(model, facts[0], 1, ValueSettings(steps=8, norm_bound=0.05), (), mean_start=True)
    assert value.clamped
    assert value.delta.norm() <= 0.05 * value.start.norm() * (1 + 1e-5)


def test_contexts_mark_the_subject_in_every_row(facts):
    model = tiny_model("gemma3", torch.float32)
    contexts = Contexts.of(model, facts[1], ("It was", "In the city"))
    for row, end in zip(contexts.rows, contexts.subject_ends, strict=True):
        assert model.tokenizer.decode(row.ids[: end + 1]).endswith("Angela Merkel")
    assert model.tokenizer.decode(contexts.rows[0].answer) == " Japan"
    assert not contexts.rows[-1].answer
