"""The golden-layers page's answer in one row: the picks and how firm they are, agreement, cost and facts."""

from lga_core.results import LayerScores
from lga_core.view.words.cards import Card
from lga_core.view.words.sentences import correlation, cost_sentence, duration, percent
from lga_core.view.words.text import count, listed, number


def headline(lga: LayerScores | None, cma: LayerScores | None, rho: float | None, asked: int) -> list[Card]:
    """Six cards. `rho`: rank correlation of the two totals; `asked`: number of facts in the proxy set."""
    return [
        _pick("Golden layer", lga),
        _firmness(lga),
        _pick("CMA’s pick", cma),
        _agreement(lga, cma, rho),
        _cost(lga, cma),
        _facts(lga, asked),
    ]


def _pick(label: str, scores: LayerScores | None) -> Card:
    if scores is None:
        return Card(label=label, value="–", below="not measured")
    selection = scores.selection
    if selection.golden_layer is None:
        return Card(label=label, value="n/a", below="no pick", help=selection.reason)
    others = [layer for layer in selection.golden_layers if layer != selection.golden_layer]
    return Card(label=label, value=f"{selection.golden_layer}", below=f"next {listed(others)}" if others else "")


def _firmness(lga: LayerScores | None) -> Card:
    label = "95 % of picks"
    bootstrap = lga.bootstrap if lga is not None else None
    golden = lga.selection.golden_layer if lga is not None else None
    if bootstrap is None or golden is None:
        return Card(label=label, value="–", below="of one fact" if lga and lga.n_facts == 1 else "no bootstrap")
    span = f"{bootstrap.low}" if bootstrap.low == bootstrap.high else f"{bootstrap.low} – {bootstrap.high}"
    return Card(
        label=label,
        value=span,
        below=f"margin {number(bootstrap.margin, 2)} sd" if bootstrap.margin is not None else "no spread",
        help=f"Layers that are the pick when the facts are drawn again with replacement, {bootstrap.draws:,} times; "
        f"layer {golden} in {percent(float(bootstrap.share[golden]))} of them. Margin: the lead over the second "
        "layer, in standard deviations of that lead over the draws.",
    )


def _agreement(lga: LayerScores | None, cma: LayerScores | None, rho: float | None) -> Card:
    if lga is None or cma is None:
        return Card(label="Agreement", value="n/a", below="one score only")
    if rho is None:  # one layer, or totals that are all the same
        return Card(label="Agreement", value="n/a", below="no order to compare")
    first = lga.selection.golden_layer
    second = cma.selection.golden_layer
    if first is None or second is None:
        below = "no CMA pick" if second is None else "no LGA pick"
    elif first == second:
        below = "same layer"
    else:
        below = f"{count(abs(first - second), 'layer')} apart"
    return Card(
        label="Agreement",
        value=f"ρ {correlation(rho)}",
        below=below,
        help="Spearman’s rank correlation of the two totals over layers.",
    )


def _cost(lga: LayerScores | None, cma: LayerScores | None) -> Card:
    costs = {name: scores.cost for name, scores in (("LGA", lga), ("CMA", cma)) if scores is not None}
    if not costs:
        return Card(label="Cost", value="–")
    first = next(iter(costs))
    below = f"CMA {duration(costs['CMA'].seconds)}" if len(costs) == 2 else first
    sentences = ". ".join(cost_sentence(name, cost) for name, cost in costs.items())
    return Card(
        label="Cost of LGA" if lga is not None else "Cost",
        value=duration(costs[first].seconds),
        below=below,
        help=f"Time of the measurement, when it was made. {sentences}.",
    )


def _facts(lga: LayerScores | None, asked: int) -> Card:
    if lga is None:
        return Card(label="Facts used", value="–", below="LGA not measured")
    known = sum(row.known is True for row in lga.rows)
    checked = sum(row.known is not None for row in lga.rows)
    return Card(
        label="Facts used",
        value=f"{lga.n_facts} of {asked}",
        below=f"{known} known" if checked else "known: n/a",
        help="Known: the model’s greedy next token starts an accepted old answer"
        f"{f', asked of {checked}' if checked else ''}.",
    )
