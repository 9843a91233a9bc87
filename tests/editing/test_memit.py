"""MEMIT over several layers: one residual, shared; refused where a norm stands between the MLP and the stream."""

from dataclasses import replace

import pytest
import torch
from conftest import tiny_model, train_tokenizer, value_of
from editing.writing import EXACT, VALUE
from models.families import FAMILIES

from lga_core.editing.editors.memit import memit
from lga_core.editing.edits import applied
from lga_core.editing.search.contexts import Contexts
from lga_core.errors import LgaError
from lga_core.models.loaded import LoadedModel
from lga_core.models.running.hooks import on_outputs
from lga_core.models.running.residual import adds_to_residual
from lga_core.models.structure.architecture import Architecture
from lga_core.models.text.own_text import prefixes

SPREAD = replace(EXACT["memit"], several="spread")
NORM_AFTER_MLP = {"gemma2", "gemma3", "gemma3-multimodal", "olmo2"}


def block_output(model, fact, layer, edits):
    """Mean over contexts of a block's output at the last subject token, context by context in plain runs."""
    contexts, outputs = Contexts.of(model, fact, prefixes(model, 2, 0)), []
    for row, end in zip(contexts.rows[:-1], contexts.subject_ends[:-1], strict=True):

        def note(_module, _args, output, end=end):
            outputs.append((output[0] if isinstance(output, tuple) else output)[0, end].float())

        handle = model.architecture.blocks[layer].module.register_forward_hook(note)
        with applied(model, edits), torch.no_grad():
            model.model(input_ids=torch.tensor([row.ids]))
        handle.remove()
    return torch.stack(outputs).mean(0)


def goal(model, fact, layer):
    bounded = replace(VALUE, norm_bound=SPREAD.z_bound)
    return value_of(model, fact, layer, bounded, prefixes(model, 2, 0), mean_start=True, site="block")


@pytest.mark.parametrize("family", ["gpt2", "llama"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_last_block_puts_out_z_and_each_layer_takes_its_share(family, dtype, facts):
    model, tolerance = tiny_model(family, dtype, layers=5), 1e-4 if dtype == torch.float32 else 5e-2
    written = memit(model, [facts[0]], [3, 1, 2], SPREAD)
    edits = [item.edit for item in written]
    assert [edit.layer for edit in edits] == [1, 2, 3]
    z = goal(model, facts[0], 3)
    far = (z.target - block_output(model, facts[0], 3, [])).norm()
    assert far > 2 * tolerance * z.target.norm()
    assert (block_output(model, facts[0], 3, edits) - z.target).norm() <= tolerance * z.target.norm()
    for number, layer_edit in enumerate(edits):  # r_j = (z* − now) / (layers left)
        now = block_output(model, facts[0], 3, edits[:number])
        share = (z.target - now) / (3 - number)
        assert (layer_edit.left[0] - share).norm() <= tolerance * z.target.norm()
    assert all(item.target_errors[0] <= tolerance and item.losses == (z.losses,) for item in written)


def test_a_batch_is_spread_too(facts):
    model = tiny_model("llama", torch.float32, layers=5)
    edits = [item.edit for item in memit(model, facts[:3], [1, 3], SPREAD)]
    for fact in facts[:3]:
        z = goal(model, fact, 3).target
        assert (block_output(model, fact, 3, edits) - z).norm() <= 1e-4 * z.norm()


def test_z_is_held_within_its_own_bound(facts):
    model = tiny_model("llama", torch.float32)
    written = memit(model, [facts[0]], [1, 2], replace(SPREAD, z_bound=0.01))
    start = block_output(model, facts[0], 2, [])
    moved = block_output(model, facts[0], 2, [item.edit for item in written]) - start
    assert moved.norm() == pytest.approx(0.01 * float(start.norm()), rel=1e-3)
    assert all(item.clamped == (True,) for item in written)


def test_a_norm_after_the_mlp_refuses_spreading_and_takes_each(facts):
    model = tiny_model("gemma3", torch.float32)
    with pytest.raises(LgaError, match=r"norm follows in block 1.*several = each"):
        memit(model, [facts[0]], [1, 2], SPREAD)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.model.modules())
    for layers, settings in (([1], SPREAD), ([1, 2], EXACT["memit"])):
        written = memit(model, [facts[0]], layers, settings)
        assert [item.edit.layer for item in written] == layers
        assert max(item.target_errors[0] for item in written) <= 1e-4


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_whether_the_mlp_is_added_as_it_is_is_seen(family, dtype):
    network = family.build().to(dtype)
    model = LoadedModel(
        name=family.name,
        model=network,
        tokenizer=train_tokenizer(bos=False),
        architecture=Architecture.find(network),
        fingerprint=family.name,
    )
    assert adds_to_residual(model, 1) == (family.name not in NORM_AFTER_MLP)


def test_what_is_seen_under_an_edit_that_blew_up_is_not_remembered():
    model = tiny_model("llama", torch.float32)
    blown = {model.architecture.blocks[0].down.module: lambda _given, output: output * float("inf")}
    with on_outputs(blown, model.architecture.flat):
        assert not adds_to_residual(model, 2)
    assert adds_to_residual(model, 2)
