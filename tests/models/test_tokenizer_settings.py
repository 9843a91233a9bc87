"""Settings beside a tokenizer.json: where they change the tokens of a text, the model is another one."""

import json
import shutil
from pathlib import Path

import pytest
from conftest import CORPUS
from models.conftest import edit_json
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from lga_core.models.loading import load
from lga_core.models.sources.fingerprint import folder_fingerprint

TEXT = "The Space <eos>Needle"
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
FLAGS = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
SPACE, EOS = {"content": "Space", **FLAGS}, {"content": "<eos>", **FLAGS}


def save(tokenizer: Tokenizer, folder: Path) -> None:
    """With a name for every special token, and with fewer tokens than the tiny model has embeddings."""
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", eos_token="<eos>").save_pretrained(folder)


@pytest.fixture
def byte_level(folder: Path) -> Path:
    """The tiny model with a tokenizer as GPT-2's and Qwen's."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<unk>", "<eos>", "<|endoftext|>"]
    tokenizer.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(vocab_size=320, special_tokens=special, show_progress=False, initial_alphabet=alphabet),
    )
    save(tokenizer, folder)
    return folder


@pytest.fixture
def metaspace(folder: Path) -> Path:
    """The tiny model with a tokenizer as Llama 2's and Gemma's."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=False)
    special = ["<unk>", "<eos>", "<pad>", "<s>", "</s>", "<bos>", "<mask>", *BYTES]
    tokenizer.train_from_iterator(
        CORPUS, trainers.BpeTrainer(vocab_size=390, special_tokens=special, show_progress=False, limit_alphabet=30)
    )
    save(tokenizer, folder)
    return folder


def tokens_and_fingerprint(folder: Path) -> tuple[list[int], str]:
    model = load(str(folder), device="cpu")
    return model.tokenizer(TEXT).input_ids, model.fingerprint


@pytest.mark.parametrize("named", ["GPT2Tokenizer", "GPTNeoXTokenizer", "Qwen2Tokenizer", "CodeGenTokenizer"])
def test_a_familys_class_takes_its_settings_beside_a_tokenizer_json(byte_level: Path, named: str):
    edit_json(byte_level / "tokenizer_config.json", tokenizer_class=named)
    tokens, first = tokens_and_fingerprint(byte_level)
    edit_json(byte_level / "tokenizer_config.json", add_prefix_space=True)
    others, second = tokens_and_fingerprint(byte_level)
    assert others != tokens
    assert second != first


@pytest.mark.parametrize("setting", ["legacy", "add_prefix_space"])
def test_so_does_llamas(metaspace: Path, setting: str):
    settings = metaspace / "tokenizer_config.json"
    edit_json(settings, tokenizer_class="LlamaTokenizer", **{setting: True})
    tokens, first = tokens_and_fingerprint(metaspace)
    edit_json(settings, **{setting: False})
    others, second = tokens_and_fingerprint(metaspace)
    assert others != tokens
    assert second != first


def test_another_class_is_another_tokenizer(metaspace: Path):
    general, first = tokens_and_fingerprint(metaspace)
    edit_json(metaspace / "tokenizer_config.json", tokenizer_class="LlamaTokenizer", add_prefix_space=False)
    llama, second = tokens_and_fingerprint(metaspace)
    assert llama != general
    assert second != first


@pytest.mark.parametrize(
    ("file", "content"),
    [
        pytest.param("tokenizer_config.json", {"sep_token": "Space"}, id="a token of its own"),
        pytest.param("tokenizer_config.json", {"image_token": "Space"}, id="one by a name that only it has"),
        pytest.param("tokenizer_config.json", {"extra_special_tokens": ["Space"]}, id="further special tokens"),
        pytest.param("tokenizer_config.json", {"extra_special_tokens": {"image_token": "Space"}}, id="named ones"),
        pytest.param("tokenizer_config.json", {"additional_special_tokens": ["Space"]}, id="by their older name"),
        pytest.param("tokenizer_config.json", {"added_tokens_decoder": {"320": SPACE}}, id="added tokens"),
        pytest.param("tokenizer_config.json", {"added_tokens_decoder": {"1": {**EOS, "lstrip": True}}}, id="its flags"),
        pytest.param("tokenizer_config.json", {"split_special_tokens": True}, id="special tokens read as text"),
        pytest.param("special_tokens_map.json", {"sep_token": SPACE}, id="in the older file of special tokens"),
        pytest.param("added_tokens.json", {"Space": 320}, id="in the older file of added tokens"),
    ],
)
def test_the_general_class_takes_tokens_that_only_the_settings_have(byte_level: Path, file: str, content: dict):
    tokens, first = tokens_and_fingerprint(byte_level)
    path = byte_level / file
    kept = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps(kept | content))
    others, second = tokens_and_fingerprint(byte_level)
    assert others != tokens
    assert second != first


@pytest.mark.parametrize(
    "content",
    [
        {"add_prefix_space": True},
        {"legacy": False},
        {"padding_side": "left", "model_max_length": 7, "clean_up_tokenization_spaces": True},
        {"sep_token": "<unk>", "extra_special_tokens": ["<eos>"], "added_tokens_decoder": {"1": EOS}},
    ],
    ids=str,
)
def test_and_nothing_else(byte_level: Path, content: dict):
    before = tokens_and_fingerprint(byte_level)
    edit_json(byte_level / "tokenizer_config.json", **content)
    assert tokens_and_fingerprint(byte_level) == before


def test_settings_of_a_familys_class_are_content(byte_level: Path, tmp_path: Path):
    edit_json(byte_level / "tokenizer_config.json", tokenizer_class="GPT2Tokenizer")
    copy = Path(shutil.copytree(byte_level, tmp_path / "copy"))
    assert folder_fingerprint(copy) == folder_fingerprint(byte_level)
    (byte_level / "tokenizer_config.json").write_text("[]")
    assert folder_fingerprint(byte_level) != folder_fingerprint(copy), "what cannot be read is a load's to tell"
