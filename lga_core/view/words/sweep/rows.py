"""What a sweep's selectors are worth, as the rows of tables: the same on the page and in a report."""

from collections.abc import Mapping, Sequence

from lga_core.results import METRICS, Pick, SelectorWorth, Sweep, Worth
from lga_core.view.words.protocol import not_asked_words, protocol_words
from lga_core.view.words.sweep.sentences import BRUTE_FORCE, cheaper, selector_worth
from lga_core.view.words.text import yes_no

MARKED = ("lga", "cma-mlp", "cma-hidden", "cma-attn", "forecast", "middle")  # on figures; others are variants
_COMPARED = (*MARKED, "forecast-race", BRUTE_FORCE)  # on the figure of regret over cost
HITS = {k: f"hit@{k}" for k in (1, 3, 5)}


def regret_rows(worth: Worth) -> list[dict[str, object]]:
    """One row a selector, the lowest regret first; with a column of notes where there is one."""
    noted = any(item.pick.reason for item in worth.selectors)
    return [
        {
            "selector": item.pick.title,
            "layer": picked_layer(item),
            "Overall, %": item.overall.value,
            "regret": item.regret.value,
            "from": item.regret.low,
            "to": item.regret.high,
            **{words: yes_no(item.hits[k]) for k, words in HITS.items()},
            "Spearman ρ": item.spearman.value,
            "n judged": item.overall.n or None,
            "n picked from": item.pick.n_facts or None,
            **({"note": item.pick.reason or ""} if noted else {}),
        }
        for item in _by_regret(worth)
    ]


def metric_rows(worth: Worth) -> list[dict[str, object]]:
    """The paper's shape: every selector's layer and each metric there, with its n."""
    titles = metric_titles(worth)
    return [
        {
            "selector": item.pick.title,
            "layer": picked_layer(item),
            **{titles[name]: item.metrics[name].value for name in METRICS},
            "Overall": item.overall.value,
            "harmonic mean": item.harmonic.value,
            "below the optimum": item.below_optimum.value,
        }
        for item in _by_regret(worth)
    ]


def metric_titles(worth: Worth) -> dict[str, str]:
    """A column's heading by its metric."""
    return {name: f"{name}, n {worth.n[name]}" for name in METRICS}


def cost_rows(worth: Worth) -> list[dict[str, object]]:
    """What finding the layer took, the quickest first."""
    return [
        {
            "selector": item.pick.title,
            "layer": picked_layer(item),
            "seconds": item.pick.cost.seconds,
            "forward rows": item.pick.cost.forward_rows,
            "backward rows": item.pick.cost.backward_rows,
            "times cheaper": cheaper(worth, item),
        }
        for item in sorted(worth.selectors, key=lambda item: item.pick.cost.seconds)
    ]


def picked_layer(item: SelectorWorth) -> str:
    """Its layer; "13 → 11" where 13 was not swept and 11 stands for it."""
    if item.pick.layer is None:
        return "–"
    return f"{item.pick.own_layer} → {item.pick.layer}" if item.pick.restricted else f"{item.pick.layer}"


def measured_words(sweeps: Mapping[str, Sweep]) -> str:
    """The protocol of the sweeps by part, and what was not asked in each part."""
    protocols = dict.fromkeys(protocol_words(sweep.answers) for sweep in sweeps.values())
    not_asked = (
        f"{part.capitalize()} facts: {not_asked_words(sweep.left_out, sweep.dropped_locality)}"
        for part, sweep in sweeps.items()
    )
    return " ".join([f"{', '.join(protocols)}.", *not_asked])


def judging_words(worth: Worth, sweeps: Mapping[str, Sweep]) -> str:
    """How the numbers of a verdict came about."""
    judged = "the facts that the picks were made on: in-sample" if worth.in_sample else "facts held out from the picks"
    return (
        f"Each fact is edited at each layer alone, from the unedited model. Metrics, in percent: "
        f"{measured_words(sweeps)} Overall is the arithmetic mean of those that a fact has, here "
        f"{', '.join(worth.makeup) or 'none yet'}. Judged on {judged}; only facts that are measured at every swept "
        f"layer enter the tables. Regret: Overall of {best_of(worth)}, minus Overall of the pick. Intervals: "
        f"{worth.draws:,} draws of the judged facts with replacement, each pick held fixed. The selector with the "
        "lowest regret was looked for on the same facts, so its lead is flattering."
    )


def best_of(worth: Worth) -> str:
    """Which layer a regret is to."""
    if worth.in_sample:
        return "the best layer on these facts"
    return "the layer that is best on half of these facts, measured on the other half (mean over cuts)"


def golden_layer(worth: Worth) -> int | None:
    """LGA's pick among all layers of the model."""
    lga = selector_worth(worth, "lga")
    return None if lga is None else lga.pick.own_layer


def marked_picks(worth: Worth) -> list[Pick]:
    """Those on the figure; the brute force's own where it is judged on other facts than its own."""
    shown = MARKED if worth.in_sample else (*MARKED, BRUTE_FORCE)
    return [item.pick for item in worth.selectors if item.pick.selector in shown]


def compared(worth: Worth) -> list[SelectorWorth]:
    """The selectors on the figure of regret over cost."""
    return [item for item in worth.selectors if item.pick.selector in _COMPARED]


def _by_regret(worth: Worth) -> Sequence[SelectorWorth]:
    """The highest Overall is the lowest regret, and is there where facts are too few for a regret."""
    return sorted(worth.selectors, key=lambda item: (item.overall.value is None, -(item.overall.value or 0.0)))
