"""What layer scores are made of: what the model says by itself, a measurement's rows, and what is read off them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lga_core.progress import Phase
from lga_core.results.base import Array, Cost, OldSource, Result, ShownResult, Stored

METHOD_TITLES: Mapping[str, str] = {
    "lga": Phase.LGA.value,
    "cma-mlp": Phase.CMA_MLP.value,
    "cma-hidden": Phase.CMA_HIDDEN.value,
    "cma-attn": Phase.CMA_ATTENTION.value,
    "gradxact": Phase.GRADIENT_ACTIVATION.value,
    "ig": Phase.INTEGRATED_GRADIENTS.value,
    "gradnorm-old": "Gradient norm, old answer",
    "gradnorm-new": "Gradient norm, new answer",
    "forecast": Phase.FORECAST.value,
    "hidden-distance": Phase.HIDDEN_DISTANCE.value,
    "middle": "Middle layer",
}
"""What the scores of layers are called, by their method."""
METHODS_OF_ONE_FACT = ("lga", "cma-mlp", "forecast")
"""The scores that stand under the edits of one fact at every layer."""


def refusal_words(problem: str) -> str:
    """Why a fact is left out that the model cannot be asked about."""
    return f"cannot be asked: {problem}"


@dataclass(frozen=True, kw_only=True)
class KnownFactCheck(Result):
    """What the model says by itself after one fact's prompt (METHOD.md §2, "known")."""

    record: int
    known: bool | None  # greedy next token starts an accepted old answer; None: no old answer
    greedy: str  # the model's own greedy answer, for showing
    greedy_ids: tuple[int, ...] | None = None  # its tokens; None: stored by a version that kept the text alone
    probability: float | None  # of the greedy next token; None: it was not asked
    problem: str | None = None  # why this model cannot be asked about the fact, which is left out everywhere
    cost: Cost = Cost()

    @classmethod
    def refused(cls, record: int, problem: str) -> "KnownFactCheck":
        """The row of a fact that the model was not asked about."""
        return cls(record=record, known=None, greedy="", greedy_ids=(), probability=None, problem=problem)

    @property
    def refusal(self) -> str | None:
        """The problem as the reason for which a fact is left out; None where there is none."""
        return None if self.problem is None else refusal_words(self.problem)


@dataclass(frozen=True, kw_only=True)
class FactRow(Result):
    """One finished fact of one measurement over layers. A fact not used has a status and no values."""

    record: int  # 0-based index in the fact file
    status: str  # "used", or why it was not
    old_answer: str | None
    old_source: OldSource | None
    known: bool | None
    values: Mapping[str, Array]  # component -> (L,), (P,), (P, L) or (); empty when not used
    cost: Cost = Cost()

    @classmethod
    def measured(
        cls, check: KnownFactCheck, answer: str | None, source: OldSource, values: Mapping[str, Any], cost: Cost
    ) -> "FactRow":
        """The row of a fact that was used; `answer` is the old one, from `source`."""
        return cls(
            record=check.record,
            status="used",
            old_answer=answer,
            old_source=source,
            known=check.known,
            values=values,
            cost=cost,
        )

    @classmethod
    def not_used(cls, check: KnownFactCheck, why: str, answer: str | None, source: OldSource) -> "FactRow":
        """The row of a fact that was not, and why."""
        return cls(record=check.record, status=why, old_answer=answer, old_source=source, known=check.known, values={})

    @property
    def used(self) -> bool:
        return self.status == "used"


@dataclass(frozen=True, kw_only=True)
class Selection(Result):
    """Layers ranked by a total, fenced against outliers (METHOD.md §1, LGA §3)."""

    golden_layer: int | None
    golden_layers: tuple[int, ...]
    ranking: tuple[int, ...]  # layers inside the fences, best first
    excluded_layers: Mapping[int, str]  # layer -> why
    fences: tuple[float, float] | None  # lower, upper; None where they do not apply
    reason: str | None = None  # why there is no pick


@dataclass(frozen=True, kw_only=True)
class Bootstrap(Result):
    """How firm a pick is when the facts are drawn again with replacement."""

    draws: int
    seed: int
    share: Array  # (L,) how often each layer is the pick
    low: int  # 95 % interval of the picked layer
    high: int
    margin: float | None  # (best − second) / sd of that gap over the draws; None: no spread


@dataclass(frozen=True, kw_only=True)
class Signs(Result):
    """Where LGA's sign comes from: known facts pull it down (METHOD.md §1)."""

    negative_share: float | None  # of all cells; None without a used fact
    all_negative: bool  # every layer's total is below zero
    n_known: int
    n_unknown: int
    known: Array  # (L,) total over known facts
    unknown: Array  # (L,)


@dataclass(frozen=True, kw_only=True)
class LayerScores(ShownResult):
    """One method's score of every layer over a set of facts."""

    method: str
    settings: Mapping[str, Any]
    rows: tuple[FactRow, ...]  # one per requested fact, in order
    per_fact: Array  # (n_facts requested, L); NaN rows where not used
    total: Array  # (L,)
    total_is: Literal["sum", "mean"]
    selection: Selection
    bootstrap: Bootstrap | None
    cost: Cost

    @property
    def n_facts(self) -> int:
        return sum(row.used for row in self.rows)

    @property
    def layers(self) -> int:
        return len(self.total)

    @property
    def share(self) -> float | None:
        """Of the bootstrap's draws those that pick the same layer; None where nothing was drawn or picked."""
        if self.bootstrap is None or self.selection.golden_layer is None:
            return None
        return float(self.bootstrap.share[self.selection.golden_layer])


@dataclass(frozen=True, kw_only=True, eq=False)
class MethodScores:
    """One method's scores with where its rows come from."""

    scores: LayerScores
    stored: Stored | None  # None: nothing is measured for it

    @property
    def partial(self) -> bool:
        return self.stored is not None and not self.stored.complete
