"""A stored run as a question again: which page shows it, and what has to be chosen there to see it.

Where the question was recorded and its fact set is at hand, that is the question; else the set is made of the facts
that the store kept. No model, no torch, no page.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from lga_core.data.facts import Fact, FactSet, facts_fingerprint
from lga_core.data.load import choose
from lga_core.data.select import editable
from lga_core.editing.table import EDITORS
from lga_core.errors import LgaError
from lga_core.evaluation.settings import TRIAL_METRICS, ManyEditsSettings, MetricSettings
from lga_core.results import EditReport, Origin, Stored, SweepCell, TrialStage
from lga_core.results.base import adapter
from lga_core.runs.reading import begun_trial
from lga_core.runs.storage.index import RunHeader
from lga_core.runs.storage.keys import asked_in_cell, cell_place
from lga_core.runs.storage.kinds import RunKind, kind_of
from lga_core.runs.storage.recorded import not_recorded, question_facts, recorded_settings
from lga_core.runs.storage.store import Run, Store
from lga_core.scores.methods import MEASUREMENTS
from lga_core.service.reading.method_scores import ROME_WINDOW, ScoreChoices
from lga_core.service.requests import TrialRequest

PAGES = {
    "scores": "golden_layers",
    "known facts": "facts",
    "trace": "causal_trace",
    "attribution": "causal_trace",
    "trial": "trial_edit",
    "sweep": "layer_sweep",
    "many edits": "edits",
}
_OF_THE_PROXY = ("scores", "trace")  # kinds whose numbers are of the proxy set as a whole


@dataclass(frozen=True, kw_only=True)
class Reopening:
    """What to choose so that a page shows a stored run."""

    page: str  # its file in pages/, without the suffix
    model: str
    facts: FactSet
    at_hand: bool  # whether the set is one of those that were given; else it is to be listed
    limit: int
    seed: int
    known_only: bool = False
    record: int | None = None  # the chosen fact's, in the set
    layers: tuple[int, ...] = ()
    widgets: Mapping[str, Any] = field(default_factory=dict)  # by the names of settings and options
    editor: str | None = None
    settings: Any = None  # the editor's
    metrics: MetricSettings = TRIAL_METRICS
    many: tuple[int, ManyEditsSettings] | None = None  # how many facts are edited, and how
    trial: tuple[TrialRequest, EditReport, Stored] | None = None
    begun: tuple[TrialRequest, TrialStage] | None = None  # of a trial that was stopped, what it had measured
    unshown: tuple[str, ...] = ()  # settings of the run for which the page has no control


def can_reopen(header: RunHeader) -> bool:
    """Whether a page shows runs of this kind."""
    return header.provenance is not None and header.kind.subject in PAGES


def page_of(run: Run) -> str:
    """The page that shows this run. One fact's edits at every layer stand below its trial edit."""
    kind = kind_of(run.provenance.method)
    if kind.subject == "sweep":
        cells = run.rows(SweepCell)
        ways = {(fact, asked) for fact, _layer, asked in map(cell_place, cells)}
        facts = question_facts(run, cells) if len(ways) == 1 else None
        if facts and ways == {(facts[0].fingerprint, asked_in_cell(facts[0], None))}:
            return PAGES["trial"]
    return PAGES[kind.subject]


def reopening(
    header: RunHeader, store: Store, sets: Mapping[str, FactSet], asked_now: Origin | None = None
) -> Reopening:
    """How to see a run again. `sets`: the fact sets at hand, by name.

    `asked_now`: the question that the session has already, kept where it has the run's facts.

    Raises LgaError for a run that no page shows, and where its facts are not known.
    """
    run = store.find(header.key)
    kind = header.kind
    if run is None or kind.row_type is None or kind.subject not in PAGES:
        raise LgaError(f"{header.what}: this version has no page for it.", hint="Use the version that made it.")
    rows = run.rows(kind.row_type)
    stages = run.rows(TrialStage) if kind.subject == "trial" else {}
    asked = _facts_to_show(run, kind, [*rows, *stages])
    recorded = header.notes.origins if header.notes is not None else ()
    origins = recorded if asked_now is None else (asked_now, *recorded)
    opened = _recorded(origins, sets, asked, run, kind) or _made(run, asked, kind)
    if kind.subject in ("trace", "attribution") or opened.page == PAGES["trial"]:
        fact, _, _ = next(iter(rows), asked[0].fingerprint).partition("/")  # a cell's name has its layer too
        opened = replace(opened, record=_record(opened.facts, fact))
    opened = replace(opened, **_choices_of_page(kind, run.provenance.settings, len(asked)))
    if kind.subject == "scores":
        return replace(opened, unshown=_unshown(opened, kind, run.provenance.settings))
    return _with_trial(opened, run, rows) if kind.subject == "trial" else opened


def _choices_of_page(kind: RunKind, settings: Mapping[str, Any], facts: int) -> dict[str, Any]:
    """What is chosen on the page beside the question, as fields of a `Reopening`. `facts`: how many the run is of."""
    if kind.subject == "scores":
        return {"widgets": _score_options(kind, settings)}
    if kind.subject == "trace":
        return {"widgets": {"trace_window_10": settings.get("window") == ROME_WINDOW}}
    if kind.subject == "attribution":
        return {"widgets": {"trace_own": settings.get("old") == "model"}}
    chosen: dict[str, Any] = {}
    if kind.subject == "many edits":
        how = adapter(ManyEditsSettings).validate_python(settings["many"])
        chosen |= {"layers": tuple(settings["layers"]), "many": (facts, how)}
    if kind.name in EDITORS:
        chosen["editor"] = kind.name
        chosen["settings"] = recorded_settings(EDITORS[kind.name].settings, settings)
        chosen["metrics"] = recorded_settings(MetricSettings, settings)
    return chosen


def to_open_first(headers: Sequence[RunHeader]) -> tuple[RunHeader, ...]:
    """What a new tab opens with: this machine's last scores, then what was done last with the same model.

    `headers`: the last one first.
    """
    shown = [header for header in headers if can_reopen(header) and header.kind.subject != "known facts"]
    if not shown:
        return ()
    last = shown[0]
    scores = next((header for header in shown if header.kind.name == "gradients" and header.model == last.model), last)
    return (scores,) if scores is last else (scores, last)


def _facts_to_show(run: Run, kind: RunKind, rows: list[str]) -> tuple[Fact, ...]:
    """The facts of the question: of a trace those that its noise was measured over."""
    if kind.subject == "trace":
        noise = run.store.facts.ordered(run.provenance.settings.get("noise_facts", ""))
        if noise:
            return noise
    facts = question_facts(run, rows)
    if not facts:
        raise not_recorded(run)
    return facts


def _recorded(
    origins: Sequence[Origin], sets: Mapping[str, FactSet], asked: Sequence[Fact], run: Run, kind: RunKind
) -> Reopening | None:
    """The question as it was recorded, where it still means these facts: a set may have changed since."""
    seed = _seed(run, kind)
    for origin in origins:
        question = origin.question
        facts = sets.get(question.get("facts", ""))
        if facts is None or question.get("seed") is None or seed not in (None, question["seed"]):
            continue
        candidates = choose(facts.facts, None, question["seed"])
        limit = question.get("limit") or len(candidates)
        known_only = bool(question.get("known_only"))
        if kind.subject in _OF_THE_PROXY and not known_only:
            means = facts_fingerprint(candidates[:limit]) == facts_fingerprint(asked)
        elif kind.subject == "many edits":  # the first ones that can be edited
            means = facts_fingerprint(editable(candidates)[: len(asked)]) == facts_fingerprint(asked)
        else:
            means = {fact.fingerprint for fact in asked} <= {fact.fingerprint for fact in candidates}
        if means:
            return Reopening(
                page=page_of(run),
                model=run.provenance.model,
                facts=facts,
                at_hand=True,
                limit=limit,
                seed=question["seed"],
                known_only=known_only,
            )
    return None


def _seed(run: Run, kind: RunKind) -> int | None:
    """Of the order of the facts, where the run's numbers depend on it; a seed that is the editor's is not that one."""
    if kind.subject not in _OF_THE_PROXY or "seed" in _settings_of_editor(kind):
        return None
    return run.provenance.settings.get("seed")


def _settings_of_editor(kind: RunKind) -> tuple[str, ...]:
    """Those settings of a score that the question does not give."""
    return MEASUREMENTS[kind.name].settings.OF_EDITOR if kind.name in MEASUREMENTS else ()


def _made(run: Run, asked: Sequence[Fact], kind: RunKind) -> Reopening:
    """A set made of the run's facts, in an order from which the seed's shuffle makes the one of the run."""
    seed = _seed(run, kind) or 0
    order = list(range(len(asked)))
    random.Random(seed).shuffle(order)
    placed = dict(zip(order, asked, strict=True))
    facts = tuple(placed[place] for place in sorted(placed))
    if len({fact.record for fact in facts}) < len(facts):  # of several files
        facts = tuple(replace(fact, record=number) for number, fact in enumerate(facts))
    made = FactSet(
        name=f"{run.provenance.facts} (run {run.provenance.key[:8]})",
        facts=facts,
        n_records=max(fact.record for fact in facts) + 1,
    )
    return Reopening(
        page=page_of(run),
        model=run.provenance.model,
        facts=made,
        at_hand=False,
        limit=len(facts),
        seed=seed,
    )


def _record(facts: FactSet, fingerprint: str) -> int | None:
    return next((fact.record for fact in facts.facts if fact.fingerprint == fingerprint), None)


def _score_options(kind: RunKind, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The options of the golden-layers page that decide what is measured, by the name of their setting."""
    chosen = {name: settings[name] for name in _choices(settings) if name not in ("seed", "window")}
    if "window" in settings:
        chosen["window_10"] = settings["window"] == ROME_WINDOW
    if kind.name == "gradients":
        chosen.setdefault("loss", "answer")  # of runs from before there was a choice
    trace = kind.name.removeprefix("trace-")
    return chosen | ({"cma": trace} if trace != kind.name else {})


def _choices(settings: Mapping[str, Any]) -> list[str]:
    return [item.name for item in fields(ScoreChoices) if item.name in settings]


def _unshown(opened: Reopening, kind: RunKind, settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Settings that are not at what the page's options can make of them."""
    choices = {name: settings[name] for name in _choices(settings)}
    if choices.get("window") not in (None, ROME_WINDOW):
        choices.pop("window", None)
    need = adapter(ScoreChoices).validate_python({"seed": opened.seed, **choices}).need(kind.name)
    shown = adapter(type(need.settings)).dump_python(need.settings, mode="json")
    return tuple(name for name, value in shown.items() if settings.get(name, value) != value)


def _with_trial(opened: Reopening, run: Run, rows: Mapping[str, Any]) -> Reopening:
    """With the report itself, so that it is shown at once; with what is measured of it where it was stopped."""
    layers = tuple(run.provenance.settings.get("layers", ()))
    opened = replace(opened, layers=layers)
    fact = opened.facts.by_record(opened.record) if opened.record is not None else None
    begun = begun_trial(run, fact) if fact is not None and not rows else None
    if fact is None or opened.editor is None or not (rows or begun):
        return opened
    report = begun.report if begun is not None else replace(next(iter(rows.values())), record=fact.record)
    request = TrialRequest(
        model=run.provenance.model,
        facts_name=opened.facts.name,
        fact=fact,
        layers=layers,
        editor=opened.editor,
        settings=opened.settings,
        metrics=MetricSettings(answers=report.answers),
    )
    if begun is not None:
        return replace(opened, begun=(request, begun))
    return replace(opened, trial=(request, report, run.stored(rows=1, reused=1)))
