"""What selectors say about a question's facts, as far as the store has it, and what they would have to measure."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from lga_core.data.facts import Fact
from lga_core.results import LayerScores, Stored
from pages._ui.options import Need
from pages._ui.state import Question

if TYPE_CHECKING:
    from lga_core.models.loaded import LoadedModel
    from lga_core.runs.store import Store
    from lga_core.worth.selectors import Selector

_MARKED = ("lga", "cma-mlp", "cma-hidden", "cma-attn", "forecast", "middle")
_QUICK = ("gradients", "gradxact", "forecast")       # measurements of about one pass over the facts


def main_selectors() -> tuple[str, ...]:
    """Those that are marked on figures; the others are variants, for the tables."""
    return _MARKED


def need_of(selector: "Selector", seed: int) -> Need | None:
    """The measurement that a selector reads; None for the middle layer and for the sweep itself."""
    from lga_core.scores.methods import METHODS

    measurement = METHODS[selector.method].measurement if selector.method else None
    return None if measurement is None else Need(measurement=measurement, settings=selector.settings(seed))


def stored_scores(model: "LoadedModel", question: Question, facts: Sequence[Fact],
                  store: "Store") -> Iterator[tuple[str, tuple[LayerScores, Stored | None]]]:
    """The scores of every selector whose measurement the store has for all of the facts."""
    from lga_core.runs.tasks import finished_rows
    from lga_core.scores.methods import layer_scores
    from lga_core.worth.selectors import SELECTORS

    measured: dict[Need, tuple] = {}
    for selector in SELECTORS.values():
        if selector.method is None:
            continue
        view, need = replace(selector.choices(question.seed), bootstrap=0), need_of(selector, question.seed)
        if need is None:
            yield selector.name, (layer_scores(selector.method, (), model.layers, view), None)
            continue
        if need not in measured:
            measured[need] = finished_rows(model, question.facts, facts, need.measurement, need.settings, store)
        rows, stored = measured[need]
        if rows and len(rows) == len(facts):
            scores = layer_scores(selector.method, rows, model.layers, view, asdict(need.settings))
            yield selector.name, (scores, stored)


def missing_needs(scored: Collection[str], seed: int) -> dict[str, tuple[Need, bool]]:
    """What is not measured yet, by the title of the first selector that reads it; True: quick."""
    from lga_core.worth.selectors import SELECTORS

    found: dict[Need, str] = {}
    for selector in SELECTORS.values():
        need = need_of(selector, seed)
        if need is not None and selector.name not in scored:
            found.setdefault(need, selector.title)
    return {title: (need, need.measurement in _QUICK) for need, title in found.items()}
