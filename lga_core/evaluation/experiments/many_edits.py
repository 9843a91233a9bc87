"""Many edits one after another or in batches, measured every so many: the point at which they collapse is seen.

The edits of one matrix are summed, so that the next edit and the next question cost what the first ones did.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

from lga_core.data.facts import Fact
from lga_core.editing.edits import DenseEdit, Edit, dense_sum
from lga_core.editing.table import editor_named
from lga_core.evaluation.metrics.asking import Predicted, ProbeQuestion, predict
from lga_core.evaluation.metrics.probe_results import forced_shares
from lga_core.evaluation.settings import ManyEditsSettings
from lga_core.evaluation.side_effects.diagnostics import drift, neutral_prompts, norm_ratios
from lga_core.evaluation.side_effects.fluency import fluency, texts_under
from lga_core.models.loaded import LoadedModel
from lga_core.models.running.own_answers import answered
from lga_core.probes.questions import FactProbes, fact_probes, locality_probes
from lga_core.probes.summary import mean_of_present
from lga_core.progress import Phase, Progress, Reporter, silent
from lga_core.results import Cost, EditCheckpoint
from lga_core.scores.steps import Stopwatch

FLUENCY_PROMPTS = 4  # texts of one batch
_COUNTED = (Phase.EDIT, Phase.PROBES, Phase.DRIFT, Phase.FLUENCY)  # the others come once, before the first edit


@dataclass(frozen=True, kw_only=True, eq=False)
class EditSum:
    """All edits so far, one a matrix: what a run goes on from."""

    facts: int = 0  # written so far
    edits: tuple[DenseEdit, ...] = ()

    def plus(self, facts: int, edits: Sequence[Edit]) -> "EditSum":
        """With so many facts more."""
        return EditSum(facts=self.facts + facts, edits=dense_sum((*self.edits, *edits)))


def many_edits(
    model: LoadedModel,
    facts: Sequence[Fact],
    editor: str,
    layers: Sequence[int],
    settings: Any,
    how: ManyEditsSettings,
    *,
    begun: EditSum | None = None,
    measured: Collection[int] = (),
    report: Reporter = silent,
) -> Iterator[EditSum | EditCheckpoint]:
    """Write the facts in order, each batch on the model with all earlier ones: at a checkpoint the sum, then the row.

    `begun`: the sum at an earlier checkpoint, to go on from; `measured`: checkpoints that are not wanted again.
    Reports with the count of edits. Raises LgaError for facts and layers that the editor does not take, before the
    first edit.
    """
    chosen = editor_named(editor)
    for first in range(0, max(len(facts), 1), how.batch):
        chosen.check(model, facts[first : first + how.batch], layers)
    total = begun or EditSum()
    probes = LocalityProbes.prepare(model, facts, how.locality, report=_counted(report, total.facts, len(facts)))
    before = 0
    for place in how.checkpoints(len(facts)):
        watch = Stopwatch(report)
        edited = 0.0
        if place > total.facts:
            for first in range(total.facts, place, how.batch):
                batch = facts[first : min(first + how.batch, place)]
                telling = _counted(watch.report, first, len(facts))
                written = chosen.run(model, batch, tuple(sorted(layers)), settings, total.edits, report=telling)
                total = total.plus(len(batch), [item.edit for item in written])
            edited = watch.seconds
            yield total
        begin = watch.seconds  # after what was done with the sum meanwhile, as storing it: that is no edit's time
        if place == total.facts and place not in measured:
            telling = _counted(watch.report, place, len(facts))
            row = _checkpoint(model, facts[:place], before, total, probes, how, telling)
            cost = Cost(seconds=edited + watch.seconds - begin)
            yield replace(row, edit_cost=Cost(seconds=edited), cost=cost)
        before = place


@dataclass(frozen=True, kw_only=True, eq=False)
class LocalityProbes:
    """The run's fixed locality probes, and what the unedited model predicts."""

    questions: tuple[ProbeQuestion, ...]
    predicted: tuple[Predicted, ...]

    @classmethod
    def prepare(
        cls, model: LoadedModel, facts: Sequence[Fact], most: int, *, report: Reporter = silent
    ) -> "LocalityProbes":
        """Call it with no edit applied. A probe without an answer gets the model's own."""
        probes = answered(model, FactProbes(probes=locality_probes(facts, most))).probes
        questions = tuple(ProbeQuestion.of(model, probe) for probe in probes)
        return cls(questions=questions, predicted=tuple(predict(model, questions, report=report)))

    def shares(self, model: LoadedModel, edits: Sequence[Edit], report: Reporter) -> list[float]:
        """Of each probe, percent of the answer's tokens that are predicted as before."""
        after = predict(model, self.questions, edits, report=report)
        asked = zip(self.questions, self.predicted, after, strict=True)
        return [forced_shares(question, old, new)[1] for question, old, new in asked]


def _checkpoint(
    model: LoadedModel,
    written: Sequence[Fact],
    before: int,
    total: EditSum,
    probes: LocalityProbes,
    how: ManyEditsSettings,
    report: Reporter,
) -> EditCheckpoint:
    """Everything that is measured after so many edits; `before`: the edits at the checkpoint before."""
    last = {fact.prompt: number for number, fact in enumerate(written)}  # what was written over is not asked for
    asked = {number: _questions(model, written[number], how.rephrases) for number in last.values()}
    flat = [(number, question) for number, questions in asked.items() for question in questions]
    predicted = predict(model, [question for _, question in flat], total.edits, report=report)
    rewrite: dict[int, float] = {}
    rephrase: dict[int, list[float]] = {}
    for (number, question), tokens in zip(flat, predicted, strict=True):
        share = forced_shares(question, tokens, tokens)[1]
        if question.metric == "rewrite":
            rewrite[number] = share
        else:
            rephrase.setdefault(number, []).append(share)
    latest = [share for number, share in rewrite.items() if number >= before]
    locality = probes.shares(model, total.edits, report)
    divergences = drift(model, total.edits, report=report)
    texts = texts_under(model, neutral_prompts()[:FLUENCY_PROMPTS], total.edits, 0, report=report)
    return EditCheckpoint(
        edits=total.facts,
        rewrite=mean_of_present(rewrite.values()),
        latest=mean_of_present(latest),
        rephrase=mean_of_present([sum(shares) / len(shares) for shares in rephrase.values()]),
        locality=mean_of_present(locality),
        n_rewrite=len(rewrite),
        n_latest=len(latest),
        n_rephrase=len(rephrase),
        n_locality=len(locality),
        kl=mean_of_present(divergences) if all(map(isfinite, divergences)) else None,
        fluency=mean_of_present(map(fluency, texts)),
        norm_ratios=norm_ratios(model, total.edits),
    )


def _questions(model: LoadedModel, fact: Fact, rephrases: int | None) -> list[ProbeQuestion]:
    """The fact's rewrite probe and its first paraphrases."""
    probes = fact_probes(fact).probes
    rewrite = [probe for probe in probes if probe.metric == "rewrite"]
    again = [probe for probe in probes if probe.metric == "rephrase"][:rephrases]
    return [ProbeQuestion.of(model, probe) for probe in (*rewrite, *again)]


def _counted(report: Reporter, edits: int, total: int) -> Reporter:
    """A reporter that counts edits, so that the time left is that of the whole run; the step is named in its detail."""

    def tell(step: Progress) -> None:
        if step.phase not in _COUNTED:
            report(step)
            return
        detail = step.detail if step.phase is Phase.EDIT else step.phase.value
        report(Progress(phase=Phase.MANY_EDITS, done=edits, total=total, detail=detail))

    return tell
