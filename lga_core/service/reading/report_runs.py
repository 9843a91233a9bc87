"""The report of stored runs: each run becomes the question that it answers, and together they are one report's."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lga_core.data.load import choose, load_facts, shipped_sets
from lga_core.editing.table import EDITORS
from lga_core.errors import LgaError
from lga_core.results import ModelIdentity, Origin, Provenance, QuestionReport
from lga_core.runs.storage.index import RunHeader
from lga_core.runs.storage.provenance import recorded_dtype
from lga_core.runs.storage.recorded import recorded_settings
from lga_core.runs.storage.store import Store
from lga_core.scores.settings import CmaSettings
from lga_core.service.page_parts.models import known_layers
from lga_core.service.reading import every_layer
from lga_core.service.reading.method_scores import ScoreChoices
from lga_core.service.reading.reopening import Reopening, reopening
from lga_core.service.reading.report import ReportRequest, question_report
from lga_core.service.requests import EveryLayerRequest, ProxySet, SweepRequest, TraceRequest

_SUBJECTS = ("scores", "trace", "attribution", "trial", "sweep")


def report_of_runs(headers: Sequence[RunHeader], store: Store) -> QuestionReport:
    """One report of runs of one model; the first one says of which facts.

    Raises LgaError for a run that no report shows: of another kind, another model, other facts or unusual settings.
    """
    first = headers[0]
    if first.provenance is None or first.kind.subject not in _SUBJECTS:
        raise _unshown(first)
    sets = {name: load_facts(name) for name in shipped_sets()}
    opened = reopening(first, store, sets)
    sets[opened.facts.name] = opened.facts
    question = {"facts": opened.facts.name, "limit": opened.limit, "seed": opened.seed, "known_only": opened.known_only}
    identity = _identity(first.provenance)
    request = ReportRequest(
        model=opened.model,
        proxy=ProxySet(
            name=first.provenance.facts,
            candidates=tuple(choose(opened.facts.facts, None, opened.seed)),
            limit=opened.limit,
            known_only=opened.known_only,
        ),
        choices=ScoreChoices(seed=opened.seed),
        editor=next(iter(EDITORS)),
    )
    for header in headers:
        asked = header.provenance
        if asked is None or header.kind.subject not in _SUBJECTS or not _is_of(asked, identity):
            raise _unshown(header)
        request = _with_run(request, header, asked, reopening(header, store, sets, Origin(question=question)), identity)
    report = question_report(request, identity, store)
    shown = {item.provenance.key for item in report.runs}
    for header in headers:
        if header.key not in shown:
            raise _unshown(header)
    return report


def _with_run(
    request: ReportRequest, header: RunHeader, asked: Provenance, opened: Reopening, identity: ModelIdentity
) -> ReportRequest:
    """What is asked for once this run is in the report too."""
    kind = header.kind
    shared: dict[str, Any] = {"model": request.model, "proxy": request.proxy}
    if kind.subject == "scores":
        return replace(request, choices=_choices(request.choices, opened))
    if kind.subject == "sweep":
        layers = tuple(range(identity.layers))
        swept = SweepRequest(**shared, test=None, layers=layers, editor=kind.name, settings=opened.settings)
        return replace(request, editor=kind.name, sweep=swept)
    fact = opened.facts.by_record(opened.record) if opened.record is not None else None
    if fact is None:
        return request
    if kind.subject == "trial" and opened.trial is not None:
        trial, report, stored = opened.trial
        needs = every_layer.needs(request.choices, trial.settings)
        at_every = EveryLayerRequest(
            **shared, fact=fact, editor=trial.editor, settings=trial.settings, needs=needs, metrics=trial.metrics
        )
        trials = (*request.trials, (report, stored))
        return replace(request, editor=trial.editor, trials=trials, every_layer=at_every)
    is_trace = kind.subject == "trace"
    shared["kinds"] = (kind.name,) if is_trace else ()
    shared["settings"] = recorded_settings(CmaSettings, asked.settings) if is_trace else CmaSettings()
    shared["old"] = asked.settings.get("old", "data")
    traced = TraceRequest(**shared, fact=fact)
    return replace(request, traces=_joined(request.traces, traced))


def _joined(traces: tuple[TraceRequest, ...], new: TraceRequest) -> tuple[TraceRequest, ...]:
    """One request a fact and settings; an attribution, which has no kind, joins the fact's traces."""
    for place, item in enumerate(traces):
        alike = item.settings == new.settings or not item.kinds or not new.kinds
        if item.fact == new.fact and alike:
            traced = item if item.kinds else new
            old = item.old if new.kinds else new.old
            both = replace(traced, kinds=tuple(dict.fromkeys((*item.kinds, *new.kinds))), old=old)
            return (*traces[:place], both, *traces[place + 1 :])
    return (*traces, new)


def _choices(choices: ScoreChoices, opened: Reopening) -> ScoreChoices:
    """The options that show these scores."""
    widgets = dict(opened.widgets)
    named: dict[str, Any] = {name: widgets[name] for name in ("loss", "old") if name in widgets}
    if "cma" in widgets:
        named |= {"kind": widgets["cma"], "window": 10 if widgets.get("window_10") else None}
    return replace(choices, **named)


def _identity(asked: Provenance) -> ModelIdentity:
    """The model as the run knew it; its layers from its files or the catalogue."""
    layers = known_layers(asked.model)
    if layers is None:
        raise LgaError(
            f"How many layers {asked.model} has is not known: its files are not here.", hint="Fetch the model first."
        )
    return ModelIdentity(
        name=asked.model,
        fingerprint=asked.model_fingerprint,
        dtype=f"torch.{recorded_dtype(asked)}",
        machine=asked.machine,
        layers=layers,
        chat=asked.chat,
    )


def _is_of(asked: Provenance, identity: ModelIdentity) -> bool:
    """Whether a run asked this very model: the same weights, in the same dtype and through the same chat template."""
    same = (identity.fingerprint, identity.dtype.removeprefix("torch."), identity.chat)
    return (asked.model_fingerprint, recorded_dtype(asked), asked.chat) == same


def _unshown(header: RunHeader) -> LgaError:
    return LgaError(
        f"The run {header.short} ({header.what}) cannot stand in this report: a report has scores, traces, trial edits "
        "and sweeps of one set and one model (in one dtype, with or without its chat template), with settings that the "
        "pages have.",
        hint="Write a report of its own, or look at it on the page Runs.",
    )
