"""Which layer to edit at: the picks side by side, and the one whose kind lost least in the study.

A pick's own data cannot say what it is worth. The study's held-out facts can: how far below the best layer such picks
lay (METHOD.md §6), in the unit of this model, set and editor, or on average over the units that come nearest. Units
with too few test facts for a regret say nothing.
"""

from collections.abc import Mapping, Sequence

from lga_core.results import Answer, Candidate, LayerScores, Obstacle, PastWorth, StudyUnit, Sweep
from lga_core.worth.ground_truth import Truth, drawn_weights
from lga_core.worth.held_out import FEWEST
from lga_core.worth.judging import DRAWS
from lga_core.worth.selectors import BRUTE_FORCE, READINGS, SELECTORS, pick_by_sweep, reading_of
from lga_core.worth.study.across import of_most, summary

ANSWERING = ("lga", "cma-mlp", "forecast", BRUTE_FORCE)  # in the order of the table
ASKED = (*READINGS, *ANSWERING[1:])  # of the study: LGA in each of its readings


def past_worth(
    units: Sequence[StudyUnit], model: str, fact_set: str, editor: str, selectors: Sequence[str] = ASKED
) -> dict[str, PastWorth]:
    """What the study says of each selector: its unit of this question, else the mean over this model's units, else
    over all of them. Units of another editor count only where none has this one."""
    units = [unit for unit in units if len(Truth.of(unit.test).records) >= FEWEST]
    same_editor = [unit for unit in units if unit.editor == editor] or list(of_most(units)) if units else []
    of_model = [unit for unit in same_editor if unit.model == model]
    this = [unit for unit in of_model if unit.fact_set == fact_set and unit.editor == editor]
    chosen = this or of_model or same_editor
    if not chosen:
        return {}
    return {
        item.selector: PastWorth(
            regret=item.measures["regret"],
            like="this" if this else "this model" if of_model else "any",
            units=item.units,
            models=tuple(sorted({unit.model for unit in chosen})),
            sets=tuple(sorted({unit.title for unit in chosen})),
            editor=chosen[0].editor,
            proxy_facts=_fewest_facts(chosen, item.selector),
        )
        for item in summary(chosen, selectors=selectors).selectors
    }


def _fewest_facts(units: Sequence[StudyUnit], selector: str) -> int:
    """That a pick was made from: those that could be used."""
    picks = (pick for unit in units for pick in unit.picks if pick.selector == selector and pick.layer is not None)
    return min(pick.n_facts for pick in picks)


def recommend(
    scores: Mapping[str, LayerScores],
    sweep: Sweep | None,
    past: Mapping[str, PastWorth],
    obstacles: Mapping[int, Obstacle],
    seed: int = 0,
) -> Answer:
    """The candidates that there are, and the one to follow: of those with a pick at which an edit can act the one
    with the lowest regret in the study, then the cheapest. One from fewer facts than the study's, or of which the
    study says nothing, comes after the others. Where no pick can act, the next layer of a ranking that can.

    `scores`: by selector. `sweep`: of the same facts, whole or not; None where there is none.
    """
    candidates = [_scored(name, scores[name], past, obstacles) for name in ANSWERING if name in scores]
    if sweep is not None and (swept := _swept(sweep, past, obstacles, seed)) is not None:
        candidates.append(swept)
    able = [item for item in candidates if item.layer is not None and item.obstacle is None]
    others = [item for item in candidates if any(layer not in obstacles for layer in item.ranking)]
    best = min(able or others, key=_order, default=None)
    layer = next((layer for layer in best.ranking if layer not in obstacles), None) if best is not None else None
    return Answer(candidates=tuple(candidates), recommended=best, layer=layer)


def _order(item: Candidate) -> tuple[bool, float, float]:
    """The lowest first."""
    regret = item.past.regret.value if item.past is not None else None
    return item.fewer_facts, float("inf") if regret is None else regret, item.cost.seconds


def _scored(
    name: str, scores: LayerScores, past: Mapping[str, PastWorth], obstacles: Mapping[int, Obstacle]
) -> Candidate:
    selection, drawn = scores.selection, scores.bootstrap
    pick = selection.golden_layer
    return Candidate(
        selector=name,
        title=SELECTORS[name].title,
        settings=scores.settings,
        ranking=selection.ranking if pick is not None else (),
        share=float(drawn.share[pick]) if drawn is not None and pick is not None else None,
        n_facts=scores.n_facts,
        cost=scores.cost,
        reason=selection.reason,
        obstacle=obstacles.get(pick) if pick is not None else None,
        past=past.get(reading_of(scores.settings) if name == "lga" else name),
    )


def _swept(
    sweep: Sweep, past: Mapping[str, PastWorth], obstacles: Mapping[int, Obstacle], seed: int
) -> Candidate | None:
    """The brute force's pick; None before a fact is measured at every layer."""
    pick = pick_by_sweep(sweep)
    if pick.layer is None:
        return None
    truth = Truth.of(sweep)
    share = None
    if len(truth.records) > 1:
        means = truth.mean("overall", drawn_weights(len(truth.records), DRAWS, seed))  # (1 + draws, layers)
        share = float((means[1:].argmax(1) == truth.layers.index(pick.layer)).mean())
    return Candidate(
        selector=BRUTE_FORCE,
        title=pick.title,
        settings=sweep.settings,
        ranking=pick.ranking,
        share=share,
        n_facts=pick.n_facts,
        cost=pick.cost,
        obstacle=obstacles.get(pick.layer),
        past=past.get(BRUTE_FORCE),
    )
