"""The engine joined with the store: each task is a generator of Progress that keeps every finished step at once.

A task that is stopped keeps what it finished and goes on from there when it is asked again; one that is complete is
answered from the store. No model lock is held between steps: the engine takes it itself, step by step.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from typing import Any, TypeVar

from lga_core.data.facts import Fact
from lga_core.editing.table import editor_named
from lga_core.evaluation import diagnostics
from lga_core.evaluation import trial as evaluation
from lga_core.evaluation.trial import trial_edit
from lga_core.models.loaded import LoadedModel
from lga_core.models.texts import IDENTITY, content_key
from lga_core.results import (
    CausalTrace,
    EditReport,
    FactRow,
    Kind,
    LayerScores,
    OldSource,
    Progress,
    Stored,
    SurveyRow,
    TokenAttribution,
    retold,
)
from lga_core.runs.checks import one_of
from lga_core.runs.provenance import provenance
from lga_core.runs.store import Run, Store
from lga_core.scores import cma, survey, token_attribution
from lga_core.scores.cma import CmaSettings
from lga_core.scores.methods import MEASUREMENTS, View, layer_scores, method_named

Row = TypeVar("Row", SurveyRow, FactRow)
Answer = TypeVar("Answer", CausalTrace, TokenAttribution, EditReport)
X = TypeVar("X")
Steps = Generator[Progress, None, X]

BATCH_OF_CANDIDATES = 16


def survey_facts(model: LoadedModel, facts: Sequence[Fact], store: Store) -> Steps[tuple[SurveyRow, ...]]:
    """What the model says by itself, fact by fact. One run a model: every fact is surveyed once, whatever the set."""
    run = _survey_run(model, store)
    return (yield from _row_by_row(run, SurveyRow, facts, "survey", lambda done: survey.survey(model, facts, done)))


def finished_survey(model: LoadedModel, facts: Sequence[Fact], store: Store) -> dict[int, SurveyRow]:
    """What the store has of it, by record and in the facts' order, computing nothing."""
    return _kept(_survey_run(model, store), SurveyRow, facts)


def choose_known(model: LoadedModel, facts: Sequence[Fact], limit: int, store: Store) -> Steps[tuple[Fact, ...]]:
    """The first `limit` facts that the model knows, in order; fewer where there are no more."""
    chosen: list[Fact] = []
    for start in range(0, len(facts), BATCH_OF_CANDIDATES):
        batch = facts[start : start + BATCH_OF_CANDIDATES]
        progress = Progress(label="known facts", done=len(chosen), total=limit)
        rows = yield from retold(survey_facts(model, batch, store), lambda _step, progress=progress: progress)
        chosen += [fact for fact, row in zip(batch, rows, strict=True) if row.known]
        if len(chosen) >= limit:
            break
    return tuple(chosen[:limit])


def measure(
    model: LoadedModel, facts_name: str, facts: Sequence[Fact], measurement: str, settings: Any, store: Store
) -> Steps[tuple[tuple[FactRow, ...], Stored]]:
    """One measurement of every fact, in the facts' order, with its survey where anything is left to measure."""
    run = _measurement_run(model, facts_name, facts, measurement, settings, store)
    kept = _kept(run, FactRow, facts)
    surveyed = () if len(kept) == len(facts) else (yield from survey_facts(model, facts, store))
    rows = yield from _row_by_row(
        run, FactRow, facts, measurement,
        lambda done: MEASUREMENTS[measurement].rows(model, facts, surveyed, settings, done),
    )
    if not run.complete:
        run.finish()
    return rows, run.stored(reused=len(kept))


def finished_rows(
    model: LoadedModel, facts_name: str, facts: Sequence[Fact], measurement: str, settings: Any, store: Store
) -> tuple[tuple[FactRow, ...], Stored]:
    """What the store has of this question, computing nothing: all of it, or what a cancelled job left."""
    run = _measurement_run(model, facts_name, facts, measurement, settings, store)
    rows = tuple(_kept(run, FactRow, facts).values())
    return rows, run.stored(reused=len(rows))


def score_layers(
    model: LoadedModel, facts_name: str, facts: Sequence[Fact], method: str, settings: Any, view: View, store: Store
) -> Steps[tuple[LayerScores, Stored | None]]:
    """One method's scores of every layer. `settings` None: the measurement's defaults.

    The baseline "middle" measures nothing, so it has no stored run; its rows say what the survey knows.
    """
    chosen = method_named(method)
    if chosen.measurement is None:
        surveyed = yield from survey_facts(model, facts, store)
        rows, stored = tuple(_unmeasured(fact, row) for fact, row in zip(facts, surveyed, strict=True)), None
        settings = {}
    else:
        settings = settings or MEASUREMENTS[chosen.measurement].settings()
        rows, stored = yield from measure(model, facts_name, facts, chosen.measurement, settings, store)
        settings = asdict(settings)
    return layer_scores(chosen.name, rows, model.layers, view, settings), stored


def trace_fact(
    model: LoadedModel, facts_name: str, fact: Fact, kind: Kind, settings: CmaSettings, sigma: float, store: Store
) -> Steps[tuple[CausalTrace, Stored]]:
    """One fact's token × layer trace. `sigma` is the noise level of the fact set (`scores.cma.noise_level`)."""
    asked = provenance(model, facts_name, [fact], method=f"token-trace-{kind}", version=cma.VERSION,
                       settings={**asdict(settings), "sigma": sigma})

    def compute() -> Steps[CausalTrace]:
        surveyed = yield from survey_facts(model, [fact], store)
        return (yield from cma.trace(model, fact, surveyed[0], kind, settings, sigma))

    return (yield from _once(store.open(asked), CausalTrace, fact, compute))


def attribute_fact(
    model: LoadedModel, facts_name: str, fact: Fact, n_steps: int, old: OldSource, store: Store
) -> Steps[tuple[TokenAttribution, Stored]]:
    """Captum's token attributions for one fact's old and new answer."""
    asked = provenance(model, facts_name, [fact], method="token-attribution", version=token_attribution.VERSION,
                       settings={"n_steps": n_steps, "old": old})

    def compute() -> Steps[TokenAttribution]:
        surveyed = yield from survey_facts(model, [fact], store)
        return (yield from token_attribution.token_attribution(model, fact, surveyed[0], n_steps=n_steps, old=old))

    return (yield from _once(store.open(asked), TokenAttribution, fact, compute))


def trial(
    model: LoadedModel, facts_name: str, fact: Fact, layers: Sequence[int], editor: str, settings: Any, store: Store,
    *, diagnose: bool = True,
) -> Steps[tuple[EditReport, Stored]]:
    """One edit, tried and measured. `settings` None: the editor's defaults; `diagnose`: with its side effects."""
    chosen, at = editor_named(editor), tuple(sorted(layers))
    chosen.check(model, [fact], at)
    settings = settings or chosen.settings()
    asked = provenance(model, facts_name, [fact], method=f"trial-{editor}", version=chosen.version,
                       settings={**asdict(settings), "layers": at, "trial_version": evaluation.VERSION,
                                 "diagnostics": diagnostics.VERSION if diagnose else None,
                                 "text": content_key(getattr(settings, "covariance", IDENTITY))})
    return (yield from _once(
        store.open(asked), EditReport, fact, lambda: trial_edit(model, fact, at, editor, settings, diagnose=diagnose)
    ))


def drain(steps: Generator[Any, None, X]) -> X:
    """Run a task to its end without showing its progress."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def _survey_run(model: LoadedModel, store: Store) -> Run:
    return store.open(
        provenance(model, "every fact asked about", (), method="survey", version=survey.VERSION, settings={}))


def _measurement_run(
    model: LoadedModel, facts_name: str, facts: Sequence[Fact], measurement: str, settings: Any, store: Store
) -> Run:
    version = one_of("measurement", measurement, MEASUREMENTS).version
    if (source := getattr(settings, "covariance", None)) is not None:
        settings = {**asdict(settings), "text": content_key(source)}
    return store.open(provenance(model, facts_name, facts, method=measurement, version=version, settings=settings))


def _kept(run: Run, row_type: type[Row], facts: Sequence[Fact]) -> dict[int, Row]:
    """Stored rows by record, in the facts' order. The store knows facts by content: the same fact may have another
    record number in the file of today."""
    stored = run.rows(row_type)
    names = ((fact.record, fact.fingerprint) for fact in facts)
    return {record: replace(stored[name], record=record) for record, name in names if name in stored}


def _row_by_row(
    run: Run, row_type: type[Row], facts: Sequence[Fact], label: str,
    compute: Callable[[frozenset[int]], Iterator[Row | Progress]],
) -> Steps[tuple[Row, ...]]:
    """One row a fact: the stored ones, and the rest as `compute(records that are done)` finishes them."""
    rows = _kept(run, row_type, facts)
    if len(rows) < len(facts):
        names = {fact.record: fact.fingerprint for fact in facts}
        yield Progress(label=label, done=len(rows), total=len(facts))
        with closing(compute(frozenset(rows))) as computed:
            for row in computed:
                if isinstance(row, Progress):
                    yield row
                    continue
                run.append(names[row.record], row)
                rows[row.record] = row
                yield Progress(label=label, done=len(rows), total=len(facts))
    return tuple(rows[fact.record] for fact in facts)


def _once(
    run: Run, answer_type: type[Answer], fact: Fact, compute: Callable[[], Steps[Answer]]
) -> Steps[tuple[Answer, Stored]]:
    """One fact's answer: the stored one, or computed and stored whole."""
    answer = _kept(run, answer_type, [fact]).get(fact.record)
    reused = 1 if answer is not None else 0
    if answer is None:
        answer = yield from compute()
        run.append(fact.fingerprint, answer)
        run.finish()
    return answer, run.stored(reused=reused)


def _unmeasured(fact: Fact, row: SurveyRow) -> FactRow:
    source, answer = ("data", fact.target_old[0]) if fact.target_old else ("model", row.greedy)
    return FactRow(record=fact.record, status="used", old_answer=answer, old_source=source, known=row.known,
                   values={}, cost=row.cost)
