"""Models whose weights are kept in few bits: what reads them, what can be measured on them, why they are not edited."""

import importlib.util
from pathlib import Path

import torch
from torch import nn
from transformers.quantizers.auto import AUTO_QUANTIZER_MAPPING

from lga_core.errors import LgaError
from lga_core.models.loaded import LoadedModel
from lga_core.models.sources import checkpoint

# What transformers reads each kind with: (module, package). Kinds that are not listed it reads or refuses by itself.
READERS = {
    "bitsandbytes": (("bitsandbytes", "bitsandbytes"),),
    "gptq": (("optimum", "optimum"), ("gptqmodel", "gptqmodel")),
    "awq": (("gptqmodel", "gptqmodel"),),
    "compressed-tensors": (("compressed_tensors", "compressed-tensors"),),
    "hqq": (("hqq", "hqq"),),
    "quanto": (("optimum.quanto", "optimum-quanto"),),
    "torchao": (("torchao", "torchao"),),
    "aqlm": (("aqlm", "aqlm"),),
}
KNOWN = {*READERS, *AUTO_QUANTIZER_MAPPING}


def kind_of(folder: Path) -> str | None:
    """How the weights of a folder are quantized by its config.json, as "gptq"; None where they are not."""
    config = checkpoint.configuration(folder)
    settings = config.get("quantization_config") or (config.get("text_config") or {}).get("quantization_config")
    if not isinstance(settings, dict):
        return None
    if settings.get("load_in_4bit") or settings.get("load_in_8bit"):  # older files name no method
        return "bitsandbytes"
    return str(settings.get("quant_method", "unnamed"))


def check_readable(folder: Path) -> None:
    """Raise LgaError where the weights are quantized by a package that is not installed, or in a way nobody knows."""
    kind = kind_of(folder)
    if kind is not None and kind not in KNOWN:
        # transformers would warn, and read packed numbers as if they were weights.
        raise LgaError(
            f"The weights in {folder} are quantized in a way that transformers does not know ({kind}).",
            hint="Name a copy that is not quantized, or quantized by bitsandbytes, GPTQ or AWQ.",
        )
    missing = [package for module, package in READERS.get(kind, ()) if not _installed(module)]
    if missing:
        raise LgaError(
            f"The weights in {folder} are quantized ({kind}) and cannot be read without the package "
            f"{' and '.join(missing)}.",
            hint=f"Install it (pip install {' '.join(missing)}), or name a copy that is not quantized.",
        )


def keep_gradients(network: nn.Module) -> None:
    """Call before a quantized network first runs: bitsandbytes then packs 4-bit weights anew on some CPUs, for kernels
    that have no backward pass, and cannot go back."""
    for module in network.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def is_quantized(model: LoadedModel) -> bool:
    """Whether any matrix of the blocks is kept in few bits."""
    return any(matrix.packed for block in model.architecture.blocks for matrix in block.linears)


def refuse_edits(model: LoadedModel) -> None:
    """Raise LgaError for a quantized model: an edit changes float weights, and it has none."""
    if is_quantized(model):
        raise LgaError(
            f"The weights of {model.name} are quantized: an editor reads a layer's float weights, and "
            "changes them by less than these are rounded by.",
            hint="Score and trace this model, and edit a copy that is not quantized.",
        )


def require_gradients(model: LoadedModel, what: str) -> None:
    """Raise LgaError where the kernels of a quantized model run forward only."""
    if is_quantized(model) and not _carries_gradients(model):
        raise LgaError(
            f"{what} needs gradients, and none flow through the quantized weights of {model.name}.",
            hint="Use the causal trace (cma-mlp), which needs none, or weights of bitsandbytes, or a copy "
            "that is not quantized.",
        )


def _carries_gradients(model: LoadedModel) -> bool:
    """Whether gradients flow back through the first block's packed matrices, tried on two random tokens."""
    block = model.architecture.blocks[0]
    for matrix in block.linears:
        if not matrix.packed:
            continue
        given = torch.randn(1, 2, matrix.d_in, device=model.device, dtype=model.dtype, requires_grad=True)
        try:
            with model.using("trying gradients"), torch.enable_grad():
                (gradient,) = torch.autograd.grad(matrix.module(given).float().pow(2).sum(), [given])
        except (RuntimeError, NotImplementedError):  # a kernel without a backward pass says so in words of its own
            return False
        if not bool(gradient.isfinite().all()) or not bool(gradient.any()):
            return False
    return True


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # the package around it is not there either
        return False
