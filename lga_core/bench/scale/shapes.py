"""Models of published shapes with random weights, made on the device: for what a size costs, not for what it knows."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast
from transformers.initialization import no_init_weights

from lga_core.data.facts import Fact
from lga_core.models.loaded import LoadedModel
from lga_core.models.structure.architecture import Architecture

VOCABULARY = 2000  # of the tokenizer, which is trained on the facts: no model's is at hand
SPECIAL = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The numbers of one published config.json that set what a model costs."""

    name: str
    source: str  # where the numbers are from
    classes: tuple[str, str]  # configuration and model in transformers
    width: int
    layers: int
    heads: int
    vocabulary: int
    sizes: Mapping[str, str]  # what the family calls width, layers, heads and vocabulary
    scaled: Mapping[str, int]  # further sizes that grow with the width
    fixed: Mapping[str, Any]  # and those that do not

    def near(self, width: int) -> int:
        """The width that comes closest to `width` among those that the heads divide into multiples of 4."""
        step = self.heads * 4
        return max(1, round(width / step)) * step

    def config(self, layers: int, width: int, vocabulary: int) -> Any:
        """The configuration at another depth and width (`near`), with the same proportions and as many heads."""
        named = {"width": width, "layers": layers, "heads": self.heads, "vocabulary": vocabulary}
        return getattr(transformers, self.classes[0])(
            **{self.sizes[part]: size for part, size in named.items()},
            # Even: rotations turn pairs.
            **{name: 2 * round(size * width / self.width / 2) for name, size in self.scaled.items()},
            **self.fixed,
            **SPECIAL,
        )


_HIDDEN = {
    "width": "hidden_size",
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "vocabulary": "vocab_size",
}
SHAPES = (
    Shape(
        name="GPT-2 XL",
        source="openai-community/gpt2-xl",
        classes=("GPT2Config", "GPT2LMHeadModel"),
        width=1600,
        layers=48,
        heads=25,
        vocabulary=50257,
        scaled={"n_inner": 6400},
        fixed={"n_positions": 1024},
        sizes={"width": "n_embd", "layers": "n_layer", "heads": "n_head", "vocabulary": "vocab_size"},
    ),
    Shape(
        name="Llama-2-7B",
        source="meta-llama/Llama-2-7b-hf",
        classes=("LlamaConfig", "LlamaForCausalLM"),
        width=4096,
        layers=32,
        heads=32,
        vocabulary=32000,
        sizes=_HIDDEN,
        scaled={"intermediate_size": 11008},
        fixed={"num_key_value_heads": 32, "max_position_embeddings": 4096},
    ),
    Shape(
        name="Gemma-3-12B, text",
        source="google/gemma-3-12b-pt, text_config",
        classes=("Gemma3TextConfig", "Gemma3ForCausalLM"),
        width=3840,
        layers=48,
        heads=16,
        vocabulary=262208,
        sizes=_HIDDEN,
        scaled={"intermediate_size": 15360, "head_dim": 256},
        fixed={"num_key_value_heads": 8, "sliding_window": 1024, "query_pre_attn_scalar": 256},
    ),
)


def random_model(
    shape: Shape,
    facts: Sequence[Fact],
    *,
    layers: int,
    width: int,
    vocabulary: int,
    device: torch.device,
    dtype: torch.dtype,
    seed: int = 0,
) -> LoadedModel:
    """A model with random weights, never on another device or in another dtype than asked for."""
    with torch.device(device), no_init_weights(), default_dtype(dtype):
        network = getattr(transformers, shape.classes[1])(shape.config(layers, width, vocabulary))
    network.tie_weights()
    numbers = torch.Generator(device).manual_seed(seed)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.02, generator=numbers)
            else:  # norms and biases
                parameter.fill_(float(name.endswith("weight")))
    network.eval().requires_grad_(False)
    return LoadedModel(
        name=shape.name,
        model=network,
        tokenizer=tokenizer_of(facts),
        architecture=Architecture.find(network),
        fingerprint=f"random-{shape.classes[0]}-{layers}-{width}-{vocabulary}-{seed}",
    )


def parameters(shape: Shape) -> int:
    """How many numbers the published shape has, tied ones once; nothing is allocated."""
    with torch.device("meta"), no_init_weights():
        network = getattr(transformers, shape.classes[1])(shape.config(shape.layers, shape.width, shape.vocabulary))
    network.tie_weights()
    return sum(parameter.numel() for parameter in network.parameters())


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """What modules are made in."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def tokenizer_of(facts: Sequence[Fact]) -> PreTrainedTokenizerFast:
    """A byte-level BPE trained on the facts themselves: words are one to three tokens, as with a model's own."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<eos>"],
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    texts = [f"{fact.prompt} {answer}" for fact in facts for answer in (*fact.target_old, fact.target_new or "")]
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<eos>", pad_token="<eos>")
