"""Models that cannot be measured are refused by name, and parts that cannot be told apart can be named."""

import pytest
import torch
from models.families import EXPERT_FAMILIES, HEADS, WIDTH, Family, family_named

from lga_core.errors import LgaError
from lga_core.models.structure.architecture import Architecture


@pytest.mark.parametrize("family", EXPERT_FAMILIES, ids=lambda family: family.name)
def test_mixtures_of_experts_are_refused_by_name(family):
    with pytest.raises(LgaError, match=rf"^{family.classes[1]} is a mixture of experts .*down projection"):
        Architecture.find(family.build())


def test_a_model_that_projects_between_widths_is_refused():
    family = family_named("opt")
    projected = Family(
        name="opt-350m",
        title="OPT 350M",
        classes=family.classes,
        note="",
        down="fc2",
        sizes=dict(family.sizes) | {"word_embed_proj_dim": WIDTH // 2},
    )
    with pytest.raises(LgaError, match=f"one width .* found {WIDTH // 2}, {WIDTH}"):
        Architecture.find(projected.build())
    after = Family(
        name="opt-350m",
        title="OPT 350M",
        classes=family.classes,
        note="",
        down="fc2",
        sizes=dict(projected.sizes) | {"do_layer_norm_before": False},
    )
    with pytest.raises(LgaError, match="a final norm"):
        Architecture.find(after.build())


def test_logits_that_are_scaled_are_refused():
    scaled = Family(
        name="cohere",
        title="Cohere",
        classes=("CohereConfig", "CohereForCausalLM"),
        note="",
        down="mlp.down_proj",
        sizes=dict(family_named("llama").sizes) | {"pad_token_id": 0},
    )
    with pytest.raises(LgaError, match="looked for logits"):
        Architecture.find(scaled.build())


def test_parts_that_cannot_be_told_apart_can_be_named():
    network = family_named("llama").build()
    for block in network.model.layers:
        block.register_module("mlp2", block.mlp)  # the same MLP under a second name
        block.mlp2.__class__ = type("OtherMLP", (type(block.mlp),), {})
        del block.mlp
        block.mlp = torch.nn.Sequential(torch.nn.Identity(), block.mlp2)
    with pytest.raises(LgaError, match=r"one mlp in block model.layers.0, found 2 .* mlp = .…., under \[models"):
        Architecture.find(network)
    with pytest.raises(LgaError, match=r"has no part 'mlp3', .* Its parts are self_attn, .*mlp2"):
        Architecture.find(network, mlp="mlp3")
    architecture = Architecture.find(network, mlp="mlp2")
    assert architecture.blocks[0].down.name == "model.layers.0.mlp2.down_proj"
    opt = Architecture.find(family_named("opt").build(), mlp=("fc1", "fc2"), attention="self_attn", down="fc2")
    assert opt.blocks[1].mlp is opt.blocks[1].down.module
    assert opt.blocks[1].attn_linears[0].d_out == HEADS * (WIDTH // HEADS)
