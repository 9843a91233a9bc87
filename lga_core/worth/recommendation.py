"""Which layer to edit at: the picks side by side, and the one whose kind lost least in the study.

A pick's own data cannot say what it is worth. The study's held-out facts can: how far below the best layer such picks
lay (METHOD.md §6), in the unit of this model, set and editor, or on average over the units that come nearest. Units
with too few test facts for a regret say nothing. A pick from fewer facts than the study's is judged by what picks from
that few lost there, where the study drew such. The study's picks are of the default options: of others it says nothing
either.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Literal

from lga_core.results import Answer, Candidate, Estimate, LayerScores, Obstacle, PastWorth, StudyUnit, Sweep
from lga_core.scores.methods import described, method_named
from lga_core.worth.ground_truth import Truth, drawn_weights
from lga_core.worth.held_out import FEWEST
from lga_core.worth.judging import DRAWS
from lga_core.worth.selectors import BRUTE_FORCE, SELECTORS, pick_by_sweep, reading_of
from lga_core.worth.study.across import ANY, by_protocol, different_facts, of_most, summary
from lga_core.worth.study.fewer_facts import from_fewer
from lga_core.worth.study.sets import DEVELOPED_ON, study_name

MIDDLE = "middle"
ANSWERING = ("lga", "cma-mlp", "forecast", MIDDLE, BRUTE_FORCE)  # in the order of the table
_UNLIKE = ("seed", "top")  # settings that hardly change a pick, or not at all

Like = Literal["this", "this model", "any"]  # which units of the study: see `PastWorth`
Facts = Mapping[str, int | None]  # selector -> that its pick here is from; None: as many as the study's
Past = Callable[[Facts], Mapping[str, PastWorth]]  # by selector, of those that are compared; `past_worth`


def past_worth(
    units: Sequence[StudyUnit], model: str, fact_set: str, editor: str, facts: Facts
) -> dict[str, PastWorth]:
    """What the study says of each selector of `facts`, and of a layer drawn at random (`ANY`): its unit of this
    question, else the mean over this model's units, else over all of them. Units of another editor count only where
    none has this one. A selector's picks are those from the facts of its pick here, or the next fewer (`from_fewer`).

    The selectors are compared: each over the units in which all of them that have a pick somewhere have one, so that
    none is better for easier facts. Where there is no such unit each is over its own. Of units whose sweeps were made
    in several ways only those made in the latest count: their regrets would not compare.
    """
    fact_set = study_name(fact_set)
    units = [unit for unit in units if len(Truth.of(unit.test).records) >= FEWEST]
    same_editor = [unit for unit in units if unit.editor == editor] or list(of_most(units)) if units else []
    of_model = [unit for unit in same_editor if unit.model == model]
    this = [unit for unit in of_model if unit.fact_set == fact_set and unit.editor == editor]
    chosen = this or of_model or same_editor
    if not chosen:
        return {}
    compared = by_protocol(_comparable(chosen, tuple(facts)))[0]
    like: Like = "this" if this else "this model" if of_model else "any"
    over = summary(compared, selectors=tuple(facts))
    found = {}
    for item in over.selectors:
        picking = _picking(compared, item.selector)
        past = _past(item.measures["regret"], like, picking, item.selector)
        here = facts[item.selector]
        fewer = from_fewer(picking, item.selector, here) if here is not None else None
        if fewer is not None:
            regret, sizes = fewer
            past = replace(past, regret=regret, drawn_from=sizes, proxy_facts=min(sizes))
        found[item.selector] = past
    return found | {ANY: _past(over.any_layer["regret"], like, compared, ANY)}


def _comparable(units: Sequence[StudyUnit], selectors: Sequence[str]) -> Sequence[StudyUnit]:
    """Those in which every selector has a pick that has one in any; all of them where there is none."""
    asked = [selector for selector in selectors if _picking(units, selector)]
    return [unit for unit in units if all(_picking([unit], selector) for selector in asked)] or units


def _picking(units: Sequence[StudyUnit], selector: str) -> list[StudyUnit]:
    """Those in which the selector has a pick."""
    return [unit for unit in units if any(pick.selector == selector and pick.layer is not None for pick in unit.picks)]


def _past(regret: Estimate, like: Like, units: Sequence[StudyUnit], selector: str) -> PastWorth:
    used = [pick.n_facts for unit in units for pick in unit.picks if pick.selector == selector and pick.cost.rows]
    developed = DEVELOPED_ON.get(selector)
    return PastWorth(
        regret=regret,
        like=like,
        units=tuple(f"{unit.model}/{unit.fact_set}" for unit in units),
        facts=different_facts(units, [Truth.of(unit.test) for unit in units]),
        models=tuple(sorted({unit.model for unit in units})),
        sets=tuple(sorted({unit.title for unit in units})),
        editor=units[0].editor,
        proxy_facts=min(used, default=0),  # a pick that measures nothing is from no facts
        developed_on=next((unit.title for unit in units if unit.fact_set == developed), None),
    )


def recommend(
    scores: Mapping[str, LayerScores],
    sweep: Sweep | None,
    past: Past,
    obstacles: Mapping[int, Obstacle],
    seed: int = 0,
) -> Answer:
    """The candidates that there are, and the one to follow: of those with a pick at which an edit can act the one
    with the lowest regret in the study, then the cheapest. One of which the study says nothing comes last, and before
    it one from under half of the facts of the picks that the study has of it. Where no pick can act, the next layer of
    a ranking that can.

    `scores`: by selector. `sweep`: of the same facts, whole or not; None where there is none. `past`: asked once, for
    the selectors that have a pick, which are compared, with the facts that it is from.
    """
    candidates = [_scored(name, scores[name], obstacles) for name in ANSWERING if name in scores]
    if sweep is not None and (swept := _swept(sweep, obstacles, seed)) is not None:
        candidates.append(swept)
    asked = {item.selector: _studied_as(item) for item in candidates if item.layer is not None and item.studied}
    worth = past({asked[item.selector]: item.n_facts for item in candidates if item.selector in asked})
    candidates = [replace(item, past=worth.get(asked.get(item.selector, ""))) for item in candidates]
    able = [item for item in candidates if item.layer is not None and item.obstacle is None]
    others = [item for item in candidates if any(layer not in obstacles for layer in item.ranking)]
    best = min(_measured_first(able or others), key=_order, default=None)
    layer = next((layer for layer in best.ranking if layer not in obstacles), None) if best is not None else None
    return Answer(candidates=tuple(candidates), recommended=best, any_layer=worth.get(ANY), layer=layer)


def _measured_first(candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """Without the middle layer where the study knows nothing of the others: it is then not shown to be better."""
    measured = [item for item in candidates if item.selector != MIDDLE]
    compared = any(item.past is not None and item.past.regret.value is not None for item in measured)
    return measured if measured and not compared else candidates


def _order(item: Candidate) -> tuple[bool, bool, float, float]:
    """The lowest first."""
    regret = item.past.regret.value if item.past is not None else None
    return regret is None, item.fewer_facts, 0.0 if regret is None else regret, item.cost.seconds


def _studied_as(item: Candidate) -> str:
    """The study's selector: LGA is there in each of its readings."""
    return reading_of(item.settings) if item.selector == "lga" else item.selector


def _as_studied(name: str, scores: LayerScores) -> bool:
    """Whether the scores are measured and read as the study's were. Settings that either does not say are alike."""
    selector = SELECTORS[reading_of(scores.settings) if name == "lga" else name]
    measured = selector.settings()
    if measured is None:
        return True  # what measures nothing has no options
    asked = asdict(measured) | described(method_named(selector.method or name), selector.choices())
    return all(scores.settings.get(key, value) == value for key, value in asked.items() if key not in _UNLIKE)


def _scored(name: str, scores: LayerScores, obstacles: Mapping[int, Obstacle]) -> Candidate:
    selection = scores.selection
    pick = selection.golden_layer
    return Candidate(
        selector=name,
        title=SELECTORS[name].title,
        settings=scores.settings,
        ranking=selection.ranking if pick is not None else (),
        share=scores.share,
        n_facts=scores.n_facts,
        cost=scores.cost,
        reason=selection.reason,
        obstacle=obstacles.get(pick) if pick is not None else None,
        studied=_as_studied(name, scores),
    )


def _swept(sweep: Sweep, obstacles: Mapping[int, Obstacle], seed: int) -> Candidate | None:
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
    )
