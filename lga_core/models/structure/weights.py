"""Weight matrices, whatever their storage: torch's Linear, GPT-2's transposed Conv1D, and matrices kept in few bits."""

from dataclasses import dataclass

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from lga_core.errors import LgaError

FLOATS = (torch.float64, torch.float32, torch.bfloat16, torch.float16)


@dataclass(frozen=True, kw_only=True, eq=False)
class Linear:
    """A weight matrix by its dotted name, seen as (d_out, d_in) whatever its storage."""

    name: str
    module: nn.Module

    @property
    def weight(self) -> torch.Tensor:
        """(d_out, d_in); GPT-2's Conv1D stores the transpose. Raises LgaError where it is quantized."""
        if self.packed:
            raise LgaError(
                f"{self.name} is quantized: there are no float weights to read or to change.",
                hint="Name a copy of the model that is not quantized.",
            )
        return self.module.weight.T if isinstance(self.module, Conv1D) else self.module.weight

    @property
    def packed(self) -> bool:
        """Whether the weights are kept in few bits."""
        return packed_shape(self.module) is not None

    @property
    def d_in(self) -> int:
        return (packed_shape(self.module) or self.weight.shape)[1]

    @property
    def d_out(self) -> int:
        return (packed_shape(self.module) or self.weight.shape)[0]


def packed_shape(module: nn.Module) -> tuple[int, int] | None:
    """(d_out, d_in) of a matrix that is kept as something else than floats; None for every other module."""
    shape = tuple(getattr(module, name, None) for name in ("out_features", "in_features"))
    if not all(isinstance(size, int) for size in shape):
        return None
    weight = getattr(module, "weight", None)
    plain = torch.is_tensor(weight) and weight.dtype in FLOATS and tuple(weight.shape) == shape
    return None if plain else shape


def is_matrix(module: nn.Module) -> bool:
    return isinstance(module, (nn.Linear, Conv1D)) or packed_shape(module) is not None


def linears(prefix: str, module: nn.Module) -> tuple[Linear, ...]:
    return tuple(
        Linear(name=f"{prefix}.{name}" if name else prefix, module=child)
        for name, child in module.named_modules()
        if is_matrix(child)
    )
