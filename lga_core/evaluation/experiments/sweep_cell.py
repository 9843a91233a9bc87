"""One cell of a sweep: what an edit at a layer alone did to its fact, and what that cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from lga_core.data.facts import Fact
from lga_core.editing.editors.editor import Written
from lga_core.editing.search.contexts import Contexts
from lga_core.evaluation.metrics.asking import ProbeQuestions
from lga_core.evaluation.metrics.forced import FactAnswers
from lga_core.evaluation.metrics.probe_results import forced_shares
from lga_core.models.text.tokens import TokenRow
from lga_core.probes.summary import mean_over_groups
from lga_core.results import METRICS, Cost, SweepCell


def cell_of(
    fact: Fact,
    layer: int,
    probes: ProbeQuestions,
    before: FactAnswers,
    after: FactAnswers,
    written: Written,
    cost: Cost,
) -> SweepCell:
    """A fact's cell; `before` and `after` have the answers to each of its questions."""
    percent_before: list[float] = []
    percent_after: list[float] = []
    nll: list[float] = []
    for question, old, new in zip(probes.questions, before, after, strict=True):
        first, second, _best = forced_shares(
            question, [answer.predicted for answer in old], [answer.predicted for answer in new]
        )
        percent_before.append(first)
        percent_after.append(second)
        nll.append(min(answer.nll for answer in new))

    def by_metric(values: Sequence[float]) -> dict[str, float | None]:
        means = {name: mean_over_groups(probes.questions, values, name) for name in METRICS}
        return {name: mean if mean is not None and isfinite(mean) else None for name, mean in means.items()}

    return SweepCell(
        record=fact.record,
        layer=layer,
        before=by_metric(percent_before),
        after=by_metric(percent_after),
        nll=by_metric(nll),
        probes={name: sum(question.metric == name for question in probes.questions) for name in METRICS},
        target_error=written.target_errors[0],
        delta_norm=written.edit.norm,
        clamped=written.clamped[0],
        losses=written.losses[0],
        cost=cost,
    )


@dataclass(frozen=True, kw_only=True)
class FactRows:
    """What one fact runs in a sweep, in rows: sequences through the whole model, each by its own length (METHOD.md §6).

    Pads are not in it.
    """

    once: int  # for all layers together: its probes and the contexts of its search, on the unedited model
    layer: int  # at each layer anew: the row that an editor trains on, up to the layer
    asked: int  # after each edit: its probes
    step: float  # in one evaluation of its search or training, were it at layer 0
    spared: frozenset[int] = frozenset()  # layers at which a search begins above the edited block
    gradients: int | None = None  # that a training takes at most; None: a search takes none where it ends

    @classmethod
    def of_search(cls, contexts: Contexts, probes: ProbeQuestions, spared: frozenset[int]) -> "FactRows":
        """Of the editors that search v*: a step runs the columns from the last subject token on.

        `spared`: the layers whose down projection's output arrives at the block's output as it is.
        """
        asked, own = _asked(probes)
        count = contexts.step_rows
        rows = list(zip(contexts.rows, contexts.subject_ends, strict=True))
        searched = rows if count == len(rows) else rows[:-1]
        step = sum(_tail_share(row, end) for row, end in searched)
        return cls(once=asked + own + count, layer=0, asked=asked, step=step, spared=spared)

    @classmethod
    def of_training(cls, probes: ProbeQuestions, steps: int) -> "FactRows":
        """Of the editors that train ΔW in at most so many steps: each runs the whole row."""
        asked, own = _asked(probes)
        return cls(once=asked + own, layer=1, asked=asked, step=1, gradients=steps)

    def cost(self, layers: int, layer: int, evaluations: int, seconds: float) -> Cost:
        """Of one cell in a model of so many layers, whose search or training took so many evaluations.

        What is run once for all layers counts 1/L a cell, whichever layers are swept: a cell's rows say nothing of the
        sweep that it was measured in. `seconds` is what the cell took: where its v* was kept, the search is in the rows
        and not in the seconds.
        """
        above = layers - layer
        step = self.step * (above - (layer in self.spared)) / layers
        gradients = evaluations - 1 if self.gradients is None else min(evaluations, self.gradients)
        return Cost(
            seconds=seconds,
            forward_rows=self.once / layers + self.layer + self.asked * above / layers + evaluations * step,
            backward_rows=gradients * step,
        )


def _asked(probes: ProbeQuestions) -> tuple[int, int]:
    """The rows of a fact's questions, and how many of these the model had to answer first."""
    own = sum(question.source == "model" for question in probes.questions)
    return sum(len(question.rows) for question in probes.questions), own


def _tail_share(row: TokenRow, end: int) -> float:
    """The share of a row's columns that a step runs: from the last subject token on, which stands at `end`.

    The answer's last token is not run. Where the subject's end melts into the answer's first token, the column that
    predicts this one is run too.
    """
    columns = len(row.given) if end < len(row.given) else len(row)
    return (columns - min(end, row.start - 1)) / columns
