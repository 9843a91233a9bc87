"""Measured rows read through the options: LGA's and CMA's scores of the layers, and the other methods' beside them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import streamlit as st

from lga_core.results import LayerScores, Stored
from lga_core.scores.methods import METHODS, layer_scores
from lga_core.scores.selection import spearman
from lga_core.view.text import number
from lga_core.view.words import correlation, cost_sentence, duration, layer_list, percent
from pages._ui.answers import Answers
from pages._ui.options import Choices
from pages._ui.state import Question

LGA = "lga"


@dataclass(frozen=True, kw_only=True)
class Scored:
    """One method's scores with where its rows come from."""

    scores: LayerScores
    stored: Stored | None

    @property
    def partial(self) -> bool:
        return self.stored is not None and not self.stored.complete


def read(known: Answers, question: Question, choices: Choices, method: str) -> Scored | None:
    """A method's scores; None where its measurement has no row yet."""
    measurement, settings = METHODS[method].measurement, {}
    rows, stored = (), None
    if measurement is None:
        rows, stored = next(iter(known.measured.values()))
    else:
        need = choices.need(measurement, question.seed)
        if need not in known.measured or not known.measured[need][0]:
            return None
        (rows, stored), settings = known.measured[need], asdict(need.settings)
    scores = layer_scores(method, rows, known.layers, choices.view(question.seed), settings)
    return Scored(scores=scores, stored=stored if measurement else None)


def headline(lga: Scored | None, cma: Scored | None, facts: int) -> None:
    """The answer in one row: the pick and how firm it is, CMA's pick, their agreement, the cost, the facts."""
    columns = st.columns(6, gap="small")
    _pick(columns[0], "Golden layer", lga)
    _firmness(columns[1], lga)
    _pick(columns[2], "CMA’s pick", cma)
    _agreement(columns[3], lga, cma)
    _cost(columns[4], lga, cma)
    _facts(columns[5], lga, facts)


def _card(place, label: str, value: str, below: str, help: str | None = None) -> None:
    place.metric(label, value, below or None, delta_color="off", delta_arrow="off", help=help, border=True)


def _pick(place, label: str, scored: Scored | None) -> None:
    if scored is None:
        _card(place, label, "–", "not measured")
        return
    selection = scored.scores.selection
    if selection.golden_layer is None:
        _card(place, label, "n/a", "no pick", help=selection.reason)
        return
    others = [layer for layer in selection.golden_layers if layer != selection.golden_layer]
    _card(place, label, f"{selection.golden_layer}", f"next {layer_list(others)}" if others else "")


def _firmness(place, lga: Scored | None) -> None:
    bootstrap = lga.scores.bootstrap if lga is not None else None
    golden = lga.scores.selection.golden_layer if lga is not None else None
    if bootstrap is None or golden is None:
        _card(place, "95 % of picks", "–", "no bootstrap")
        return
    span = f"{bootstrap.low}" if bootstrap.low == bootstrap.high else f"{bootstrap.low} – {bootstrap.high}"
    margin = f"margin {number(bootstrap.margin, 2)} sd" if bootstrap.margin is not None else "no spread"
    _card(place, "95 % of picks", span, margin,
          help=f"Layers that are the pick when the facts are drawn again with replacement, {bootstrap.draws:,} times; "
               f"layer {golden} in {percent(float(bootstrap.share[golden]))} of them. Margin: the lead over the second "
               "layer, in standard deviations of that lead over the draws.")


def _agreement(place, lga: Scored | None, cma: Scored | None) -> None:
    rho = spearman(lga.scores.total, cma.scores.total) if lga is not None and cma is not None else None
    if rho is None:
        _card(place, "Agreement", "n/a", "one score only")
        return
    picks = [item.scores.selection.golden_layer for item in (lga, cma)]
    apart = "no CMA pick" if picks[1] is None else "same layer" if picks[0] == picks[1] \
        else f"{abs(picks[0] - picks[1])} layers apart" if abs(picks[0] - picks[1]) > 1 else "1 layer apart"
    _card(place, "Agreement", f"ρ {correlation(rho)}", apart,
          help="Spearman’s rank correlation of the two totals over layers.")


def _cost(place, lga: Scored | None, cma: Scored | None) -> None:
    costs = [(name, item.scores.cost) for name, item in (("LGA", lga), ("CMA", cma)) if item is not None]
    if not costs:
        _card(place, "Cost", "–", "")
        return
    value = duration(costs[0][1].seconds)
    below = f"CMA {duration(cma.scores.cost.seconds)}" if cma is not None and lga is not None else costs[0][0]
    _card(place, "Cost of LGA" if lga is not None else "Cost", value, below,
          help="Time of the measurement, when it was made. "
               + ". ".join(cost_sentence(name, cost) for name, cost in costs) + ".")


def _facts(place, lga: Scored | None, asked: int) -> None:
    rows = lga.scores.rows if lga is not None else ()
    known = sum(row.known is True for row in rows)
    told = sum(row.known is not None for row in rows)
    used = lga.scores.n_facts if lga is not None else 0
    _card(place, "Facts used", f"{used} of {asked}", f"{known} known" if told else "known: n/a",
          help="Known: the model’s greedy next token starts an accepted old answer"
          f"{f', asked of {told}' if told else ''}.")


def picks_rows(known: Answers, question: Question, choices: Choices, methods: Sequence[str]) -> list[dict]:
    """One row a method that is measured: its pick and next layers, beside LGA's."""
    lga, rows = read(known, question, choices, LGA), []
    for method in methods:
        scored = read(known, question, choices, method)
        if scored is None:
            continue
        selection, scores = scored.scores.selection, scored.scores
        rho = spearman(lga.scores.total, scores.total) if lga is not None and method != LGA else None
        rows.append({
            "method": METHODS[method].title,
            "pick": selection.golden_layer,
            "next": ", ".join(str(layer) for layer in selection.golden_layers[1:]),
            "ρ with LGA": rho,
            "picked in, %": 100 * float(scores.bootstrap.share[selection.golden_layer])
            if scores.bootstrap is not None and selection.golden_layer is not None else None,
            "facts": scores.n_facts if METHODS[method].measurement else None,
            "seconds": scores.cost.seconds if METHODS[method].measurement else None,
            "note": selection.reason or ("partial" if scored.partial else ""),
        })
    return rows
