"""What a measurement over facts is: a function that yields one row a fact. This module needs no torch."""

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from lga_core.data.facts import Fact
from lga_core.progress import Reporter, silent
from lga_core.results import FactRow, KnownFactCheck, OldSource
from lga_core.scores.settings import takes_own_answer

if TYPE_CHECKING:
    from lga_core.models.loaded import LoadedModel


class Rows(Protocol):
    """Measures facts: yields one row a fact, in any order, without those whose record is in `done`."""

    def __call__(
        self,
        model: "LoadedModel",
        facts: Sequence[Fact],
        checks: Sequence[KnownFactCheck],
        settings: Any,
        done: Collection[int] = frozenset(),
        *,
        report: Reporter = silent,
    ) -> Iterator[FactRow]: ...


def refused_first(
    measured: Rows,
    model: "LoadedModel",
    facts: Sequence[Fact],
    checks: Sequence[KnownFactCheck],
    settings: Any,
    done: Collection[int] = frozenset(),
    *,
    report: Reporter = silent,
) -> Iterator[FactRow]:
    """First the rows of facts that the model cannot be asked about, which say why; then `measured` of the others."""
    finished = set(done)
    for fact, check in zip(facts, checks, strict=True):
        if check.refusal is not None and fact.record not in finished:
            source: OldSource = "model" if takes_own_answer(fact, getattr(settings, "old", "data")) else "data"
            answer = fact.target_old[0] if source == "data" else None
            yield FactRow.not_used(check, check.refusal, answer, source)
            finished.add(fact.record)
    if any(fact.record not in finished for fact in facts):
        yield from measured(model, facts, checks, settings, frozenset(finished), report=report)
