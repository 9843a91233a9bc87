"""The answer to the page's question, from what the store has of it: the picks, the sweep where there is one, the study.

No model and no torch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lga_core.data.facts import Fact
from lga_core.editing.table import EDITORS
from lga_core.results import Answer, FactRow, ModelIdentity, Obstacle, PastWorth
from lga_core.runs.reading import finished_sweep
from lga_core.runs.storage.store import Store
from lga_core.service.reading.method_scores import MethodScores, ScoreChoices
from lga_core.service.reading.stored import ScoredFacts, editable, scored_facts
from lga_core.service.requests import ProxySet
from lga_core.worth.reach import obstacles
from lga_core.worth.recommendation import ANSWERING, recommend


@dataclass(frozen=True, kw_only=True)
class Answered:
    """The answer, and the layers at which an edit cannot act."""

    answer: Answer
    obstacles: Mapping[int, Obstacle]


def answered(
    known: ScoredFacts,
    scores: Sequence[MethodScores],
    past: Mapping[str, PastWorth],
    facts_name: str,
    editor: str,
    store: Store,
    seed: int = 0,
) -> Answered:
    """`scores`: those of the page, whose rows may be incomplete. `editor`: whose sweep is looked for, by default."""
    facts = editable(known.facts)
    layers = known.identity.layers
    rows: Sequence[FactRow] = ()
    by_selector = {item.scores.method: item.scores for item in scores if item.scores.method in ANSWERING}
    if "forecast" in by_selector:
        rows = by_selector["forecast"].rows
    blocked = obstacles(layers, facts, editor, rows)
    sweep = None
    if facts:
        settings = EDITORS[editor].settings()
        sweep, _ = finished_sweep(known.identity, facts_name, facts, range(layers), editor, settings, store)
    return Answered(answer=recommend(by_selector, sweep, past, blocked, seed), obstacles=blocked)


def stored_obstacles(
    identity: ModelIdentity, proxy: ProxySet, fact: Fact, choices: ScoreChoices, editor: str, store: Store
) -> Mapping[int, Obstacle]:
    """The layers at which an edit of this fact cannot act, by what the store has of its forecast among the proxy's."""
    need = choices.need("forecast")
    rows, _ = scored_facts(identity, proxy, (need,), store).measured.get(need, ((), None))
    return obstacles(identity.layers, [fact], editor, [row for row in rows if row.record == fact.record])
