"""Subjects of many bytes under the kinds of tokenizers there are: byte-level, SentencePiece-style, with BOS or none."""

from functools import cache

import numpy as np
import pytest
import torch
from conftest import make_fact, tiny_network
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from lga_core.bench.speed.baselines import naive_gradient_products
from lga_core.models.loaded import LoadedModel
from lga_core.models.structure.architecture import Architecture
from lga_core.models.text.chat import Asking
from lga_core.models.text.tokens import answer_row, prompt_row, subject_span
from lga_core.scores.gradients.lga import gradient_products

CORPUS = [
    "The Space Needle is in downtown Seattle.",
    "The capital of Japan is Tokyo, 東京, and 東京タワー is there.",
    "Zürich and São Paulo are cities; Café Müller was danced in Wuppertal.",
    "Москва is a city.",
] * 5
SPECIAL = ["<unk>", "<s>", "</s>"]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
METASPACE = dict(replacement="▁")


def _finished(tokenizer: Tokenizer, bos: bool) -> PreTrainedTokenizerFast:
    if bos:
        tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>")


def byte_level(split: str | None = None) -> Tokenizer:
    """GPT-2's way; with `split` Qwen's and Llama 3's: a pattern of their own, and composed characters."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if split:
        tokenizer.normalizer = normalizers.NFC()
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(split), behavior="isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(
            vocab_size=400,
            special_tokens=SPECIAL,
            show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        ),
    )
    return tokenizer


def metaspace(scheme: str) -> Tokenizer:
    """Gemma's and Mistral's way: spaces are ▁, and what is not in the vocabulary falls back to bytes."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(**METASPACE, prepend_scheme=scheme)
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(vocab_size=500, special_tokens=[*SPECIAL, *BYTES], show_progress=False, limit_alphabet=40),
    )
    return tokenizer


def llama() -> Tokenizer:
    """Llama 2's: the space in front is put there by a normalizer, and no pre-tokenizer splits words."""
    tokenizer = metaspace("never")
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.pre_tokenizer = None
    return tokenizer


def unigram() -> Tokenizer:
    """SentencePiece's other model, with its normalization."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(**METASPACE, prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(**METASPACE)
    tokenizer.train_from_iterator(
        CORPUS, trainers.UnigramTrainer(vocab_size=300, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False)
    )
    return tokenizer


KINDS = {
    "byte-level": byte_level,
    "byte-level, Qwen's split": lambda: byte_level(r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+"),
    "metaspace, always": lambda: metaspace("always"),
    "metaspace, first": lambda: metaspace("first"),
    "metaspace, never": lambda: metaspace("never"),
    "Llama 2": llama,
    "unigram": unigram,
}
SUBJECTS = [
    "Space Needle",
    "東京",
    "東京タワー",
    "Zürich",
    "Cafe\u0301 Mu\u0308ller",
    "🗼",
    "👩‍👩‍👧 family",
    "Москва",
    "قطر",
    "ภาษาไทย",
    "𝔘𝔫𝔦",
    "naïve",
]
PROMPTS = ["{} is in", "The {} is in", "see {}", "«{}» is in", "{}は、"]


@cache
def tokenizer_of(kind: str, bos: bool) -> PreTrainedTokenizerFast:
    return _finished(KINDS[kind](), bos)


every_kind = pytest.mark.parametrize("kind", KINDS)
with_or_without_bos = pytest.mark.parametrize("bos", [False, True], ids=["no BOS", "BOS"])


def holds_last_character(tokenizer: PreTrainedTokenizerFast, prompt: str, end: int, token: int) -> bool:
    """By the text instead of the offsets: where the row changes when it ends before that character, it begins.

    Nothing can be told where the token is unknown and stands for many characters.
    """
    ids = prompt_row(Asking(tokenizer=tokenizer), prompt).ids
    if ids[token] == tokenizer.unk_token_id:
        return True
    cut = tokenizer(prompt[: end - 1])["input_ids"]
    common = next((i for i, (a, b) in enumerate(zip(ids, cut, strict=False)) if a != b), min(len(ids), len(cut)))
    return common <= token


@with_or_without_bos
@every_kind
@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_last_token_of_a_subject_of_many_bytes(kind, bos, prompt):
    tokenizer = tokenizer_of(kind, bos)
    for subject in SUBJECTS:
        text = prompt.format(subject)
        first = text.index(subject)
        start, end = subject_span(Asking(tokenizer=tokenizer), text, (first, first + len(subject)))
        ids = prompt_row(Asking(tokenizer=tokenizer), text).ids
        offsets = tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
        assert int(bos) <= start < end <= len(ids)
        assert holds_last_character(tokenizer, text, first + len(subject), end - 1)
        # Where a space follows, the row of the text that ends with the subject is the same up to there.
        if text[first + len(subject) :].startswith(" "):
            assert prompt_row(Asking(tokenizer=tokenizer), text[: first + len(subject)]).ids == ids[:end]
        assert all(later[0] >= first + len(subject) or later[0] == later[1] for later in offsets[end:])


@with_or_without_bos
@every_kind
def test_the_answer_is_what_follows_the_prompt(kind, bos):
    tokenizer = tokenizer_of(kind, bos)
    for subject in SUBJECTS:
        row = answer_row(Asking(tokenizer=tokenizer), f"{subject} is in", "東京 Tokyo")
        assert row.ids[: row.start] == prompt_row(Asking(tokenizer=tokenizer), f"{subject} is in").ids
        answer = tokenizer.decode(row.answer).strip()
        assert answer == "東京 Tokyo" or "<unk>" in tokenizer.convert_ids_to_tokens(row.answer)


words = st.text(st.characters(categories=("L", "M", "N", "So"), max_codepoint=0x1FAFF), min_size=1, max_size=8)


@every_kind
@given(before=words, subject=words, after=words)
def test_a_span_holds_every_character_of_any_subject(kind, before, subject, after):
    tokenizer = tokenizer_of(kind, True)
    text, first = f"{before} {subject} {after}", len(before) + 1
    offsets = tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
    seen = {position for begin, end in offsets for position in range(begin, end)}
    if not seen & set(range(first, first + len(subject))):
        return  # a normalizer took all of it away
    start, end = subject_span(Asking(tokenizer=tokenizer), text, (first, first + len(subject)))
    inside = {position for begin, last in offsets[start:end] for position in range(begin, last)}
    assert seen & set(range(first, first + len(subject))) <= inside


@with_or_without_bos
@pytest.mark.parametrize("kind", ["metaspace, always", "Llama 2", "unigram"])
def test_lga_on_a_sentencepiece_model_is_the_double_backward(kind, bos):
    network = tiny_network("llama").double()
    tokenizer = tokenizer_of(kind, bos)
    network.resize_token_embeddings(max(len(tokenizer), 400))
    model = LoadedModel(
        name="tiny",
        model=network.requires_grad_(False),
        tokenizer=tokenizer,
        architecture=Architecture.find(network),
        fingerprint="tiny",
    )
    fact = make_fact(0, "The 東京タワー is in", "東京タワー", "Zürich", "Tokyo 東京")
    rows = [
        answer_row(Asking(tokenizer=tokenizer), fact.prompt, answer) for answer in (fact.target_old[0], fact.target_new)
    ]
    fast = gradient_products(model, rows[:1], rows[1:])
    naive = naive_gradient_products(model, *rows, tuple(block.mlp_linears for block in model.architecture.blocks))
    scale = fast["norm-old/mlp"][0] * fast["norm-new/mlp"][0]
    assert np.all(np.abs(fast["product/mlp"][0] - naive.numpy()) <= 1e-6 * scale)
    assert torch.isfinite(naive).all()
