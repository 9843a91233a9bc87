"""The answer to the page's question, from what the store has of it: the picks, the sweep where there is one, the study.

No model and no torch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from lga_core.data.facts import Fact
from lga_core.data.select import editable
from lga_core.editing.table import EDITORS
from lga_core.results import Answer, ModelIdentity, Obstacle, PastWorth
from lga_core.runs.reading import finished_sweep
from lga_core.runs.shipped.study_units import State, kept_state, kept_units
from lga_core.runs.storage.store import Store
from lga_core.scores.forecast.gain import terms_of
from lga_core.service.reading.method_scores import QuestionScores, ScoreChoices, method_scores
from lga_core.service.reading.stored import scored_facts
from lga_core.service.requests import ProxySet
from lga_core.settings import Settings
from lga_core.worth.reach import obstacles
from lga_core.worth.recommendation import Past, past_worth, recommend
from lga_core.worth.study.sets import study_name


@dataclass(frozen=True, kw_only=True)
class Answered:
    """The answer, and the layers at which an edit cannot act."""

    answer: Answer
    obstacles: Mapping[int, Obstacle]


def answered(scores: QuestionScores, past: Past, facts_name: str, editor: str, store: Store) -> Answered:
    """`scores`: their rows may be incomplete. `editor`: whose sweep is looked for, with its default settings.

    The recorded example's sweep enters the answer to its own scores alone: beside scores that were measured here it
    would be taken for measured here.
    """
    identity = scores.known.identity
    facts = editable(scores.known.facts)
    forecast = scores.forecast.scores.rows if scores.forecast is not None else ()
    blocked = obstacles(identity.layers, facts, editor, forecast, chat=identity.chat is not None)
    read = (*scores.scored, method_scores(scores.known, scores.choices, "middle"))
    by_selector = {item.scores.method: item.scores for item in read if item is not None}
    sweep = None
    if facts:
        settings = EDITORS[editor].settings()
        sweep, stored = finished_sweep(identity, facts_name, facts, range(identity.layers), editor, settings, store)
        if store.is_recorded(stored.provenance.key) and not _are_recorded(scores, store):
            sweep = None
    return Answered(answer=recommend(by_selector, sweep, past, blocked, scores.choices.seed), obstacles=blocked)


def _are_recorded(scores: QuestionScores, store: Store) -> bool:
    """Whether LGA's scores are the recorded example's."""
    stored = None if scores.lga is None else scores.lga.stored
    return stored is not None and store.is_recorded(stored.provenance.key)


def studied(model: str, facts: str, editor: str) -> Past:
    """What the kept study says of picks for this question, worked out once for the same picks."""
    state, units = kept_state(), kept_units()
    if model not in {unit.model for unit in units}:
        model = ""  # all models that the study does not have are one question
    if study_name(facts) not in {unit.fact_set for unit in units}:
        facts = ""
    return lambda picked_from: _past_worth(state, model, facts, editor, tuple(sorted(picked_from.items())))


@lru_cache(maxsize=64)
def _past_worth(
    _state: State, model: str, facts: str, editor: str, picked_from: tuple[tuple[str, int | None], ...]
) -> Mapping[str, PastWorth]:
    return past_worth(kept_units(), model, facts, editor, dict(picked_from))


def stored_obstacles(
    identity: ModelIdentity,
    proxy: ProxySet,
    fact: Fact,
    choices: ScoreChoices,
    editor: str,
    store: Store,
    settings: Settings | None = None,
) -> Mapping[int, Obstacle]:
    """The layers at which an edit of this fact cannot act, by what the store has of its forecast among the proxy's.

    `settings`: the editor's, whose norm bound the forecast is read at; None for the defaults.
    """
    need = choices.need("forecast")
    rows, _ = scored_facts(identity, proxy, (need,), store).measured.get(need, ((), None))
    own = [row for row in rows if row.record == fact.record]
    terms = terms_of(settings)
    return obstacles(identity.layers, [fact], editor, own, terms=terms, chat=identity.chat is not None)
