"""Hidden-state distance: the layer after which the prompt with the old answer and with the new one differ most.

The locator of DINM (Wang et al. 2024, "Detoxifying Large Language Models via Knowledge Editing", arXiv 2403.14472)
takes the layer with the largest Euclidean distance between the hidden states of a safe and of an unsafe text.
EasyEdit's code (`SafetyEditor._locate_toxic_layer`) runs the two answers alone, padded to one length, and takes the
distance over all positions, pads among them, after each block; its last state has passed the final norm.

Our reading for facts: the answer follows its prompt, as a fact's answer says little alone. The states are those of each
text's last token, where the model has read all of it, so answers of different lengths need no pads. They are the
blocks' outputs, none of them normed. DINM picks for each text; here a layer's score is the mean over facts.
"""

from collections.abc import Collection, Iterator, Sequence
from functools import partial
from time import perf_counter

import torch

from lga_core.data.facts import Fact
from lga_core.models.loaded import LoadedModel
from lga_core.models.running.batching import by_tokens
from lga_core.models.running.forward import final_hidden
from lga_core.models.running.hooks import OutputFunction, on_outputs
from lga_core.models.running.memory import batch_tokens, passing_bytes
from lga_core.models.text.tokens import Batch, TokenRow
from lga_core.progress import Phase, Reporter, silent
from lga_core.results import Cost, FactRow, KnownFactCheck
from lga_core.scores.answer_pairs import Pair, answer_pair, pair_rows
from lga_core.scores.settings import HiddenDistanceSettings
from lga_core.scores.steps import rows_in_batches

BATCH_TOKENS = 1024  # in one forward pass where they fit; a batch holds at least one fact


def hidden_distance_rows(
    model: LoadedModel,
    facts: Sequence[Fact],
    checks: Sequence[KnownFactCheck],
    settings: HiddenDistanceSettings,
    done: Collection[int] = frozenset(),
    *,
    report: Reporter = silent,
) -> Iterator[FactRow]:
    """Distances of every layer; yields one row a fact, batch by batch, with "distance" (L,).

    Reports where memory ran out.

    A fact that has no two different answers has a status that says why.
    """
    prepared = [
        answer_pair(model, fact, check, settings.old)
        for fact, check in zip(facts, checks, strict=True)
        if fact.record not in done
    ]
    pairs = [item for item in prepared if isinstance(item, Pair)]
    most = batch_tokens(model, "The hidden-state distance", passing_bytes(model), BATCH_TOKENS) if pairs else 0
    batches = by_tokens(pairs, _tokens, most, order=lambda pair: pair.width)
    finished = len(facts) - len(prepared)
    yield from rows_in_batches(
        prepared, batches, partial(_measure, model), _tokens, Phase.HIDDEN_DISTANCE, finished, len(facts), report
    )


def hidden_distances(model: LoadedModel, old: Sequence[TokenRow], new: Sequence[TokenRow]) -> torch.Tensor:
    """‖h_old − h_new‖₂ after every block at the last token of each of B pairs of rows, (B, L) float64."""
    rows = [*old, *new]
    batch = Batch.of(rows, model.device)
    last = batch.offsets + torch.tensor([len(row) - 1 for row in rows], device=model.device)
    states: dict[int, torch.Tensor] = {}

    def keep(layer: int) -> OutputFunction:
        def note(_given: torch.Tensor, output: torch.Tensor) -> None:
            states[layer] = output[torch.arange(len(rows), device=output.device), last.to(output.device)].double().cpu()

        return note

    blocks = {block.module: keep(layer) for layer, block in enumerate(model.architecture.blocks)}
    with torch.no_grad(), on_outputs(blocks):
        final_hidden(model, batch)
    hidden = torch.stack([states[layer] for layer in range(model.layers)], dim=1)  # (2B, L, d)
    return (hidden[: len(old)] - hidden[len(old) :]).norm(dim=-1)


def _tokens(batch: Sequence[Pair]) -> int:
    """Of both rows of every fact, after padding."""
    return 2 * len(batch) * max(pair.width for pair in batch)


def _measure(model: LoadedModel, batch: Sequence[Pair]) -> list[FactRow]:
    begin = perf_counter()
    with model.using(Phase.HIDDEN_DISTANCE):
        distances = hidden_distances(model, [pair.old for pair in batch], [pair.new for pair in batch]).numpy()
    cost = Cost(seconds=(perf_counter() - begin) / len(batch), forward_rows=2)
    return pair_rows(model, batch, {"distance": distances}, cost, "distances")
