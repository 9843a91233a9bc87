"""Many facts' probes put to as many edited models at once, teacher-forced: what a sweep measures with.

A batch row carries its own edit: y ← W x + (x·a_row) b_row in a hook where it is rank one. What every block is given is
kept from one run of the unedited model, so that an edit at layer l costs the blocks from l on.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch

from lga_core.editing.edits import Edit, applied_by_row
from lga_core.evaluation.metrics.asking import BATCH_TOKENS, ProbeQuestions
from lga_core.models.loaded import LoadedModel
from lga_core.models.running.batching import by_tokens, padded
from lga_core.models.running.forward import HEAD_ELEMENTS, ActivationCache, best_tokens, record_activations, resume
from lga_core.models.running.memory import asking_bytes, batch_tokens
from lga_core.models.text.tokens import AnswerIndex, Batch, TokenRow
from lga_core.progress import Phase, Progress, Reporter, silent


@dataclass(frozen=True, kw_only=True)
class ForcedAnswer:
    """What the model predicts at the tokens of one accepted answer that is conditioned on itself."""

    predicted: tuple[int, ...]  # the most probable token at each one, or NO_TOKEN
    nll: float  # of the answer, nats, mean over its tokens


FactAnswers = tuple[tuple[ForcedAnswer, ...], ...]
"""Per question of one fact, the prediction for each accepted answer."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CachedBatch:
    """Rows of like length, run once on the unedited model."""

    rows: tuple[TokenRow, ...]
    places: tuple[int, ...]  # of the rows among the rows of all facts
    facts: tuple[int, ...]  # whose question each row is
    activations: ActivationCache
    index: AnswerIndex


@dataclass(frozen=True, kw_only=True, eq=False)
class ForcedProbes:
    """The probes of some facts, ready to be put to the model under an edit of each fact."""

    probes: tuple[ProbeQuestions, ...]
    batches: tuple[CachedBatch, ...]

    @classmethod
    def prepare(
        cls, model: LoadedModel, probes: Sequence[ProbeQuestions], layers: Sequence[int], *, report: Reporter = silent
    ) -> "ForcedProbes":
        """Run the questions up to the layers at which edits are to come. Call it with no edit applied.

        Reports after each batch, as the other methods do.
        """
        rows = [row for fact in probes for question in fact.questions for row in question.rows]
        owners = [number for number, fact in enumerate(probes) for question in fact.questions for _ in question.rows]
        most = batch_tokens(model, Phase.PROBES, asking_bytes(model), BATCH_TOKENS)

        def width(place: int) -> int:
            return len(rows[place])

        batches = []
        done = 0
        for places in by_tokens(range(len(rows)), padded(width), most, order=width):
            with model.using(Phase.PROBES), torch.no_grad():
                own = tuple(rows[place] for place in places)
                batch = Batch.of([row.given for row in own], model.device)
                batches.append(
                    CachedBatch(
                        rows=own,
                        places=tuple(places),
                        facts=tuple(owners[place] for place in places),
                        index=AnswerIndex.of(own, batch),
                        activations=record_activations(model, batch, (*layers, model.layers)),
                    )
                )
            done += len(places)
            report(Progress(phase=Phase.PROBES, done=done, total=len(rows)))
        return cls(probes=tuple(probes), batches=tuple(batches))

    def ask(
        self, model: LoadedModel, edits: Sequence[Edit] = (), *, report: Reporter = silent
    ) -> tuple[FactAnswers, ...]:
        """What is predicted for each fact's questions under its own edit, all edits at one layer; or under none."""
        total = sum(len(batch.rows) for batch in self.batches)
        layer = edits[0].layer if edits else model.layers
        answers: dict[int, ForcedAnswer] = {}
        for batch in self.batches:
            edited = applied_by_row(model, [edits[fact] for fact in batch.facts]) if edits else nullcontext()
            with model.using(Phase.PROBES), edited, torch.no_grad():
                answers.update(zip(batch.places, _predict(model, batch, layer), strict=True))
            report(Progress(phase=Phase.PROBES, done=len(answers), total=total))
        in_order = iter([answers[place] for place in range(total)])
        return tuple(
            tuple(tuple(next(in_order) for _ in question.rows) for question in fact.questions) for fact in self.probes
        )


def _predict(model: LoadedModel, batch: CachedBatch, layer: int) -> list[ForcedAnswer]:
    """What the model as it is now predicts in a batch's rows, run from a block's input on."""
    hidden = resume(model, batch.activations, layer)  # (B, T, d)
    index = batch.index
    size = max(1, HEAD_ELEMENTS // model.architecture.vocabulary)
    best, nll = [], []
    for places, tokens in zip(hidden[index.rows, index.columns].split(size), index.tokens.split(size), strict=True):
        logits = model.architecture.logits(places)  # (N, V)
        best.append(best_tokens(logits))
        nll.append(torch.nn.functional.cross_entropy(logits.float(), tokens, reduction="none"))
    tokens = iter(torch.cat(best).tolist())
    means = index.mean_by_row(torch.cat(nll)).tolist()
    return [
        ForcedAnswer(predicted=tuple(next(tokens) for _ in row.answer), nll=mean)
        for row, mean in zip(batch.rows, means, strict=True)
    ]
