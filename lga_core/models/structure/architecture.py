"""Where a decoder keeps its blocks, MLPs and projections: found by structure, checked by a real forward pass."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from transformers import PreTrainedModel

from lga_core.errors import LgaError
from lga_core.models.running.packing import keeps_rows_apart
from lga_core.models.structure.observation import Observation, observe
from lga_core.models.structure.weights import Linear, is_matrix, linears

MLP_MATRICES = (2, 3)  # plain and gated MLPs


@dataclass(frozen=True, kw_only=True, eq=False)
class Block:
    """One decoder block's parts."""

    name: str
    module: nn.Module
    mlp: nn.Module  # whose output is the MLP's own contribution, without the residual
    attn: nn.Module  # the same for the attention
    mlp_linears: tuple[Linear, ...]
    attn_linears: tuple[Linear, ...]
    down: Linear

    @property
    def linears(self) -> tuple[Linear, ...]:
        """The MLP's and the attention's matrices."""
        return (*self.mlp_linears, *self.attn_linears)


@dataclass(frozen=True, kw_only=True, eq=False)
class Architecture:
    """The parts of a decoder that the engine touches."""

    decoder: nn.Module  # ids -> final hidden states, normed
    embedding: nn.Module
    blocks: tuple[Block, ...]
    final_norm: nn.Module
    head: nn.Module
    softcap: float | None  # Gemma 2 squashes its logits
    hidden_size: int
    vocabulary: int
    flat: Mapping[nn.Module, nn.Module]  # parts that see (B·T, d), each with its block, which sees (B, T, d)
    packs: bool  # rows may stand end to end in one line (`Packing`)

    @classmethod
    def find(
        cls,
        model: PreTrainedModel,
        *,
        mlp: str | Sequence[str] | None = None,
        attention: str | None = None,
        down: str | None = None,
    ) -> "Architecture":
        """Locate every part. `mlp`, `attention` and `down` name them inside a block where the search fails.

        `mlp` is a module, or the list of its matrices where the block holds them without a module around.
        Raises LgaError with what was looked for, what was found, and the argument that helps.
        """
        decoder = model.get_decoder() or model.base_model
        config = model.config.get_text_config()
        head = model.get_output_embeddings()
        embedding = model.get_input_embeddings()
        if head is None:
            raise _unknown(model, "an output head", "none", "Use a causal language model class.")
        list_name, modules = _block_list(model, decoder, config.num_hidden_layers)
        _refuse_experts(model, list_name, modules)
        final_norm = _final_norm(model, decoder, modules)
        seen = observe(model, modules)
        search = _Search(
            model=model, seen=seen, mlp=(mlp,) if isinstance(mlp, str) else mlp, attention=attention, down=down
        )
        blocks = tuple(search.block(f"{list_name}.{index}", module) for index, module in enumerate(modules))
        architecture = cls(
            decoder=decoder,
            embedding=embedding,
            blocks=blocks,
            final_norm=final_norm,
            head=head,
            softcap=getattr(config, "final_logit_softcapping", None),
            hidden_size=blocks[0].down.d_out,
            vocabulary=head.weight.shape[0],
            flat=_flat(seen, blocks),
            packs=keeps_rows_apart(decoder, embedding.weight.device),
        )
        _check(model, architecture, seen)
        return architecture

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Vocabulary logits (…, V) in float32 or better, of normed final hidden states (…, d)."""
        logits = self.head(hidden)
        logits = logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits
        return torch.tanh(logits / self.softcap) * self.softcap if self.softcap else logits


def _unknown(model: nn.Module, wanted: str, seen: str, hint: str) -> LgaError:
    return LgaError(f"{type(model).__name__}: looked for {wanted}, found {seen}.", hint=hint)


def _by_hand(part: str) -> str:
    return f'Name it by hand: {part} = "…", under [models.parts] in a catalogue of your own (docs/MODELS.md).'


def _named(block: nn.Module, name: str) -> nn.Module:
    """A part of a block that was named by hand. Raises LgaError where there is none of that name."""
    try:
        return block.get_submodule(name)
    except AttributeError as error:
        raise LgaError(
            f"{type(block).__name__} has no part {name!r}, which was named by hand.",
            hint=f"Its parts are {', '.join(part for part, _ in block.named_children())}.",
        ) from error


def _block_list(model: nn.Module, decoder: nn.Module, layers: int) -> tuple[str, nn.ModuleList]:
    names = {module: name for name, module in model.named_modules()}
    lists = [module for module in decoder.modules() if isinstance(module, nn.ModuleList) and len(module) == layers]
    lists = [blocks for blocks in lists if len({type(block) for block in blocks}) == 1]
    if not lists:
        raise _unknown(
            model,
            f"a list of {layers} equal blocks",
            "none",
            "This model family is not supported; use a decoder-only transformer.",
        )
    return names[lists[0]], lists[0]


def _refuse_experts(model: nn.Module, list_name: str, blocks: nn.ModuleList) -> None:
    """Experts are a list of MLPs, or one weight with an expert in its first dimension."""
    for name, module in blocks.named_modules():
        listed = isinstance(module, nn.ModuleList) and any(is_matrix(part) for part in module.modules())
        stacked = any(weight.ndim == 3 and 1 not in weight.shape for weight in module.parameters(recurse=False))
        if module is not blocks and (listed or stacked):
            raise LgaError(
                f"{type(model).__name__} is a mixture of experts ({list_name}.{name}): every token takes its own way "
                "through several MLPs, so that a layer has no single down projection to score or to edit.",
                hint="Use a dense model.",
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Search:
    """The parts of one block, by what was observed of its children or by the names that were given."""

    model: PreTrainedModel
    seen: Observation
    mlp: Sequence[str] | None
    attention: str | None
    down: str | None

    def block(self, name: str, module: nn.Module) -> Block:
        mlp = self._mlp(name, module)
        ((attn_name, attn_module),) = self._attention(name, module).items()
        mlp_linears = tuple(matrix for part, child in mlp.items() for matrix in linears(f"{name}.{part}", child))
        attn_linears = linears(f"{name}.{attn_name}", attn_module)
        if len(mlp_linears) not in MLP_MATRICES:
            raise _unknown(
                self.model,
                "an MLP of two or three matrices",
                f"{len(mlp_linears)} matrices in {name} ({', '.join(mlp)})",
                _by_hand("mlp"),
            )
        down = self._down(name, module, mlp_linears)
        whole = next(iter(mlp.values())) if len(mlp) == 1 else down.module
        return Block(
            name=name,
            module=module,
            mlp=self._own(whole, mlp_linears),
            mlp_linears=mlp_linears,
            down=down,
            attn=self._own(attn_module, attn_linears),
            attn_linears=attn_linears,
        )

    def _mlp(self, name: str, block: nn.Module) -> dict[str, nn.Module]:
        """The MLP's module, or its matrices where they lie in the block itself (OPT)."""
        if self.mlp is not None:
            return {part: _named(block, part) for part in self.mlp}
        fitting = {part: child for part, child in self._with_matrices(block).items() if self.seen.given_states(child)}
        if len(fitting) != 1 and not (fitting and all(map(is_matrix, fitting.values()))):
            raise self._not_one("mlp", name, block, len(fitting))
        return fitting

    def _attention(self, name: str, block: nn.Module) -> dict[str, nn.Module]:
        """The child that is given more than hidden states: masks, positions, a cache."""
        if self.attention is not None:
            return {self.attention: _named(block, self.attention)}
        fitting = {
            part: child
            for part, child in self._with_matrices(block).items()
            if child in self.seen.outputs and not self.seen.given_states(child)
        }
        if len(fitting) != 1:
            raise self._not_one("attention", name, block, len(fitting))
        return fitting

    def _with_matrices(self, block: nn.Module) -> dict[str, nn.Module]:
        return {name: child for name, child in block.named_children() if any(map(is_matrix, child.modules()))}

    def _not_one(self, wanted: str, name: str, block: nn.Module, count: int) -> LgaError:
        listing = ", ".join(f"{key}: {type(child).__name__}" for key, child in block.named_children())
        return _unknown(
            self.model,
            f"one {wanted} in block {name}",
            f"{count} among [{listing}]",
            _by_hand(wanted),
        )

    def _down(self, name: str, block: nn.Module, linears: tuple[Linear, ...]) -> Linear:
        """The last matrix of the MLP to run, if the others run on what the block is given."""
        if self.down is not None:
            part = _named(block, self.down)
            if not is_matrix(part):
                raise LgaError(
                    f"{name}.{self.down} is a {type(part).__name__}, no weight matrix.",
                    hint="Name the down projection itself, as mlp.down_proj.",
                )
            return Linear(name=f"{name}.{self.down}", module=part)
        order = {module: i for i, module in enumerate(self.seen.outputs)}
        called = sorted((matrix for matrix in linears if matrix.module in order), key=lambda m: order[m.module])
        if len(called) == len(linears) and all(matrix.d_in == called[-1].d_out for matrix in called[:-1]):
            return called[-1]
        shapes = ", ".join(f"{matrix.name}: {matrix.d_in}→{matrix.d_out}" for matrix in linears)
        raise _unknown(
            self.model,
            f"one down projection in {name}",
            f"{len(called)} matrices that run, of {shapes}",
            _by_hand("down"),
        )

    def _own(self, part: nn.Module, linears: tuple[Linear, ...]) -> nn.Module:
        """The part, or its matrix whose output it returns with the residual added: that is its own contribution."""
        return next(
            (
                matrix.module
                for matrix in linears
                if matrix.module is not part
                and matrix.module in self.seen.outputs
                and self.seen.adds_its_input(part, matrix.module)
            ),
            part,
        )


def _flat(seen: Observation, blocks: tuple[Block, ...]) -> dict[nn.Module, nn.Module]:
    return {
        part: block.module
        for block in blocks
        for part in (block.mlp, block.attn, *(matrix.module for matrix in block.linears))
        if seen.flattened(part)
    }


def _final_norm(model: nn.Module, decoder: nn.Module, blocks: nn.ModuleList) -> nn.Module:
    """The last norm declared in the module that owns the blocks."""
    owner = next(module for module in decoder.modules() if any(child is blocks for child in module.children()))
    norms = [child for child in owner.children() if "norm" in type(child).__name__.lower()]
    if not norms:
        raise _unknown(
            model, "a final norm beside the blocks", "none", "Models without a final norm are not supported."
        )
    return norms[-1]


def _check(model: PreTrainedModel, architecture: Architecture, seen: Observation) -> None:
    """Rebuild the logits from the parts: block output → final norm → head must be the model's own logits."""
    widths = {
        architecture.embedding.weight.shape[1],
        architecture.head.weight.shape[1],
        *(block.down.d_out for block in architecture.blocks),
    }
    if len(widths) != 1:
        raise _unknown(
            model,
            "one width from the embedding through the blocks to the head",
            ", ".join(map(str, sorted(widths))),
            "Models that project between widths are not supported.",
        )
    with torch.no_grad():
        last = seen.outputs[architecture.blocks[-1].module]  # (1, T, d)
        rebuilt = architecture.logits(architecture.final_norm(last))  # (1, T, V)
    tolerance = 1e-3 if seen.logits.dtype in (torch.float32, torch.float64) else 5e-2
    if not torch.allclose(rebuilt, seen.logits.to(rebuilt.dtype), atol=tolerance, rtol=tolerance):
        raise _unknown(
            model,
            "logits = head(norm(last block))",
            "other logits in a forward pass",
            "This model family treats its logits in a way that is not supported yet.",
        )
