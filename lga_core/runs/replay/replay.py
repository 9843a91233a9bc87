"""A stored run computed again, in an empty store, and compared with what is kept.

Nothing that the run itself left is read: known-fact checks, v*, and what the unedited model says and writes are
computed anew. What is worked out once per model and shared by all runs (its sampled text, its second moments) is used
as it is.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lga_core.data.facts import Fact
from lga_core.editing.search.values import searched_anew
from lga_core.editing.table import EDITORS
from lga_core.errors import LgaError
from lga_core.evaluation.experiments.layer_sweep import sweep_cells
from lga_core.evaluation.experiments.many_edits import many_edits
from lga_core.evaluation.metrics.unedited import asked_anew
from lga_core.evaluation.settings import ManyEditsSettings, MetricSettings, SweepMetrics
from lga_core.models.loaded import LoadedModel
from lga_core.progress import Phase, Reporter, counted_on, silent
from lga_core.results import EditCheckpoint, Provenance, ReplayReport, Result
from lga_core.results.base import adapter
from lga_core.runs import tasks
from lga_core.runs.replay.row_comparison import compared
from lga_core.runs.storage.keys import (
    ACCEPTED_OLD,
    FREE_MATCH,
    OWN_ANSWERS,
    asked_as_today,
    attribution_run,
    cap_in_cell,
    cell_name,
    cell_place,
    known_facts_run,
    many_edits_run,
    measurement_run,
    sweep_run,
    trace_run,
    trial_run,
)
from lga_core.runs.storage.kinds import RunKind, kind_of
from lga_core.runs.storage.provenance import recorded_dtype
from lga_core.runs.storage.recorded import facts_of_run, facts_of_trace, recorded_settings
from lga_core.runs.storage.store import Run, Store
from lga_core.scores.known_facts import check_known_facts
from lga_core.scores.methods import MEASUREMENTS
from lga_core.scores.settings import CmaSettings

_RULES = {  # whose version is among the settings of a key: what has changed where it is another one
    OWN_ANSWERS: "The model's own answers are put to it in another way since",
    FREE_MATCH: "Its free answers are compared by another rule since",
    ACCEPTED_OLD: "A new answer that is an accepted old one is left out since",
}


@dataclass(frozen=True, kw_only=True)
class Replay:
    """What is needed to compute one run again."""

    model: LoadedModel
    run: Run
    kind: RunKind
    stored: Mapping[str, Result]  # its rows by name
    facts: tuple[Fact, ...]
    fresh: Store
    report: Reporter

    @property
    def asked(self) -> Provenance:
        return self.run.provenance

    def settings(self, kind: type) -> Any:
        """The recorded settings as this class has them."""
        return recorded_settings(kind, self.asked.settings)

    def check(self, again: Run) -> None:
        """Raise LgaError where what would be computed now is another question than the stored one."""
        if again.provenance.key == self.asked.key:
            return
        asked, now = self.asked, again.provenance
        dtype, dtype_now = recorded_dtype(asked), recorded_dtype(now)
        reasons = [
            (asked.model_fingerprint, now.model_fingerprint, "The model's files are not those of then"),
            (asked.chat, now.chat, "The model's chat template is not that of then"),
            (asked.method_version, now.method_version, "The method's numbers have changed since"),
            *((asked.settings.get(rule), now.settings.get(rule), what) for rule, what in _RULES.items()),
            (dtype, dtype_now, f"It was computed in {dtype}, and the model is in {dtype_now} here"),
        ]
        changed = [what for then, today, what in reasons if then != today]
        raise _not_replayable(changed[0] if changed else "Its settings or texts are not those of then")


def replay(model: LoadedModel, run: Run, *, report: Reporter = silent) -> ReplayReport:
    """Compute a run's rows again and compare. Only rows that are stored are computed.

    Cells of a sweep that an earlier version measured in another way are left out, and counted.
    Raises LgaError for a run of an unknown kind or without rows, whose facts are not recorded, or whose question is
    not the same any more (other model files, another version of the method).
    """
    kind = kind_of(run.provenance.method)
    if kind.row_type is None:
        raise LgaError(f"Runs of {kind.title} are not known to this version.", hint="Use the version that made it.")
    stored = run.rows(kind.row_type)
    if not stored:
        raise LgaError("The run has no row that can be read.", hint="Ask its question again instead.")
    facts = facts_of_run(run, stored)
    rows = {name: stored[name] for name in asked_as_today(stored, facts)} if kind.subject == "sweep" else stored
    if not rows:
        raise _not_replayable("The method's numbers have changed since")
    with tempfile.TemporaryDirectory(prefix="lga-replay-") as folder, searched_anew(), asked_anew():
        work = Replay(
            model=model,
            run=run,
            kind=kind,
            stored=rows,
            facts=facts,
            fresh=Store(Path(folder)),
            report=report,
        )
        again = dict(_AGAIN[kind.subject](work))
    return replace(compared(run.provenance, rows, again, model.identity.machine), outdated=len(stored) - len(rows))


def _known_facts(work: Replay) -> Iterator[tuple[str, Result]]:
    work.check(known_facts_run(work.model.identity, work.fresh))
    for row in check_known_facts(work.model, _numbered(work.facts), report=work.report):
        yield work.facts[row.record].fingerprint, row


def _scores(work: Replay) -> Iterator[tuple[str, Result]]:
    """The facts of the whole question: the noise of a trace is scaled to all of them."""
    chosen = MEASUREMENTS[work.kind.name]
    facts = work.facts
    settings = work.settings(chosen.settings)
    work.check(measurement_run(work.model.identity, work.asked.facts, facts, chosen.name, settings, work.fresh))
    checks = tasks.known_fact_checks(work.model, facts, work.fresh, report=work.report)
    names = {fact.record: fact.fingerprint for fact in facts}
    skipped = {record for record, name in names.items() if name not in work.stored}
    for row in chosen.rows(work.model, facts, checks, settings, skipped, report=work.report):
        yield names[row.record], row


def _trace(work: Replay) -> Iterator[tuple[str, Result]]:
    (fact,) = work.facts
    noise_facts = facts_of_trace(work.run)
    settings = work.settings(CmaSettings)
    kind: Any = work.kind.name
    work.check(trace_run(work.model.identity, work.asked.facts, fact, kind, settings, noise_facts, work.fresh))
    row, _stored = tasks.trace_fact(
        work.model, work.asked.facts, fact, kind, settings, noise_facts, work.fresh, report=work.report
    )
    yield fact.fingerprint, row


def _attribution(work: Replay) -> Iterator[tuple[str, Result]]:
    (fact,) = work.facts
    n_steps, old = work.asked.settings["n_steps"], work.asked.settings["old"]
    work.check(attribution_run(work.model.identity, work.asked.facts, fact, n_steps, old, work.fresh))
    row, _stored = tasks.attribute_fact(
        work.model, work.asked.facts, fact, n_steps, old, work.fresh, report=work.report
    )
    yield fact.fingerprint, row


def _trial(work: Replay) -> Iterator[tuple[str, Result]]:
    (fact,) = work.facts
    editor = work.kind.name
    settings = work.settings(EDITORS[editor].settings)
    layers = tuple(work.asked.settings["layers"])
    diagnose = work.asked.settings["diagnostics"] is not None
    name = work.asked.facts
    how: dict[str, Any] = {"metrics": work.settings(MetricSettings), "diagnose": diagnose}
    work.check(trial_run(work.model.identity, name, fact, layers, editor, settings, work.fresh, **how))
    row, _stored = tasks.trial(work.model, name, fact, layers, editor, settings, work.fresh, **how, report=work.report)
    yield fact.fingerprint, row


def _sweep(work: Replay) -> Iterator[tuple[str, Result]]:
    """Every stored cell once; facts of several files may share a record number, so they are numbered anew."""
    editor = work.kind.name
    settings = work.settings(EDITORS[editor].settings)
    answers = work.settings(MetricSettings).answers
    work.check(sweep_run(work.model.identity, editor, settings, work.fresh, MetricSettings(answers=answers)))
    facts = {fact.fingerprint: fact for fact in _numbered(work.facts)}
    finished = 0
    for members, layers in _swept_together(work.stored).items():
        some = [facts[fingerprint] for fingerprint, _asked in members]
        cap = next(filter(None, (cap_in_cell(asked) for _fingerprint, asked in members)), None)
        names = {facts[fingerprint].record: (fingerprint, asked) for fingerprint, asked in members}
        metrics = SweepMetrics(answers=answers, probes=cap)
        counted = counted_on(work.report, Phase.SWEEP, finished, len(work.stored))
        for cell in sweep_cells(work.model, some, layers, editor, settings, metrics=metrics, report=counted):
            fingerprint, asked = names[cell.record]
            yield cell_name(fingerprint, cell.layer, asked), cell
        finished += len(some) * len(layers)


def _swept_together(stored: Mapping[str, Any]) -> dict[tuple[tuple[str, str], ...], list[int]]:
    """The batches in which these cells of a sweep were computed: what names each fact's cells -> the batch's layers.

    A fact is named by its fingerprint and how its probes were asked. The cells of a batch at one layer took equal
    seconds. In another batch a ΔW that is trained is another one (METHOD.md §4), and a v* differs by rounding.
    """
    members: dict[tuple[int, float], list[tuple[str, str]]] = {}
    for name, row in stored.items():
        fingerprint, layer, asked = cell_place(name)
        members.setdefault((layer, row.cost.seconds), []).append((fingerprint, asked))
    together: dict[tuple[tuple[str, str], ...], list[int]] = {}
    for (layer, _seconds), facts in members.items():
        together.setdefault(tuple(facts), []).append(layer)
    return together


def _many_edits(work: Replay) -> Iterator[tuple[str, Result]]:
    """From the first edit to the last checkpoint that is stored."""
    editor, facts = work.kind.name, work.facts
    settings = work.settings(EDITORS[editor].settings)
    layers = tuple(work.asked.settings["layers"])
    how = adapter(ManyEditsSettings).validate_python(work.asked.settings["many"])
    work.check(many_edits_run(work.model.identity, work.asked.facts, facts, layers, editor, settings, how, work.fresh))
    missing = set(work.stored)
    skipped = [place for place in how.checkpoints(len(facts)) if str(place) not in missing]
    for item in many_edits(work.model, facts, editor, layers, settings, how, measured=skipped, report=work.report):
        if isinstance(item, EditCheckpoint):
            yield str(item.edits), item
            missing.discard(str(item.edits))
            if not missing:
                return


def _not_replayable(why: str) -> LgaError:
    return LgaError(f"{why}: this run cannot be replayed.", hint="Ask its question again instead.")


def _numbered(facts: Sequence[Fact]) -> list[Fact]:
    return [replace(fact, record=number) for number, fact in enumerate(facts)]


_AGAIN: Mapping[str, Callable[[Replay], Iterator[tuple[str, Result]]]] = {
    "known facts": _known_facts,
    "scores": _scores,
    "trace": _trace,
    "attribution": _attribution,
    "trial": _trial,
    "sweep": _sweep,
    "many edits": _many_edits,
}
