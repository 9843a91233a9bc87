"""Quantized weights: scored where gradients flow, never edited, and each reason said."""

import copy
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import tiny_network, train_tokenizer
from models.conftest import edit_json
from safetensors.torch import save_file
from torch import nn

from lga_core.errors import LgaError
from lga_core.models.loaded import LoadedModel
from lga_core.models.loading import load
from lga_core.models.sources import checkpoint
from lga_core.models.structure import quantized
from lga_core.models.structure.architecture import Architecture
from lga_core.models.structure.quantized import is_quantized, kind_of, refuse_edits, require_gradients
from lga_core.results import KnownFactCheck
from lga_core.scores.gradients.lga import GradientSettings, gradient_rows
from lga_core.scores.tracing.cma import CmaSettings, mlp_rows


class Packed(nn.Module):
    """A matrix in 8 bits with one scale a row, as packages of this kind keep it."""

    def __init__(self, dense: nn.Linear, forward_only: bool) -> None:
        super().__init__()
        self.in_features, self.out_features, self._forward_only = dense.in_features, dense.out_features, forward_only
        scale = dense.weight.abs().amax(1, keepdim=True) / 127
        self.register_buffer("scale", scale)
        self.register_buffer("packed", (dense.weight / scale).round().to(torch.int8))

    @property
    def values(self) -> torch.Tensor:
        return self.packed.to(self.scale) * self.scale

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(given.detach() if self._forward_only else given, self.values)


def pack(network: nn.Module, forward_only: bool = False) -> tuple[nn.Module, nn.Module]:
    """The network with all matrices of its blocks packed, and one with the very same values in float."""
    packed, dense = copy.deepcopy(network), copy.deepcopy(network)
    for name, module in list(packed.model.layers.named_modules()):
        if isinstance(module, nn.Linear):
            small = Packed(module, forward_only)
            packed.model.layers.set_submodule(name, small)
            dense.model.layers.get_submodule(name).weight.copy_(small.values)
    return packed, dense


def loaded(network: nn.Module) -> LoadedModel:
    return LoadedModel(
        name="tiny-8bit",
        model=network,
        tokenizer=train_tokenizer(bos=False),
        architecture=Architecture.find(network),
        fingerprint="tiny-8bit",
    )


def checks_of(facts) -> list[KnownFactCheck]:
    return [
        KnownFactCheck(record=fact.record, known=True, greedy="Rome", greedy_ids=(50, 9), probability=1.0)
        for fact in facts
    ]


def scores(model: LoadedModel, facts) -> tuple[list, list]:
    return (
        list(gradient_rows(model, facts, checks_of(facts), GradientSettings())),
        list(mlp_rows(model, facts, checks_of(facts), CmaSettings(draws=2))),
    )


def same(first: list, second: list, tolerance: float) -> None:
    for ours, plain in zip(first, second, strict=True):
        for name, values in plain.values.items():
            np.testing.assert_allclose(
                ours.values[name], values, rtol=tolerance, atol=tolerance * float(np.abs(values).max())
            )


def test_scores_of_packed_weights_are_those_of_the_values_they_stand_for(facts):
    packed, dense = (loaded(network) for network in pack(tiny_network("llama").double()))
    assert is_quantized(packed) and not is_quantized(dense)
    down = packed.architecture.blocks[1].down
    assert (down.packed, down.d_out, down.d_in) == (True, 32, 80)
    for ours, plain in zip(scores(packed, facts), scores(dense, facts), strict=True):
        same(ours, plain, 1e-9)


def test_edits_of_packed_weights_are_refused():
    packed, dense = (loaded(network) for network in pack(tiny_network("llama").double()))
    refuse_edits(dense)
    with pytest.raises(LgaError, match=r"weights of tiny-8bit are quantized: an editor reads .* not quantized"):
        refuse_edits(packed)
    with pytest.raises(LgaError, match=r"model.layers.0.mlp.down_proj is quantized: there are no float weights"):
        _ = packed.architecture.blocks[0].down.weight


def test_without_gradients_lga_says_so_and_the_trace_runs(facts):
    packed, dense = (loaded(network) for network in pack(tiny_network("llama").double(), forward_only=True))
    require_gradients(dense, "LGA")
    with pytest.raises(LgaError, match=r"LGA needs gradients, and none flow .* tiny-8bit.*causal trace"):
        list(gradient_rows(packed, facts, checks_of(facts), GradientSettings()))
    ours = list(mlp_rows(packed, facts, checks_of(facts), CmaSettings(draws=2)))
    plain = list(mlp_rows(dense, facts, checks_of(facts), CmaSettings(draws=2)))
    same(ours, plain, 1e-9)


CONFIGS = {
    "gptq": {"quant_method": "gptq", "bits": 4, "group_size": 128},
    "awq": {"quant_method": "awq", "bits": 4, "group_size": 128},
    "bitsandbytes": {"quant_method": "bitsandbytes", "load_in_4bit": True},
    "compressed-tensors": {"quant_method": "compressed-tensors", "format": "int-quantized"},
}


@pytest.mark.parametrize(
    ("kind", "config", "package"),
    [
        ("gptq", CONFIGS["gptq"], "optimum and gptqmodel"),
        ("awq", CONFIGS["awq"], "gptqmodel"),
        ("bitsandbytes", CONFIGS["bitsandbytes"], "bitsandbytes"),
        ("bitsandbytes", {"load_in_8bit": True}, "bitsandbytes"),
        ("compressed-tensors", CONFIGS["compressed-tensors"], "compressed-tensors"),
    ],
)
def test_a_package_that_is_not_installed_is_named(tiny_folder, tmp_path, monkeypatch, kind, config, package):
    monkeypatch.setattr(quantized, "_installed", lambda _module: False)
    folder = Path(shutil.copytree(tiny_folder, tmp_path / "model"))
    edit_json(folder / "config.json", quantization_config=config)
    assert kind_of(folder) == kind and kind_of(tiny_folder) is None
    with pytest.raises(LgaError, match=rf"\({kind}\) and cannot be read without the package {package}\.") as caught:
        load(str(folder), device="cpu")
    assert "pip install" in caught.value.hint and "\n" not in str(caught.value)


def test_a_kind_that_nobody_knows_is_one_message(tiny_folder, tmp_path):
    folder = Path(shutil.copytree(tiny_folder, tmp_path / "model"))
    edit_json(folder / "config.json", quantization_config={"quant_method": "three-halves"})
    with pytest.raises(LgaError, match=r"in a way that transformers does not know \(three-halves\)"):
        load(str(folder), device="cpu")


def test_the_size_of_packed_weights_is_their_own(tiny_folder, tmp_path):
    save_file({"packed": torch.zeros(7, 5, dtype=torch.uint8), "scale": torch.zeros(7)}, tmp_path / "model.safetensors")
    assert checkpoint.weight_bytes(tmp_path, 2) == 7 * 5 + 2 * 7
    assert checkpoint.weight_bytes(tiny_folder, 4) == 4 * checkpoint.parameters(tiny_folder)


@pytest.mark.parametrize(
    ("settings", "tolerance"),
    [
        ({"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}, 1e-5),
        ({"load_in_8bit": True}, 5e-2),
    ],
)
def test_weights_of_bitsandbytes_are_scored_and_not_edited(tmp_path, facts, settings, tolerance):
    """Against the same values in float; 8 bits also round what flows through them."""
    pytest.importorskip("bitsandbytes")
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    network = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=400,
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=3,
            num_attention_heads=4,
            num_key_value_heads=2,
            bos_token_id=1,
            eos_token_id=0,
        )
    )
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(6.0 if parameter.ndim == 2 else 1.0)
    network.save_pretrained(tmp_path / "dense")
    packed = AutoModelForCausalLM.from_pretrained(
        tmp_path / "dense",
        dtype=torch.float32,
        device_map={"": "cpu"},
        quantization_config=BitsAndBytesConfig(**settings),
    )
    packed.save_pretrained(tmp_path / "packed")
    train_tokenizer(bos=False).save_pretrained(tmp_path / "packed")
    model = load(str(tmp_path / "packed"), device="cpu")
    assert is_quantized(model) and model.architecture.blocks[0].down.d_in == 128
    plain = loaded(copy.deepcopy(model.model).dequantize().float().requires_grad_(False))
    for ours, dense in zip(
        gradient_rows(model, facts, checks_of(facts), GradientSettings()),
        gradient_rows(plain, facts, checks_of(facts), GradientSettings()),
        strict=True,
    ):
        scale = dense.values["norm-old/mlp"] * dense.values["norm-new/mlp"]
        assert np.all(np.abs(ours.values["product/mlp"] - dense.values["product/mlp"]) <= tolerance * scale)
    with pytest.raises(LgaError, match="are quantized"):
        refuse_edits(model)
