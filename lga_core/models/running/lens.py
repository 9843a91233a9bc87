"""The logit lens: what each block's output would say next, read through the final norm and the head."""

import math

import torch

from lga_core.models.loaded import LoadedModel
from lga_core.models.running.forward import HEAD_ELEMENTS, final_hidden
from lga_core.models.running.hooks import OutputFunction, on_outputs
from lga_core.models.text.tokens import Batch, TokenRow, token_texts
from lga_core.results import LensLayer, TokenChoice

CHOICES = 10  # tokens named after the prompt and at each block


@torch.no_grad()
def lens(model: LoadedModel, row: TokenRow, choices: int = CHOICES) -> tuple[LensLayer, ...]:
    """The most probable next tokens after each block, at the row's last position.

    Of the model as it is now: with whatever edits are applied around this call. The last block's are the model's own.
    """
    seen: dict[int, torch.Tensor] = {}

    def hook_for(layer: int) -> OutputFunction:
        def note(_given: torch.Tensor, output: torch.Tensor) -> None:
            seen[layer] = output[0, -1].clone()  # (d,)

        return note

    blocks = model.architecture.blocks
    with on_outputs({block.module: hook_for(layer) for layer, block in enumerate(blocks)}):
        final_hidden(model, Batch.of([row], model.device))
    device = seen[len(blocks) - 1].device  # a large model's blocks lie on several
    hidden = torch.stack([seen[layer].to(device) for layer in range(len(blocks))])  # (L, d)
    pieces = hidden.split(max(1, HEAD_ELEMENTS // model.architecture.vocabulary))
    by_layer = [
        tokens
        for piece in pieces
        for tokens in _most_probable(model, model.architecture.logits(model.architecture.final_norm(piece)), choices)
    ]
    return tuple(LensLayer(layer=layer, choices=tokens) for layer, tokens in enumerate(by_layer))


@torch.no_grad()
def next_tokens(model: LoadedModel, row: TokenRow, choices: int = CHOICES) -> tuple[TokenChoice, ...]:
    """The most probable next tokens after the row, of the model as it is now."""
    hidden = final_hidden(model, Batch.of([row], model.device))[:, -1]
    return _most_probable(model, model.architecture.logits(hidden), choices)[0]


def _most_probable(model: LoadedModel, logits: torch.Tensor, choices: int) -> list[tuple[TokenChoice, ...]]:
    """The `choices` most probable tokens of each row of logits (N, V); none where an edit broke the model."""
    best = logits.softmax(-1).topk(min(choices, logits.shape[-1]), dim=-1)
    return [
        tuple(
            TokenChoice(token=text, id=token, probability=probability)
            for text, token, probability in zip(token_texts(model.tokenizer, ids), ids, probabilities, strict=True)
            if math.isfinite(probability)
        )
        for ids, probabilities in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    ]
