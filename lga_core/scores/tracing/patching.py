"""Attribution patching: the causal trace to first order, from one backward pass (METHOD.md §2).

An estimate that stands beside the exact trace, never instead of it.
"""

import numpy as np
import torch

from lga_core.data.facts import Fact
from lga_core.models.loaded import LoadedModel
from lga_core.models.running.forward import gradients_from_embedding
from lga_core.models.running.hooks import OutputFunction, on_outputs
from lga_core.models.text.tokens import Batch, prompt_row
from lga_core.results import Kind
from lga_core.scores.tracing.restore import corrupting, part_of


def patching_estimate(
    model: LoadedModel, fact: Fact, answer: int, kind: Kind, window: int, *, noise: float, draws: int, seed: int
) -> np.ndarray:
    """IE[t, l] ≈ ⟨h_clean − h_corrupt, ∂p/∂h_corrupt⟩, (tokens, L), mean over draws.

    Exact to first order for one layer. Over a window it is the sum of the layers' estimates, which counts twice
    what a restored layer would have passed on through the next one.
    """
    batch = Batch.of([prompt_row(model.asking, fact.prompt)] * (1 + draws), model.device)
    outputs: dict[int, torch.Tensor] = {}
    corrupt = corrupting(model, fact, noise, draws, seed)

    def keep(block: int) -> OutputFunction:
        def note(_given: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
            output.retain_grad()
            outputs[block] = output
            return output.clone()  # Falcon goes on to add its attention's output to its MLP's in place

        return note

    parts = {part_of(model, kind, block): keep(block) for block in range(model.layers)}
    with (
        on_outputs({model.architecture.embedding: corrupt}),
        gradients_from_embedding(model),
        on_outputs(parts, model.architecture.flat),
    ):
        hidden = model.architecture.decoder(**batch.inputs()).last_hidden_state[:, -1]  # (1 + draws, d)
        log_p = model.architecture.logits(hidden).log_softmax(-1)[1:, answer]  # (draws,)
        log_p.sum().backward()  # not p's own: of an improbable answer these gradients vanish in float16
    p = log_p.detach().exp()
    single = np.stack([_mean_product(output, p) for _, output in sorted(outputs.items())], axis=1)  # (tokens, L)
    starts = [layer - window // 2 for layer in range(model.layers)]
    return np.stack([single[:, max(0, start) : max(0, start + window)].sum(1) for start in starts], axis=1)


def _mean_product(output: torch.Tensor, p: torch.Tensor) -> np.ndarray:
    """⟨h_clean − h_corrupt, ∂p/∂h_corrupt⟩ of one layer's output (1 + draws, T, d), (T,) mean over draws.

    Its gradient is that of log p, and ∂p = p ∂log p; p (draws,).
    """
    gradient = output.grad
    assert gradient is not None
    states = output.detach().float()
    products = ((states[:1] - states[1:]) * gradient[1:].float()).double().sum(-1)  # (draws, T)
    return (products * p.double()[:, None]).mean(0).cpu().numpy()
