"""A trial edit: ask, edit as a value, ask again. The model's weights are the same before, during and after."""

from collections.abc import Generator, Sequence
from dataclasses import asdict
from time import perf_counter
from typing import Any

from lga_core.data.facts import Fact
from lga_core.editing.editor import Written
from lga_core.editing.edits import applied
from lga_core.editing.table import editor_named
from lga_core.evaluation import diagnostics
from lga_core.evaluation.asked import ask_unedited
from lga_core.evaluation.metrics import ask, compare, summarize
from lga_core.models.loaded import LoadedModel
from lga_core.results import Cost, EditReport, Progress, retold

VERSION = 1
STEPS = 4                                    # asked before, edited, asked after, read


def trial_edit(model: LoadedModel, fact: Fact, layers: Sequence[int], editor: str, settings: Any, *,
               diagnose: bool = True) -> Generator[Progress, None, EditReport]:
    """Edit one fact at the chosen layers and report every metric before and after.

    With `diagnose`, also what the edit did to the model beside the fact, which takes as long as writing 200 tokens.
    Raises LgaError for a fact without a new answer, a layer that is not there, or an unknown editor.
    """
    begin, chosen = perf_counter(), editor_named(editor)
    chosen.check(model, [fact], layers)
    yield Progress(label="asking before the edit", done=0, total=STEPS)
    asked = (yield from retold(ask_unedited(model, [fact]), lambda _step: Progress(
        label="asking before the edit", done=0, total=STEPS)))[fact.fingerprint]
    quiz = asked.quiz
    yield Progress(label="asked before the edit", done=1, total=STEPS)
    written = yield from chosen.run(model, [fact], tuple(layers), settings, ())
    edits = [item.edit for item in written]
    yield Progress(label="edited", done=2, total=STEPS)
    with model.using("asking after the edit"), applied(model, edits):
        after = ask(model, quiz.questions)
    yield Progress(label="asked after the edit", done=3, total=STEPS)
    probes = compare(quiz.questions, asked.replies, after)
    metrics_before, metrics_after = summarize(probes)
    beside = (yield from diagnostics.diagnose(model, fact, edits)) if diagnose else None
    return EditReport(
        record=fact.record, editor=editor, layers=tuple(item.edit.layer for item in written),
        settings=asdict(settings), prompt=fact.prompt, subject=fact.subject, target_new=fact.target_new,
        target_old=fact.target_old[0] if fact.target_old else None,
        before=metrics_before, after=metrics_after, probes=probes, dropped_probes=quiz.dropped,
        target_nll=diagnostics.target_nll(model, fact, edits), diagnostics=beside,
        cost=Cost(seconds=perf_counter() - begin),
        **_by_layer(written),
    )


def _by_layer(written: Sequence[Written]) -> dict[str, tuple]:
    return {
        "target_errors": tuple(item.target_errors[0] for item in written),
        "delta_norms": tuple(item.edit.norm for item in written),
        "weight_norms": tuple(item.weight_norm for item in written),
        "clamped": tuple(item.clamped[0] for item in written),
        "losses": tuple(item.losses[0] for item in written),
    }

