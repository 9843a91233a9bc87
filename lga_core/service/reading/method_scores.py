"""Measured rows read through the options of the golden-layers page: each method's scores of the layers."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from lga_core.data.facts import Fact
from lga_core.results import FactRow, Kind, KnownFactCheck, Loss, MethodScores, OldSource
from lga_core.scores.methods import MEASUREMENTS, METHODS, Known, Scope, View, layer_scores
from lga_core.scores.selection import Rank, spearman
from lga_core.service.reading.stored import ScoredFacts
from lga_core.service.requests import Need
from lga_core.view.words.names import method_title

LGA = "lga"
ROME_WINDOW = 10  # layers: of the trace, which pages offer beside the one that is scaled to the model’s depth
Normalize = Literal["raw", "cosine"]


@dataclass(frozen=True, kw_only=True)
class ScoreChoices:
    """What the options say. Those before the scope decide what is measured, the others how it is read."""

    seed: int
    loss: Loss = "sequence"
    old: OldSource = "data"
    kind: Kind = "mlp"
    window: int | None = None  # None: scaled to the model's depth
    scope: Scope = "mlp"
    normalize: Normalize = "raw"
    rank: Rank = "signed"
    fences: float | None = 1.0
    known: Known = "all"

    @property
    def cma(self) -> str:
        """The CMA method's name."""
        return f"cma-{self.kind}"

    def need(self, measurement: str, editor: Any = None) -> Need:
        """A measurement with the settings among these choices that it takes.

        `editor`: the settings of the editor whose layer is asked for; None for the defaults.
        """
        settings = MEASUREMENTS[measurement].settings
        given = {"loss": self.loss, "old": self.old, "window": self.window, "seed": self.seed}
        return Need(measurement=measurement, settings=settings(**settings.given(given, editor)))

    def needs(self) -> tuple[Need, ...]:
        """LGA's measurement, CMA's, and the forecast's, which may need second moments first."""
        return tuple(map(self.need, ("gradients", f"trace-{self.kind}", "forecast")))

    def all_needs(self) -> tuple[Need, ...]:
        """Every measurement that there is."""
        return tuple(self.need(name) for name in MEASUREMENTS)

    @property
    def view(self) -> View:
        """How measured rows are read."""
        return View(
            scope=self.scope,
            normalize=self.normalize,
            rank=self.rank,
            fences=self.fences,
            known=self.known,
            seed=self.seed,
        )


def method_scores(known: ScoredFacts, choices: ScoreChoices, method: str) -> MethodScores | None:
    """A method's scores; None where its measurement has no row yet."""
    measurement = METHODS[method].measurement
    layers = known.identity.layers
    if measurement is None:
        if not known.measured:
            return None
        rows, _ = next(iter(known.measured.values()))
        return MethodScores(scores=layer_scores(method, rows, layers, choices.view), stored=None)
    need = choices.need(measurement)
    if need not in known.measured:
        return None
    rows, stored = known.measured[need]
    return MethodScores(scores=layer_scores(method, rows, layers, choices.view, asdict(need.settings)), stored=stored)


@dataclass(frozen=True, kw_only=True)
class QuestionScores:
    """What the store has of a scored question, read through the options of the golden-layers page."""

    known: ScoredFacts
    choices: ScoreChoices
    lga: MethodScores | None
    cma: MethodScores | None
    forecast: MethodScores | None

    @property
    def scored(self) -> tuple[MethodScores, ...]:
        return tuple(item for item in (self.lga, self.cma, self.forecast) if item is not None)

    @property
    def golden(self) -> tuple[int, ...]:
        return self.lga.scores.selection.golden_layers if self.lga is not None else ()

    @property
    def finished(self) -> set[str]:
        """The methods without a missing row."""
        return {item.scores.method for item in self.scored if not item.partial}

    @property
    def drawable(self) -> bool:
        """Whether a fact was used."""
        return any(item.scores.n_facts for item in (self.lga, self.cma) if item is not None)


def question_scores(known: ScoredFacts, choices: ScoreChoices) -> QuestionScores:
    """The scores that the page puts side by side."""
    return QuestionScores(
        known=known,
        choices=choices,
        lga=method_scores(known, choices, LGA),
        cma=method_scores(known, choices, choices.cma),
        forecast=method_scores(known, choices, "forecast"),
    )


def agreement(lga: MethodScores | None, other: MethodScores | None) -> float | None:
    """Spearman's rank correlation of two totals over layers."""
    return None if lga is None or other is None else spearman(lga.scores.total, other.scores.total)


def pick_rows(known: ScoredFacts, choices: ScoreChoices) -> list[dict[str, object]]:
    """The pick of every method that is measured, beside LGA's; None where there is no such number."""
    every = {method: method_scores(known, choices, method) for method in METHODS}
    rows = []
    for method, item in every.items():
        if item is None:
            continue
        scores = item.scores
        measured = item.stored is not None
        rows.append(
            {
                "method": method_title(method),
                "pick": scores.selection.golden_layer,
                "next": ", ".join(map(str, scores.selection.golden_layers[1:])),
                "ρ with LGA": None if method == LGA else agreement(every[LGA], item),
                "picked in, %": None if scores.share is None else 100 * scores.share,
                "facts": scores.n_facts if measured else None,
                "seconds": scores.cost.seconds if measured else None,
                "note": scores.selection.reason or ("partial" if item.partial else ""),
            }
        )
    return rows


def unmeasured(known: ScoredFacts, choices: ScoreChoices) -> dict[str, str]:
    """Measurements without a row, each with the title of the first method that reads it."""
    return {
        need.measurement: next(
            method_title(item.name) for item in METHODS.values() if item.measurement == need.measurement
        )
        for need in choices.all_needs()
        if need not in known.measured
    }


def fact_rows(
    facts: Sequence[Fact], checks: Mapping[int, KnownFactCheck], rows: Sequence[FactRow]
) -> list[dict[str, object]]:
    """Every fact of the proxy set: what it changes, what the model says, and whether it was used."""
    measured = {row.record: row for row in rows}
    table = []
    for fact in facts:
        row = measured.get(fact.record)
        check = checks.get(fact.record)
        old = fact.target_old[0] if fact.target_old else None
        table.append(
            {
                "record": fact.record,
                "known": {True: "yes", False: "no", None: "n/a"}[check.known if check else None],
                "status": row.status if row else "not measured yet",
                "prompt": fact.prompt,
                "old answer": row.old_answer if row else old,
                "from": row.old_source if row else None,
                "new answer": fact.target_new,
                "the model says": check.greedy if check else None,
                "p": check.probability if check else None,
            }
        )
    return table
