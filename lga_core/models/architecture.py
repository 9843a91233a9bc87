"""Where a decoder keeps its blocks, MLPs and projections: found by structure, checked by a real forward pass."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from lga_core.errors import LgaError
from lga_core.models.hooks import on_calls, on_outputs

MLP_MATRICES = (2, 3)                        # plain and gated MLPs


@dataclass(frozen=True, kw_only=True, eq=False)
class Linear:
    """A weight matrix by its dotted name, seen as (d_out, d_in) whatever its storage."""

    name: str
    module: nn.Module

    @property
    def weight(self) -> torch.Tensor:
        """(d_out, d_in); GPT-2's Conv1D stores the transpose."""
        return self.module.weight.T if isinstance(self.module, Conv1D) else self.module.weight

    @property
    def d_in(self) -> int:
        return self.weight.shape[1]

    @property
    def d_out(self) -> int:
        return self.weight.shape[0]


@dataclass(frozen=True, kw_only=True, eq=False)
class Block:
    """One decoder block's parts."""

    name: str
    module: nn.Module
    mlp: nn.Module
    attn: nn.Module
    mlp_linears: tuple[Linear, ...]
    attn_linears: tuple[Linear, ...]
    down: Linear


@dataclass(frozen=True, kw_only=True, eq=False)
class Architecture:
    """The parts of a decoder that the engine touches."""

    decoder: nn.Module                       # ids -> final hidden states, normed
    embedding: nn.Module
    blocks: tuple[Block, ...]
    final_norm: nn.Module
    head: nn.Module
    softcap: float | None                    # Gemma 2 squashes its logits
    hidden_size: int
    vocabulary: int

    @classmethod
    def find(cls, model: PreTrainedModel, *, mlp: str | None = None, attention: str | None = None,
             down: str | None = None) -> "Architecture":
        """Locate every part. `mlp`, `attention` and `down` name them inside a block where the search fails.

        Raises LgaError with what was looked for, what was found, and the argument that mends it.
        """
        decoder = model.get_decoder() or model.base_model
        config = model.config.get_text_config()
        head = model.get_output_embeddings()
        if head is None:
            raise _unknown(model, "an output head", "none", "Use a causal language model class.")
        list_name, modules = _block_list(model, decoder, config.num_hidden_layers)
        inputs = _observe(model, modules[0])
        blocks = tuple(
            _block(model, f"{list_name}.{index}", module, inputs, mlp, attention, down)
            for index, module in enumerate(modules)
        )
        found = cls(
            decoder=decoder,
            embedding=model.get_input_embeddings(),
            blocks=blocks,
            final_norm=_final_norm(model, decoder, modules),
            head=head,
            softcap=getattr(config, "final_logit_softcapping", None),
            hidden_size=blocks[0].down.d_out,
            vocabulary=head.weight.shape[0],
        )
        _check(model, found)
        return found

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Vocabulary logits (…, V) in float32 or better, of normed final hidden states (…, d)."""
        logits = self.head(hidden)
        logits = logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits
        return torch.tanh(logits / self.softcap) * self.softcap if self.softcap else logits


def _unknown(model: nn.Module, wanted: str, found: str, mend: str) -> LgaError:
    return LgaError(f"{type(model).__name__}: looked for {wanted}, found {found}.", mend=mend)


def _is_matrix(module: nn.Module) -> bool:
    return isinstance(module, (nn.Linear, Conv1D))


def _linears(prefix: str, module: nn.Module) -> tuple[Linear, ...]:
    return tuple(
        Linear(name=f"{prefix}.{name}" if name else prefix, module=child)
        for name, child in module.named_modules() if _is_matrix(child)
    )


def _block_list(model: nn.Module, decoder: nn.Module, layers: int) -> tuple[str, nn.ModuleList]:
    names = {module: name for name, module in model.named_modules()}
    lists = [module for module in decoder.modules() if isinstance(module, nn.ModuleList) and len(module) == layers]
    lists = [blocks for blocks in lists if len({type(block) for block in blocks}) == 1]
    if not lists:
        raise _unknown(model, f"a list of {layers} equal blocks", "none",
                       "This model family is not supported; use a decoder-only transformer.")
    return names[lists[0]], lists[0]


def _observe(model: PreTrainedModel, block: nn.Module) -> dict[type, int]:
    """How many inputs each kind of child is called with in a real forward: an MLP takes one, attention more."""
    inputs: dict[type, int] = {}

    def count(module: nn.Module, args: tuple, kwargs: dict) -> None:
        inputs[type(module)] = len(args) + len(kwargs)

    with on_calls(count, tuple(block.children())):
        _probe(model)
    return inputs


def _probe(model: PreTrainedModel) -> torch.Tensor:
    ids = torch.arange(1, 5, device=model.get_input_embeddings().weight.device)[None]
    with torch.no_grad():
        return model(input_ids=ids, use_cache=False).logits


def _block(model: nn.Module, name: str, module: nn.Module, inputs: dict[type, int],
           mlp: str | None, attention: str | None, down: str | None) -> Block:
    """The parts of one block; `inputs` were counted on the first block and hold for its kin."""
    children = dict(module.named_children())

    def pick(wanted: str, chosen: str | None, fits: Callable[[nn.Module], bool]) -> tuple[str, nn.Module]:
        if chosen is not None:
            return chosen, module.get_submodule(chosen)
        fitting = [(key, child) for key, child in children.items() if fits(child)]
        if len(fitting) != 1:
            listing = ", ".join(f"{key}: {type(child).__name__}" for key, child in children.items())
            raise _unknown(model, f"one {wanted} in block {name}", f"{len(fitting)} among [{listing}]",
                           f"Name it by hand: Architecture.find(model, {wanted}='…').")
        return fitting[0]

    def has_matrices(child: nn.Module) -> bool:
        return any(_is_matrix(part) for part in child.modules())

    mlp_name, mlp_module = pick("mlp", mlp, lambda child: has_matrices(child) and inputs.get(type(child)) == 1)
    attn_name, attn_module = pick("attention", attention,
                                  lambda child: has_matrices(child) and inputs.get(type(child), 0) > 1)
    mlp_linears = _linears(f"{name}.{mlp_name}", mlp_module)
    if len(mlp_linears) not in MLP_MATRICES:
        raise _unknown(model, "an MLP of two or three matrices", f"{len(mlp_linears)} matrices in {name}.{mlp_name}",
                       "Mixtures of experts have no single down projection and are not supported.")
    if down is not None:
        projection = Linear(name=f"{name}.{down}", module=module.get_submodule(down))
    else:
        projection = _down(model, name, mlp_linears)
    return Block(name=name, module=module, mlp=mlp_module, attn=attn_module, mlp_linears=mlp_linears,
                 attn_linears=_linears(f"{name}.{attn_name}", attn_module), down=projection)


def _down(model: nn.Module, name: str, linears: tuple[Linear, ...]) -> Linear:
    """The matrix that every other matrix of the MLP feeds: its input is their output."""
    fitting = [
        matrix for matrix in linears
        if all(other.d_out == matrix.d_in and other.d_in == matrix.d_out for other in linears if other is not matrix)
    ]
    if len(fitting) == len(linears):         # a square MLP: the last one declared
        return linears[-1]
    if len(fitting) != 1:
        shapes = ", ".join(f"{matrix.name}: {matrix.d_in}→{matrix.d_out}" for matrix in linears)
        raise _unknown(model, f"one down projection in {name}", shapes,
                       "Name it by hand: Architecture.find(model, down='…').")
    return fitting[0]


def _final_norm(model: nn.Module, decoder: nn.Module, blocks: nn.ModuleList) -> nn.Module:
    """The last norm declared in the module that owns the blocks."""
    owner = next(module for module in decoder.modules() if any(child is blocks for child in module.children()))
    norms = [child for child in owner.children() if "norm" in type(child).__name__.lower()]
    if not norms:
        raise _unknown(model, "a final norm beside the blocks", "none",
                       "Models without a final norm are not supported.")
    return norms[-1]


def _check(model: PreTrainedModel, found: Architecture) -> None:
    """Rebuild the logits from the parts: block output → final norm → head must be the model's own logits."""
    width = found.hidden_size
    for block in found.blocks:
        if block.down.d_out != width or any(matrix.d_in != width for matrix in block.mlp_linears
                                            if matrix.name != block.down.name):
            raise _unknown(model, f"MLPs of width {width}", f"another width in {block.name}",
                           "Blocks of different widths are not supported.")
    kept: list[torch.Tensor] = []
    with on_outputs({found.blocks[-1].module: lambda _given, output: kept.append(output)}):
        logits = _probe(model)
    with torch.no_grad():
        rebuilt = found.logits(found.final_norm(kept[0]))
    tolerance = 1e-3 if logits.dtype in (torch.float32, torch.float64) else 5e-2
    if not torch.allclose(rebuilt, logits.to(rebuilt.dtype), atol=tolerance, rtol=tolerance):
        raise _unknown(model, "logits = head(norm(last block))", "other logits in a forward pass",
                       "This model family treats its logits in a way that is not supported yet.")
