"""What is wrong with a model's folder is one message, with what to do."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from conftest import train_tokenizer
from models.conftest import edit_json
from models.families import EXPERT_FAMILIES
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertForMaskedLM, GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast, T5Config

from lga_core.errors import LgaError
from lga_core.models.loading import load


def drop(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def to_pickle(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def to_shards(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def truncate(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])


def lose_a_matrix(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.down_proj.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def other_shape(folder: Path) -> None:
    edit_json(folder / "config.json", intermediate_size=96)


def foreign_tokenizer(folder: Path) -> None:
    tokenizer: PreTrainedTokenizerFast = train_tokenizer(bos=False)
    tokenizer.add_tokens([f"more{number}" for number in range(50)])
    tokenizer.save_pretrained(folder)


def own_code(folder: Path) -> None:
    edit_json(
        folder / "config.json",
        model_type="mine",
        auto_map={"AutoConfig": "code.Mine", "AutoModelForCausalLM": "code.M"},
    )
    (folder / "code.py").write_text("raise SystemExit('this must not run')")


def encoder(folder: Path) -> None:
    """BERT, which transformers opens as a causal model when it is asked to."""
    torch.manual_seed(0)
    network = BertForMaskedLM(
        BertConfig(
            vocab_size=400,
            hidden_size=32,
            intermediate_size=80,
            num_hidden_layers=2,
            num_attention_heads=4,
            initializer_range=0.3,
        )
    )
    network.save_pretrained(folder)


def encoder_and_decoder(folder: Path) -> None:
    T5Config(vocab_size=400, architectures=["T5ForConditionalGeneration"]).save_pretrained(folder)


def experts(folder: Path) -> None:
    mixtral = next(family for family in EXPERT_FAMILIES if family.name == "mixtral")
    mixtral.build().save_pretrained(folder)


def enormous(folder: Path) -> None:
    """Four terabytes of weights that take no disk: a true header over a file of holes."""
    header = json.dumps({"w": {"dtype": "F32", "shape": [10**6, 10**6], "data_offsets": [0, 4 * 10**12]}}).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + 4 * 10**12)


@pytest.mark.parametrize(
    "damage, cause",
    [
        (drop("config.json"), "has no config.json"),
        (drop("model.safetensors"), "has no weights"),
        (to_pickle, "pickled weights only"),
        (to_shards, "lacks 1 of 2 weight files, first model-00002-of-00002"),
        (truncate, "are damaged"),
        (lose_a_matrix, "do not fit its config.json: 1 lacking"),
        (other_shape, "do not fit its config.json|cannot read the model"),
        (drop("tokenizer.json"), "has no tokenizer"),
        (lambda folder: (folder / "tokenizer.json").write_text("{"), "cannot read the tokenizer"),
        (foreign_tokenizer, "more tokens than the model's 400 embeddings"),
        (lambda folder: (folder / "config.json").write_text("{"), "cannot be read as JSON|cannot read the"),
        (lambda folder: edit_json(folder / "config.json", model_type="unheard-of"), "cannot read the"),
        (own_code, "needs code of its own"),
        (lambda folder: (folder / "adapter_config.json").write_text("{}"), "holds an adapter beside the model"),
        (encoder, "BertLMHeadModel in .* is an encoder: its tokens see what comes after them"),
        (encoder_and_decoder, "T5ForConditionalGeneration in .* is an encoder with a decoder"),
        (experts, "MixtralForCausalLM in .* is a mixture of 4 experts: .* no single down projection"),
        (enormous, r"needs 4800\.0 GB of memory on cpu, .* are free"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_bad_folder_is_one_message_with_its_mend(folder: Path, damage: Callable[[Path], None], cause: str):
    damage(folder)
    with pytest.raises(LgaError, match=cause) as caught:
        load(str(folder), device="cpu")
    assert caught.value.hint and "\n" not in str(caught.value)


def test_a_folder_that_is_not_a_model(tmp_path: Path):
    with pytest.raises(LgaError, match=r"has no config\.json"):
        load(str(tmp_path))


def test_weights_that_give_no_finite_numbers_are_refused(tmp_path: Path):
    network = GPT2LMHeadModel(GPT2Config(vocab_size=400, n_positions=64, n_embd=32, n_layer=2, n_head=4))
    with torch.no_grad():
        network.transformer.h[1].mlp.c_proj.weight[0, 0] = float("nan")
    network.save_pretrained(tmp_path)
    train_tokenizer(bos=False).save_pretrained(tmp_path)
    with pytest.raises(LgaError, match="not finite in float32"):
        load(str(tmp_path), device="cpu")
