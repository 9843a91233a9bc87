"""Rows laid end to end in one line, where each row's positions start at 0: a batch without a single pad.

transformers builds the mask between the rows from the positions (`masking_utils.find_packed_sequence_indices`), for
the families that hand them on. Which do is tried out when a model is loaded; the others run padded.
"""

from dataclasses import dataclass

import torch
from torch import nn

from lga_core.models.text.tokens import Batch

CLOSE = 5e-2  # of the norm: bfloat16 through many blocks; a leak is compared exactly


@dataclass(frozen=True, kw_only=True, eq=False)
class Packing:
    """A padded batch (B, T) as one line of its N tokens."""

    ids: torch.Tensor  # (1, N)
    positions: torch.Tensor  # (1, N)
    places: torch.Tensor  # (B, T) where each token of the batch stands in the line; 0 for pads

    @classmethod
    def of(cls, batch: Batch) -> "Packing":
        present = batch.mask.bool()
        places = (present.flatten().cumsum(0) - 1).view(present.shape).where(present, 0)  # (B·T,) -> (B, T)
        return cls(ids=batch.ids[present][None], positions=batch.positions[present][None], places=places)

    def inputs(self) -> dict[str, torch.Tensor | bool]:
        """Keyword arguments of a decoder's forward; without a mask it takes the rows for packed."""
        return {"input_ids": self.ids, "position_ids": self.positions, "use_cache": False}

    def spread(self, values: torch.Tensor) -> torch.Tensor:
        """(1, N, d) of the line as (B, T, d) of the batch; pads hold some token's values."""
        return values[0, self.places]


@torch.no_grad()
def keeps_rows_apart(decoder: nn.Module, device: torch.device) -> bool:
    """Whether a row in a line is what it is alone, whatever stands before it: to the last bit, as masks are exact."""
    first = torch.tensor([[1, 2, 3]], device=device)
    other = torch.tensor([[7, 8, 9]], device=device)
    second = torch.tensor([[4, 5, 6, 2]], device=device)
    positions = torch.tensor([[0, 1, 2, 0, 1, 2, 3]], device=device)

    def behind(before: torch.Tensor) -> torch.Tensor:
        line = torch.cat([before, second], 1)
        return decoder(input_ids=line, position_ids=positions, use_cache=False).last_hidden_state[:, 3:]

    alone = decoder(input_ids=second, position_ids=positions[:, 3:], use_cache=False).last_hidden_state
    packed = behind(first)
    return torch.equal(packed, behind(other)) and bool((packed - alone).norm() <= CLOSE * alone.norm())
