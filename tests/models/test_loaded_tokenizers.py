"""The tokenizer of a loaded model: as its folder has it, with padding, within embeddings and positions."""

from pathlib import Path

import pytest
from conftest import train_tokenizer
from models.families import FAMILIES
from tokenizers.processors import TemplateProcessing
from transformers import GPT2Config, GPT2LMHeadModel

from lga_core.errors import LgaError
from lga_core.models.loading import load
from lga_core.models.running.generate import generate, sampler
from lga_core.models.text.texts import text_named
from lga_core.models.text.tokens import answer_row, prompt_row
from lga_core.progress import Phase


@pytest.mark.parametrize("name", ["qwen2", "phi3", "gemma3-multimodal"])
def test_a_folder_with_the_general_tokenizer_class_is_read_as_it_stands(name: str, tmp_path: Path):
    """Qwen 2's class in transformers would put a token of its own into any tokenizer, past the embeddings."""
    family = next(family for family in FAMILIES if family.name == name)
    tokenizer = train_tokenizer(family.bos)
    family.build().save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    model = load(str(tmp_path), device="cpu")
    assert type(model.model).__name__ == family.classes[1] and len(model.tokenizer) == len(tokenizer)
    text = "The Space Needle's 12 floors, in Zürich 東京"
    assert model.tokenizer(text)["input_ids"] == tokenizer(text)["input_ids"]


def test_a_model_without_padding_token_gets_one(tmp_path: Path):
    config = GPT2Config(vocab_size=400, n_positions=64, n_embd=32, n_layer=2, n_head=4)
    GPT2LMHeadModel(config).save_pretrained(tmp_path)
    train_tokenizer(bos=False).save_pretrained(tmp_path)
    loaded = load(str(tmp_path), device="cpu")
    assert loaded.tokenizer.pad_token == "<eos>" and loaded.tokenizer(["a", "a b c"], padding=True).input_ids


def test_a_special_token_may_lack_an_embedding_until_a_text_holds_it(folder: Path):
    """As Gemma 3's token for images, which its text models have no row for."""
    tokenizer = train_tokenizer(bos=False)
    tokenizer.add_tokens([f"more{number}" for number in range(400 - len(tokenizer))])
    tokenizer.add_tokens(["<image>"], special_tokens=True)
    tokenizer.save_pretrained(folder)
    loaded = load(str(folder), device="cpu")
    assert loaded.tokenizer.convert_tokens_to_ids("<image>") == 400
    assert answer_row(loaded.asking, "The Space Needle is in", "Seattle").answer
    (folder / "text.txt").write_text("The Space Needle, <image> and all.")
    for make in (
        lambda: prompt_row(loaded.asking, "An <image> of Paris"),
        lambda: answer_row(loaded.asking, "Paris is", "an <image>"),
        lambda: list(text_named(f"file:{folder / 'text.txt'}", 0).rows(loaded, 10)),
    ):
        with pytest.raises(LgaError, match="no embedding for the token '<image>'"):
            make()


def test_a_text_longer_than_the_learned_positions_is_refused(tmp_path: Path):
    config = GPT2Config(vocab_size=400, n_positions=16, n_embd=32, n_layer=2, n_head=4)
    GPT2LMHeadModel(config).save_pretrained(tmp_path)
    train_tokenizer(bos=False).save_pretrained(tmp_path)
    loaded = load(str(tmp_path), device="cpu")
    row = prompt_row(loaded.asking, "Paris is in")
    with pytest.raises(LgaError, match=r"tokens \(“The Space Needle .*”\) is longer than this model’s 16 positions"):
        prompt_row(loaded.asking, "The Space Needle is in Seattle and " * 9)
    fits = 16 - len(row.ids) + 1  # the last token is not read again
    (text,) = generate(loaded, [row], fits, sampler([0]), phase=Phase.FLUENCY, past_ends=True)
    assert len(text) == fits
    with pytest.raises(LgaError, match="A text of 17 tokens"):
        generate(loaded, [row], fits + 1, sampler([0]), phase=Phase.FLUENCY, past_ends=True)


def test_a_tokenizer_that_ends_every_text_is_refused(folder: Path):
    tokenizer = train_tokenizer(bos=False)
    ending = TemplateProcessing(single="$A <eos>", special_tokens=[("<eos>", tokenizer.eos_token_id)])
    tokenizer.backend_tokenizer.post_processor = ending
    tokenizer.save_pretrained(folder)
    with pytest.raises(LgaError, match="puts '<eos>' after every text"):
        load(str(folder), device="cpu")


def test_other_models_have_no_such_bound(tiny_folder: Path):
    assert load(str(tiny_folder), device="cpu").asking.positions is None
