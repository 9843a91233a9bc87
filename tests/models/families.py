"""The model families that the engine is tested on, each as a tiny random model; the README's table is made from this.

Widths, head counts and depths differ from one another, so that none can stand for another by accident.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
import transformers
from transformers import PreTrainedModel

VOCABULARY, WIDTH, INNER, LAYERS, HEADS = 400, 32, 80, 3, 4
# What each family calls the same five sizes.
LLAMA = {
    "hidden_size": WIDTH,
    "intermediate_size": INNER,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": 2,
}
NEOX = {"hidden_size": WIDTH, "intermediate_size": INNER, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS}
GPT = {"n_embd": WIDTH, "n_inner": INNER, "n_layer": LAYERS, "n_head": HEADS, "n_positions": 256}
OPT = {
    "hidden_size": WIDTH,
    "ffn_dim": INNER,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "max_position_embeddings": 256,
    "word_embed_proj_dim": WIDTH,
    "pad_token_id": 0,
}
FALCON = {"hidden_size": WIDTH, "ffn_hidden_size": INNER, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS}
GEMMA = LLAMA | {"head_dim": 16, "sliding_window": 8, "pad_token_id": 0}
GEMMA2 = GEMMA | {"query_pre_attn_scalar": 16, "attn_logit_softcapping": 5.0, "final_logit_softcapping": 10.0}
QWEN3 = LLAMA | {"head_dim": 16}
EXPERTS = {"num_experts_per_tok": 2, "moe_intermediate_size": 16}
VISION = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 2,
    "image_size": 28,
    "patch_size": 14,
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Family:
    """One row: how to build the family's model, and what is particular about it."""

    name: str
    title: str  # as the README names it
    classes: tuple[str, str]  # configuration and model in transformers
    sizes: Mapping[str, Any]
    note: str
    down: str  # the down projection's name inside a block
    bos: bool = False  # its tokenizer begins every text with one
    # float32 where the family's attention goes through it whatever the model's dtype: a float64 mask overflows there.
    exact: torch.dtype = torch.float64
    special: Mapping[str, int] = field(default_factory=lambda: {"bos_token_id": 1, "eos_token_id": 0})

    def build(self, seed: int = 0) -> PreTrainedModel:
        """A random model in float32 whose weights are large enough for effects that can be measured."""
        torch.manual_seed(seed)
        config = getattr(transformers, self.classes[0])(vocab_size=VOCABULARY, **self.sizes, **self.special)
        network = getattr(transformers, self.classes[1])(config)
        with torch.no_grad():
            for parameter in network.parameters():
                if parameter.ndim == 2:
                    parameter.mul_(6.0)
                elif parameter.ndim == 1:  # biases and norms start at 0 and 1, where a mistake would not show
                    parameter.add_(torch.randn_like(parameter), alpha=0.1)
        return network.eval().requires_grad_(False)


FAMILIES = (
    Family(
        name="gpt2",
        title="GPT-2",
        classes=("GPT2Config", "GPT2LMHeadModel"),
        sizes=GPT,
        note="transposed weights, learned positions",
        down="mlp.c_proj",
    ),
    Family(
        name="gptj",
        title="GPT-J",
        classes=("GPTJConfig", "GPTJForCausalLM"),
        sizes=GPT | {"rotary_dim": 4},
        note="attention and MLP side by side",
        down="mlp.fc_out",
    ),
    Family(
        name="gpt-neox",
        title="GPT-NeoX, Pythia",
        classes=("GPTNeoXConfig", "GPTNeoXForCausalLM"),
        sizes=NEOX,
        note="side by side, fused query, key and value",
        down="mlp.dense_4h_to_h",
    ),
    Family(
        name="gpt-neox-sequential",
        title="GPT-NeoX, one after the other",
        classes=("GPTNeoXConfig", "GPTNeoXForCausalLM"),
        sizes=NEOX | {"use_parallel_residual": False},
        note="attention before the MLP",
        down="mlp.dense_4h_to_h",
    ),
    Family(
        name="opt",
        title="OPT",
        classes=("OPTConfig", "OPTForCausalLM"),
        sizes=OPT,
        note="MLP without a module of its own, on flattened batches",
        down="fc2",
        bos=True,
    ),
    Family(
        name="bloom",
        title="BLOOM",
        classes=("BloomConfig", "BloomForCausalLM"),
        sizes={"hidden_size": WIDTH, "n_layer": LAYERS, "n_head": HEADS},
        note="ALiBi; its parts add the residual themselves, which is left out of what is traced",
        down="mlp.dense_4h_to_h",
        exact=torch.float32,
    ),
    Family(
        name="falcon",
        title="Falcon 7B",
        classes=("FalconConfig", "FalconForCausalLM"),
        sizes=FALCON,
        note="side by side, one key and value head",
        down="mlp.dense_4h_to_h",
    ),
    Family(
        name="falcon-40b",
        title="Falcon 40B",
        classes=("FalconConfig", "FalconForCausalLM"),
        sizes=FALCON | {"new_decoder_architecture": True, "num_kv_heads": 2},
        note="side by side, a norm for each",
        down="mlp.dense_4h_to_h",
    ),
    Family(
        name="falcon-rw",
        title="Falcon RW",
        classes=("FalconConfig", "FalconForCausalLM"),
        sizes=FALCON | {"alibi": True, "parallel_attn": False, "multi_query": False, "bias": True},
        note="ALiBi, attention before the MLP",
        down="mlp.dense_4h_to_h",
    ),
    Family(
        name="mpt",
        title="MPT",
        classes=("MptConfig", "MptForCausalLM"),
        sizes={"d_model": WIDTH, "n_layers": LAYERS, "n_heads": HEADS, "max_seq_len": 256},
        note="ALiBi that all rows share, no biases",
        down="ffn.down_proj",
        exact=torch.float32,
    ),
    Family(
        name="phi",
        title="Phi 1, 1.5, 2",
        classes=("PhiConfig", "PhiForCausalLM"),
        sizes=NEOX,
        note="side by side, a bias at the head",
        down="mlp.fc2",
    ),
    Family(
        name="phi3",
        title="Phi 3, 4",
        classes=("Phi3Config", "Phi3ForCausalLM"),
        sizes=LLAMA | {"pad_token_id": 0},
        note="gate and up projection in one matrix",
        down="mlp.down_proj",
    ),
    Family(
        name="llama",
        title="Llama 1, 2, 3",
        classes=("LlamaConfig", "LlamaForCausalLM"),
        sizes=LLAMA,
        note="gated MLP, grouped heads",
        down="mlp.down_proj",
        bos=True,
    ),
    Family(
        name="mistral",
        title="Mistral",
        classes=("MistralConfig", "MistralForCausalLM"),
        sizes=LLAMA | {"sliding_window": 8},
        note="sliding window",
        down="mlp.down_proj",
        bos=True,
    ),
    Family(
        name="qwen2",
        title="Qwen 2, 2.5",
        classes=("Qwen2Config", "Qwen2ForCausalLM"),
        sizes=LLAMA | {"tie_word_embeddings": True},
        note="biases in the attention, tied head",
        down="mlp.down_proj",
    ),
    Family(
        name="qwen3",
        title="Qwen 3",
        classes=("Qwen3Config", "Qwen3ForCausalLM"),
        sizes=QWEN3,
        note="norms on queries and keys",
        down="mlp.down_proj",
    ),
    Family(
        name="gemma2",
        title="Gemma 2",
        classes=("Gemma2Config", "Gemma2ForCausalLM"),
        sizes=GEMMA2,
        note="norm after the MLP, softcapped attention and logits, scaled embedding",
        down="mlp.down_proj",
        bos=True,
        exact=torch.float32,
    ),
    Family(
        name="gemma3",
        title="Gemma 3, text",
        classes=("Gemma3TextConfig", "Gemma3ForCausalLM"),
        sizes=GEMMA,
        note="norm after the MLP, sliding window, scaled embedding",
        down="mlp.down_proj",
        bos=True,
    ),
    Family(
        name="gemma3-multimodal",
        title="Gemma 3, text part of the multimodal class",
        classes=("Gemma3Config", "Gemma3ForConditionalGeneration"),
        sizes={
            "text_config": GEMMA | {"vocab_size": VOCABULARY},
            "vision_config": VISION,
            "mm_tokens_per_image": 4,
            "image_token_index": 399,
            "boi_token_index": 398,
            "eoi_token_index": 397,
        },
        note="the language model inside, without images",
        down="mlp.down_proj",
        bos=True,
    ),
    Family(
        name="olmo2",
        title="OLMo 2",
        classes=("Olmo2Config", "Olmo2ForCausalLM"),
        sizes=LLAMA | {"pad_token_id": 0},
        note="norms after attention and MLP only",
        down="mlp.down_proj",
    ),
)

EXPERT_FAMILIES = (
    Family(
        name="mixtral",
        title="Mixtral",
        classes=("MixtralConfig", "MixtralForCausalLM"),
        sizes=LLAMA | {"num_local_experts": 4, "num_experts_per_tok": 2},
        note="mixture of experts",
        down="",
    ),
    Family(
        name="qwen2-moe",
        title="Qwen 2 MoE",
        classes=("Qwen2MoeConfig", "Qwen2MoeForCausalLM"),
        sizes=LLAMA | EXPERTS | {"num_experts": 4, "shared_expert_intermediate_size": 16},
        note="mixture of experts",
        down="",
    ),
    Family(
        name="qwen3-moe",
        title="Qwen 3 MoE",
        classes=("Qwen3MoeConfig", "Qwen3MoeForCausalLM"),
        sizes=QWEN3 | EXPERTS | {"num_experts": 4},
        note="mixture of experts",
        down="",
    ),
    Family(
        name="deepseek-v3",
        title="DeepSeek V3",
        classes=("DeepseekV3Config", "DeepseekV3ForCausalLM"),
        sizes=NEOX
        | EXPERTS
        | {
            "n_routed_experts": 4,
            "n_group": 2,
            "topk_group": 1,
            "q_lora_rank": 8,
            "kv_lora_rank": 8,
            "qk_rope_head_dim": 4,
            "qk_nope_head_dim": 4,
            "v_head_dim": 8,
            "num_key_value_heads": HEADS,
            "first_k_dense_replace": 1,
        },
        note="mixture of experts after a dense block",
        down="",
    ),
    Family(
        name="gpt-oss",
        title="gpt-oss",
        classes=("GptOssConfig", "GptOssForCausalLM"),
        sizes=QWEN3 | {"num_local_experts": 4, "num_experts_per_tok": 2, "pad_token_id": 0},
        note="mixture of experts",
        down="",
    ),
)


def family_named(name: str) -> Family:
    return next(family for family in FAMILIES if family.name == name)
