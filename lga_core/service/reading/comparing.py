"""Two stored runs side by side: picks, values by layer, metrics, and the settings that differ. No model."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from lga_core.errors import LgaError
from lga_core.probes.summary import overall
from lga_core.results import (
    METRICS,
    CausalTrace,
    EditCheckpoint,
    EditReport,
    FactRow,
    KnownFactCheck,
    Sweep,
    SweepCell,
)
from lga_core.runs.storage.index import RunHeader
from lga_core.runs.storage.keys import asked_as_today, cell_place
from lga_core.runs.storage.recorded import facts_of_run
from lga_core.runs.storage.store import Run, Store
from lga_core.scores.methods import METHODS, View, layer_scores
from lga_core.scores.selection import spearman
from lga_core.view.words.protocol import protocol_words
from lga_core.view.words.runs import chat_words, settings_words
from lga_core.view.words.sentences import duration, layers_in_words
from lga_core.view.words.text import number
from lga_core.worth.ground_truth import Truth

ABSENT = "–"


@dataclass(frozen=True, kw_only=True)
class RunContent:
    """What a run says, as far as it can be put beside another one."""

    header: RunHeader
    curve: np.ndarray | None = None  # (L,) a value of each layer
    curve_is: str = ""  # what that is, with its unit
    picks: tuple[int, ...] = ()  # the best layer first, or the edited ones
    metrics: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two runs beside one another."""

    sides: tuple[RunContent, RunContent]
    rho: float | None  # rank correlation of the two curves; None where there is none
    settings: tuple[tuple[str, str, str], ...]  # name, left, right: those that differ
    metrics: tuple[tuple[str, str, str], ...]

    @property
    def one_unit(self) -> bool:
        """Whether both curves are of the same thing, so that one axis serves both."""
        return self.sides[0].curve_is == self.sides[1].curve_is


def compare(left: RunHeader, right: RunHeader, store: Store) -> Comparison:
    """Raises LgaError for a run that cannot be read."""
    sides = content(left, store), content(right, store)
    first, second = sides
    rho = None
    if first.curve is not None and second.curve is not None and len(first.curve) == len(second.curve):
        rho = spearman(first.curve, second.curve)
    return Comparison(
        sides=sides,
        rho=rho,
        settings=differing(_description(left), _description(right)),
        metrics=_beside(first.metrics, second.metrics),
    )


def content(header: RunHeader, store: Store) -> RunContent:
    """Read one run. Raises LgaError for one that cannot be read."""
    run = store.find(header.key)
    if run is None or header.kind.row_type is None:
        raise LgaError(
            f"The run {header.short} cannot be compared. {header.problem or 'This version does not know its kind.'}",
            hint="Choose another run.",
        )
    return _READ[header.kind.subject](header, run) if header.kind.subject in _READ else RunContent(header=header)


def differing(left: Mapping[str, str], right: Mapping[str, str]) -> tuple[tuple[str, str, str], ...]:
    """Entries that are not the same on both sides."""
    return tuple(row for row in _beside(left, right) if row[1] != row[2])


def _beside(left: Mapping[str, str], right: Mapping[str, str]) -> tuple[tuple[str, str, str], ...]:
    names = dict.fromkeys((*left, *right))
    return tuple((name, left.get(name, ABSENT), right.get(name, ABSENT)) for name in names)


def settings_of(header: RunHeader) -> dict[str, str]:
    """A run's settings in words."""
    return settings_words(header.provenance.settings) if header.provenance is not None else {}


def _description(header: RunHeader) -> dict[str, str]:
    """Everything that two runs may differ in beside their numbers."""
    asked = header.provenance
    if asked is None:
        return {}
    return {
        "what": header.what,
        "model": asked.model,
        "model files": asked.model_fingerprint[:12],
        "prompts": chat_words(asked.chat),
        "facts": asked.facts,
        "facts’ content": asked.facts_fingerprint[:12],
        "version of the numbers": str(asked.method_version),
        **settings_of(header),
        "machine": asked.machine,
        **{f"package {name}": version for name, version in asked.packages.items()},
    }


def _scores(header: RunHeader, run: Run) -> RunContent:
    """By the first method that reads this measurement, with its options at their defaults."""
    rows = tuple(run.rows(FactRow).values())
    method = next(item for item in METHODS.values() if item.measurement == header.kind.name)
    used = [row for row in rows if row.used]
    metrics = {"facts used": f"{len(used)} of {len(rows)}", "time": duration(sum(row.cost.seconds for row in rows))}
    if not used or method.values is None:
        return RunContent(header=header, metrics=metrics)
    scores = layer_scores(method.name, rows, len(method.values(used[0], View())), View())
    if scores.share is not None:
        metrics["draws with the same pick"] = f"{100 * scores.share:.0f} %"
    return RunContent(
        header=header,
        curve=scores.total,
        curve_is=f"{method.title}, {scores.total_is} over facts",
        picks=scores.selection.golden_layers,
        metrics=metrics,
    )


def _trace(header: RunHeader, run: Run) -> RunContent:
    trace = next(iter(run.rows(CausalTrace).values()), None)
    if trace is None:
        return RunContent(header=header)
    curve = np.asarray(trace.effect)[trace.subject[1] - 1]
    return RunContent(
        header=header,
        curve=curve,
        curve_is="indirect effect at the last subject token",
        picks=(int(curve.argmax()),),
        metrics={
            "total effect": number(trace.total_effect, 3),
            "p of the answer": number(trace.p_clean, 3),
            "p, corrupted": number(trace.p_corrupted, 3),
            "largest effect": number(float(trace.effect.max()), 3),
        },
    )


def _trial(header: RunHeader, run: Run) -> RunContent:
    report = next(iter(run.rows(EditReport).values()), None)
    if report is None:
        return RunContent(header=header)
    metrics = {
        f"{name}, {words}": f"{_percent(getattr(before, way))} → {_percent(getattr(after, way))}"
        for name in METRICS
        if (before := report.before.get(name)) is not None and (after := report.after.get(name)) is not None
        for way, words in (("teacher_forced", "teacher-forced"), ("free", "free"))
    }
    return RunContent(
        header=header,
        picks=report.layers,
        metrics={
            "fact": f"{report.subject}: {report.target_old or '?'} → {report.target_new}",
            "edited": layers_in_words(report.layers),
            "overall": _percent(overall(report.after)[0]),
            "protocol": protocol_words(report.answers),
            **metrics,
            "time": duration(report.cost.seconds),
        },
    )


def _sweep(header: RunHeader, run: Run) -> RunContent:
    """Its cells, whatever set of facts asked for them; of each fact those that were measured in one way.

    The curve is over the facts that have a cell at every layer of the run (METHOD.md §6); there is none without such.
    """
    cells = _measured_in_one_way(run)
    if not cells:
        return RunContent(header=header)
    numbers = {name: place for place, name in enumerate(dict.fromkeys(name.partition("/")[0] for name in cells))}
    placed = [replace(cell, record=numbers[name.partition("/")[0]]) for name, cell in cells.items()]
    layers = sorted({cell.layer for cell in placed})
    answers: Any = "best" if header.provenance is None else header.provenance.settings.get("answers", "best")
    sweep = Sweep.of(placed, list(numbers.values()), layers, header.kind.name, {})
    truth = Truth.of(sweep)
    mean = truth.mean("overall")
    curve = np.full(layers[-1] + 1, np.nan)
    curve[layers] = mean
    known = bool(truth.records)
    return RunContent(
        header=header,
        curve=curve if known else None,
        curve_is="Overall after the edit, %, mean over facts" if known else "",
        picks=(layers[int(mean.argmax())],) if known else (),
        metrics={
            "facts": str(len(numbers)),
            "facts at every layer": str(len(truth.records)),
            "edits": f"{len(cells):,}",
            "best Overall": _percent(float(mean.max()) if known else None),
            "protocol": protocol_words(answers),
            "time": duration(sweep.cost.seconds),
        },
    )


def _measured_in_one_way(run: Run) -> dict[str, SweepCell]:
    """Of each fact the cells whose probes were asked in the way that has most of them, without superseded ones."""
    cells = run.rows(SweepCell)
    try:
        facts = facts_of_run(run, cells)
    except LgaError:  # an earlier version did not keep them: what is superseded cannot be told
        facts = ()
    ways: dict[str, dict[str, list[str]]] = {}
    for name in asked_as_today(cells, facts):
        fingerprint, _layer, asked = cell_place(name)
        ways.setdefault(fingerprint, {}).setdefault(asked, []).append(name)
    return {name: cells[name] for asked in ways.values() for name in max(asked.values(), key=len)}


def _many_edits(header: RunHeader, run: Run) -> RunContent:
    """The last checkpoint."""
    last = max(run.rows(EditCheckpoint).values(), key=lambda row: row.edits, default=None)
    if last is None:
        return RunContent(header=header)
    shares = ("rewrite", "latest", "rephrase", "locality")
    return RunContent(
        header=header,
        picks=tuple(run.provenance.settings["layers"]),
        metrics={
            "edits": f"{last.edits:,}",
            **{f"{name} at the end": _percent(getattr(last, name)) for name in shares},
            "drift at the end, nats": number(last.kl, 3),
            "fluency at the end": number(last.fluency, 3),
        },
    )


def _known_facts(header: RunHeader, run: Run) -> RunContent:
    checks = [check for check in run.rows(KnownFactCheck).values() if check.problem is None]
    asked = [check.known for check in checks if check.known is not None]
    known = f"{sum(asked)} of {len(asked)}"
    return RunContent(header=header, metrics={"facts asked": str(len(checks)), "known": known})


def _percent(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.1f} %"


_READ = {
    "scores": _scores,
    "trace": _trace,
    "trial": _trial,
    "sweep": _sweep,
    "known facts": _known_facts,
    "many edits": _many_edits,
}
