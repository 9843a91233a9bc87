"""The sweep page's answer in one row: the best layer, what the selectors picked and lose, the optimum, the cost."""

from lga_core.results import SelectorWorth, Sweep, Worth
from lga_core.view.words.cards import Card
from lga_core.view.words.definitions import definition
from lga_core.view.words.sentences import duration
from lga_core.view.words.sweep.sentences import gap_words, points, selector_worth, short_time
from lga_core.view.words.text import count, fixed


def sweep_cards(worth: Worth, proxy: Sweep) -> list[Card]:
    """Six cards. `proxy`: the sweep of the facts that the picks were made on."""
    judged = "in-sample" if worth.in_sample else "held out"
    best = f"By brute force, on {count(worth.n_facts, 'fact')}, {judged}. Overall {_percent(points(worth.best))}."
    optimum = (
        f"The sample-wise optimum: {_percent(points(worth.optimum))}{gap_words(worth)}. A maximum over noise, so "
        "optimistic."
    )
    return [
        Card(
            label="Best layer",
            value="–" if worth.best_layer is None else f"{worth.best_layer}",
            below=f"Overall {_percent(fixed(worth.best.value, 1))}",
            help=best,
        ),
        _selector("Golden layer", selector_worth(worth, "lga")),
        _selector("CMA’s pick", selector_worth(worth, "cma-mlp")),
        _selector("Forecast", selector_worth(worth, "forecast")),
        Card(
            label="Optimum",
            value=_percent(fixed(worth.optimum.value, 1)),
            below="" if worth.gap.value is None else f"{fixed(worth.gap.value, 1)} above",
            help=optimum,
        ),
        Card(
            label="Sweep cost",
            value=short_time(proxy.cost.seconds),
            below=count(int((proxy.measured == 1).sum()), "edit"),
            help=f"{duration(proxy.cost.seconds)} for the proxy facts, when it was measured.",
        ),
    ]


def _percent(words: str) -> str:
    """A number with its unit; n/a has none."""
    return words if words == "n/a" else f"{words} %"


def _selector(label: str, item: SelectorWorth | None) -> Card:
    if item is None:
        return Card(label=label, value="–", below="not scored")
    if item.pick.own_layer is None:
        return Card(label=label, value="n/a", below="no pick", help=item.pick.reason)
    if item.pick.restricted:
        return Card(label=label, value=f"{item.pick.own_layer}", below="not swept")
    regret = "not judged yet" if item.overall.value is None else f"regret {fixed(item.regret.value, 1)}"
    about = (
        f"{definition(label)} With the default options, of the facts that can be edited. Its regret, in points of "
        f"Overall below the best layer: {points(item.regret)}."
    )
    return Card(label=label, value=f"{item.pick.layer}", below=regret, help=about)
