"""What one real forward pass shows about a decoder's modules: what each is given, what it returns, in which order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from lga_core.models.running.hooks import OutputFunction, first_tensor, on_calls, on_outputs

PROBE_TOKENS = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class Observation:
    """The calls inside the blocks, in the order in which they returned."""

    inputs: Mapping[nn.Module, tuple[Any, ...]]  # positional and keyword arguments
    outputs: Mapping[nn.Module, torch.Tensor]  # the first where a module returns several
    logits: torch.Tensor  # (1, T, V), the model's own

    def given_states(self, module: nn.Module) -> bool:
        """Whether a module is given nothing but hidden states, one row a token: no mask, position or cache."""
        return module in self.outputs and all(
            torch.is_tensor(value) and value.ndim <= 3 and value.shape[:-1].numel() == PROBE_TOKENS
            for value in self.inputs[module]
        )

    def flattened(self, module: nn.Module) -> bool:
        """Whether a module sees (B·T, d), as OPT's MLP does, where others see (B, T, d)."""
        first = first_tensor(self.inputs.get(module, ()), {})
        return first is not None and first.ndim == 2

    def adds_its_input(self, module: nn.Module, inside: nn.Module) -> bool:
        """Whether a module returns the output of `inside` with one of its own inputs added, as BLOOM's parts do."""
        made = self.outputs[inside]
        output = self.outputs[module]
        return any(
            torch.is_tensor(value) and value.shape == made.shape == output.shape and torch.equal(output, made + value)
            for value in self.inputs[module]
        )


def observe(model: PreTrainedModel, blocks: Sequence[nn.Module]) -> Observation:
    """Run a few tokens and keep what happens in every module of the blocks."""
    modules = tuple(part for block in blocks for part in block.modules())
    inputs: dict[nn.Module, tuple[Any, ...]] = {}
    outputs: dict[nn.Module, torch.Tensor] = {}

    def note(module: nn.Module, args: tuple, kwargs: dict) -> None:
        inputs[module] = (*args, *kwargs.values())

    def keep(module: nn.Module) -> OutputFunction:
        def function(_given: torch.Tensor, output: torch.Tensor) -> None:
            if torch.is_tensor(output):
                outputs[module] = output.clone()  # Falcon goes on to change its MLP's output in place

        return function

    ids = torch.arange(1, 1 + PROBE_TOKENS, device=model.get_input_embeddings().weight.device)[None]
    with torch.no_grad(), on_calls(note, modules), on_outputs({module: keep(module) for module in modules}):
        logits = model(input_ids=ids, use_cache=False).logits
    return Observation(inputs=inputs, outputs=outputs, logits=logits)
