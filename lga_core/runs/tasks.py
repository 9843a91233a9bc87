"""The engine joined with the store: what is stored is not computed again, and every finished row is stored at once.

Work that is stopped keeps what it finished, and goes on from there when it is asked for again.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from lga_core.data.facts import Fact
from lga_core.editing.table import editor_named
from lga_core.errors import LgaError
from lga_core.evaluation.experiments.trial import trial_stages
from lga_core.evaluation.settings import TRIAL_METRICS, MetricSettings
from lga_core.models.loaded import LoadedModel
from lga_core.progress import Phase, Progress, Reporter, silent
from lga_core.results import (
    CausalTrace,
    EditReport,
    FactRow,
    Kind,
    KnownFactCheck,
    LayerScores,
    OldSource,
    Stored,
    TokenAttribution,
    TrialStage,
    UneditedMetrics,
)
from lga_core.runs.computing import computed_once, row_by_row
from lga_core.runs.reading import begun_trial, rows_by_record
from lga_core.runs.storage.keys import (
    attribution_run,
    check_text,
    known_facts_run,
    measurement_run,
    stage_name,
    trace_run,
    trial_run,
)
from lga_core.runs.storage.store import Store
from lga_core.scores.known_facts import check_known_facts
from lga_core.scores.methods import MEASUREMENTS, View, layer_scores, method_named
from lga_core.scores.settings import CmaSettings, takes_own_answer
from lga_core.scores.tracing.cma import noise_level, trace

CANDIDATES_AT_ONCE = 16


def known_fact_checks(
    model: LoadedModel, facts: Sequence[Fact], store: Store, *, report: Reporter = silent
) -> tuple[KnownFactCheck, ...]:
    """What the model says by itself, fact by fact: every fact is asked once, whatever the set."""
    return row_by_row(
        known_facts_run(model.identity, store),
        KnownFactCheck,
        facts,
        Phase.KNOWN_FACTS,
        lambda done, inner: check_known_facts(model, facts, done, report=inner),
        report,
    )


def choose_known(
    model: LoadedModel, facts: Sequence[Fact], limit: int, store: Store, *, report: Reporter = silent
) -> tuple[Fact, ...]:
    """The first `limit` facts that the model knows, in order; fewer where there are no more."""
    chosen: list[Fact] = []

    def count_known(step: Progress) -> None:
        if step.phase is Phase.ELSEWHERE:  # a job that waits gives its turn away
            report(step)
            return
        report(Progress(phase=Phase.KNOWN_FACTS, done=len(chosen), total=limit, detail=step.detail))

    for start in range(0, len(facts), CANDIDATES_AT_ONCE):
        batch = facts[start : start + CANDIDATES_AT_ONCE]
        checks = known_fact_checks(model, batch, store, report=count_known)
        chosen += [fact for fact, check in zip(batch, checks, strict=True) if check.known]
        if len(chosen) >= limit:
            break
    return tuple(chosen[:limit])


def measure(
    model: LoadedModel,
    facts_name: str,
    facts: Sequence[Fact],
    measurement: str,
    settings: Any,
    store: Store,
    *,
    report: Reporter = silent,
) -> tuple[tuple[FactRow, ...], Stored]:
    """One measurement of every fact, in the facts' order; the facts are checked first where one is left to measure.

    A fact that the model cannot be asked about has a row that says why. Raises LgaError where that is so of all.
    """
    run = measurement_run(model.identity, facts_name, facts, measurement, settings, store)
    reused = len(rows_by_record(run, FactRow, facts))
    checks: tuple[KnownFactCheck, ...] = ()
    if reused < len(facts):
        checks = _askable_checks(model, facts, settings.reads_own_tokens, store, report)
    chosen = MEASUREMENTS[measurement]
    rows = row_by_row(
        run,
        FactRow,
        facts,
        chosen.phase,
        lambda done, inner: chosen.rows(model, facts, checks, settings, done, report=inner),
        report,
        check=lambda: check_text(run, settings),
    )
    if not run.complete:
        by_name = {fact.fingerprint: row for fact, row in zip(facts, rows, strict=True)}
        run.extend(by_name)  # again those that were lost where it was deleted meanwhile
        run.finish()
    return rows, run.stored(rows=len(rows), reused=reused)


def score_layers(
    model: LoadedModel,
    facts_name: str,
    facts: Sequence[Fact],
    method: str,
    settings: Any,
    view: View,
    store: Store,
    *,
    report: Reporter = silent,
) -> tuple[LayerScores, Stored | None]:
    """One method's scores of every layer. `settings` None: the measurement's defaults.

    The baseline "middle" measures nothing, so it has no stored run; its rows say what the known-fact checks know.
    """
    chosen = method_named(method)
    if chosen.measurement is None:
        checks = _askable_checks(model, facts, lambda _fact: False, store, report)
        unmeasured = [_unmeasured(fact, check) for fact, check in zip(facts, checks, strict=True)]
        return layer_scores(chosen.name, unmeasured, model.layers, view, {}), None
    settings = settings or MEASUREMENTS[chosen.measurement].settings()
    rows, stored = measure(model, facts_name, facts, chosen.measurement, settings, store, report=report)
    return layer_scores(chosen.name, rows, model.layers, view, asdict(settings)), stored


def trace_fact(
    model: LoadedModel,
    facts_name: str,
    fact: Fact,
    kind: Kind,
    settings: CmaSettings,
    noise_facts: Sequence[Fact],
    store: Store,
    *,
    report: Reporter = silent,
) -> tuple[CausalTrace, Stored]:
    """One fact's token × layer trace. The noise is scaled to the embeddings of the subjects of `noise_facts`."""

    def compute() -> CausalTrace:
        store.facts.keep(noise_facts)
        (check,) = _askable_checks(model, [fact], settings.reads_own_tokens, store, report)
        return trace(model, fact, check, kind, settings, noise_level(model, noise_facts), report=report)

    run = trace_run(model.identity, facts_name, fact, kind, settings, noise_facts, store)
    return computed_once(run, CausalTrace, fact, compute, report)


def attribute_fact(
    model: LoadedModel,
    facts_name: str,
    fact: Fact,
    n_steps: int,
    old: OldSource,
    store: Store,
    *,
    report: Reporter = silent,
) -> tuple[TokenAttribution, Stored]:
    """Captum's token attributions for one fact's old and new answer."""
    from lga_core.scores.attribution.token_attribution import token_attribution  # with Captum, for this alone

    def compute() -> TokenAttribution:
        (check,) = _askable_checks(model, [fact], lambda item: takes_own_answer(item, old), store, report)
        return token_attribution(model, fact, check, n_steps=n_steps, old=old, report=report)

    run = attribution_run(model.identity, facts_name, fact, n_steps, old, store)
    return computed_once(run, TokenAttribution, fact, compute, report)


def trial(
    model: LoadedModel,
    facts_name: str,
    fact: Fact,
    layers: Sequence[int],
    editor: str,
    settings: Any,
    store: Store,
    *,
    metrics: MetricSettings = TRIAL_METRICS,
    diagnose: bool = True,
    show: Callable[[UneditedMetrics | TrialStage], None] = lambda shown: None,
    report: Reporter = silent,
) -> tuple[EditReport, Stored]:
    """One edit, tried and measured. `settings` None: the editor's defaults; `diagnose`: with its side effects.

    What the unedited model scores is handed to `show` at once. Each stage is stored, and handed to it too, as soon as
    it is measured; a stopped trial goes on from the last one.
    """
    chosen = editor_named(editor)
    at = tuple(sorted(layers))
    chosen.check(model, [fact], at)
    settings = settings or chosen.settings()
    run = trial_run(model.identity, facts_name, fact, at, editor, settings, store, metrics=metrics, diagnose=diagnose)

    def compute() -> EditReport:
        store.facts.keep([fact])  # before its first stage: a stopped trial can be opened again
        begun = begun_trial(run, fact)
        if begun is not None:
            show(begun)
        for stage in trial_stages(
            model, fact, at, editor, settings, begun=begun, metrics=metrics, diagnose=diagnose, show=show, report=report
        ):
            check_text(run, settings)
            if stage.missing:
                run.append(stage_name(fact.fingerprint, len(stage.missing)), stage)
                show(stage)
        return stage.report

    return computed_once(run, EditReport, fact, compute, report)


def _askable_checks(
    model: LoadedModel, facts: Sequence[Fact], needs_own: Callable[[Fact], bool], store: Store, report: Reporter
) -> tuple[KnownFactCheck, ...]:
    """The checks of facts that are to be measured, with the tokens of the model's own answer where they are needed.

    Raises LgaError where the model can be asked about none of them.
    """
    checks = known_fact_checks(model, facts, store, report=report)
    checks = _with_own_tokens(model, facts, checks, needs_own, report)
    problems = dict.fromkeys(check.problem for check in checks)
    if problems and None not in problems:
        which = f"record {facts[0].record}" if len(facts) == 1 else f"any of these {len(facts):,} facts"
        raise LgaError(
            f"{model.name} cannot be asked about {which}: {', '.join(problems)}.",
            hint="Choose other facts, or another model.",
        )
    return checks


def _with_own_tokens(
    model: LoadedModel,
    facts: Sequence[Fact],
    checks: Sequence[KnownFactCheck],
    needed: Callable[[Fact], bool],
    report: Reporter,
) -> tuple[KnownFactCheck, ...]:
    """The checks, with the tokens of the model's own answer where they are needed.

    Earlier versions stored the text alone: such facts are asked again, and what is stored stays as it is.
    """
    without = [fact for fact, check in zip(facts, checks, strict=True) if check.greedy_ids is None and needed(fact)]
    again = {check.record: check for check in check_known_facts(model, without, report=report)}
    return tuple(again.get(check.record, check) for check in checks)


def _unmeasured(fact: Fact, check: KnownFactCheck) -> FactRow:
    source: OldSource = "data" if fact.target_old else "model"
    answer = fact.target_old[0] if fact.target_old else check.greedy
    if check.refusal is not None:
        return FactRow.not_used(check, check.refusal, answer or None, source)
    return FactRow.measured(check, answer, source, {}, check.cost)
