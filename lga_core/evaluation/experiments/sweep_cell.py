"""One cell of a sweep: what an edit at a layer alone did to its fact, and what that cost."""

from collections.abc import Sequence
from math import isfinite

from lga_core.data.facts import Fact
from lga_core.editing.editors.editor import Written
from lga_core.evaluation.metrics.asking import ProbeQuestions
from lga_core.evaluation.metrics.forced import FactAnswers
from lga_core.evaluation.metrics.probe_results import forced_shares
from lga_core.models.loaded import LoadedModel
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


def cell_cost(
    model: LoadedModel, probes: ProbeQuestions, layer: int, written: Written, step_rows: int, seconds: float
) -> Cost:
    """Rows by the share of blocks that they run through, for an editor's search from nothing with `step_rows` a step.

    `seconds` is what the cell took: where its v* was kept, the search is in the rows and not in the seconds.
    """
    share = 1 - layer / model.layers
    evaluations = len(written.losses[0])
    asked = sum(len(question.rows) for question in probes.questions)
    return Cost(
        seconds=seconds,
        forward_rows=(evaluations * step_rows + asked) * share,
        backward_rows=(evaluations - 1) * step_rows * share,
    )
