"""Linear layers on few rows, on a CPU: the same product, asked of the library the other way round.

MKL takes up to two and a half times as long for x Wᵀ as for W xᵀ there. A step of a search for v* has about 30 rows, a
text before and after an edit two. For which numbers of rows depends on the maker of the processor:

* Intel (a Xeon, 2 cores), SmolLM2's 1536 × 576, GFLOP/s of x Wᵀ and W xᵀ: 13 and 7 for 2 rows, 14 and 13 for 4, 21 and
  51 for 16, 36 and 76 for 32, 47 and 67 for 56, 100 and 77 for 64.
* AMD (an EPYC, 2 cores), all of SmolLM2's matrices: 131 ms and 61 ms for 2 rows, 169 ms and 70 ms for 4. Many rows gain
  nothing.
"""

from pathlib import Path

import torch
from torch import nn

INTEL, OTHERS = range(4, 64), range(2, 9)  # rows
PROCESSORS = Path("/proc/cpuinfo")  # Linux only


class FewRowsLinear(nn.Linear):
    """A linear layer with the better way for few rows."""

    few: range  # rows

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        rows = input.numel() // self.in_features
        if rows not in self.few:
            return super().forward(input)
        product = torch.mm(self.weight, input.reshape(rows, self.in_features).T).T.contiguous()  # (rows, d_out)
        if self.bias is not None:
            product = product + self.bias
        return product.view(*input.shape[:-1], self.out_features)


def prefer_few_rows(model: nn.Module) -> None:
    """Let the linear layers of a float32 model on a CPU take that way; their weights stay what they are."""
    few = rows_of_this_processor()
    for module in model.modules():
        if type(module) is nn.Linear and module.weight.device.type == "cpu" and module.weight.dtype == torch.float32:
            module.__class__ = FewRowsLinear
            module.few = few


def rows_of_this_processor() -> range:
    """The numbers of rows for which W xᵀ is faster; those of other makers where the processor is not told."""
    processors = PROCESSORS.read_text() if PROCESSORS.exists() else ""
    return INTEL if "GenuineIntel" in processors else OTHERS
