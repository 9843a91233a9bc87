"""Sentences about a sweep and what the selectors are worth: plain text, nothing escaped."""

from collections.abc import Mapping, Sequence

import numpy as np

from lga_core.results import Estimate, SelectorWorth, Sweep, Worth
from lga_core.results.worth.sweep import mean_present
from lga_core.view.words.sentences import duration
from lga_core.view.words.text import count, number

BRUTE_FORCE = "brute-force"


def remaining(sweeps: Sequence[Sweep]) -> tuple[int, int, float | None]:
    """Edits that are measured, edits asked for, and seconds for the rest; `sweeps` have the same layers.

    Each takes as long as the mean of those measured at its layer, or of all where none is. None before the first is
    measured: nothing is known then.
    """
    if not sweeps:
        return 0, 0, None
    missing = np.concatenate([sweep.measured != 1 for sweep in sweeps])  # (facts, layers)
    seconds = np.concatenate([sweep.costs["seconds"] for sweep in sweeps])
    done, at_layer = int((~missing).sum()), mean_present(seconds, axis=0)
    if not done:
        return 0, missing.size, None
    pace = np.where(np.isnan(at_layer), np.nanmean(seconds), at_layer)
    return done, missing.size, float(missing.sum(0) @ pace)


def remaining_sentence(sweeps: Sequence[Sweep]) -> str:
    """What a sweep still takes, and what that estimate stands on."""
    done, total, seconds = remaining(sweeps)
    if seconds is None:
        return f"{count(total, 'edit')}. Time: not known yet; the first batch tells."
    if done == total:
        return f"All {count(total, 'edit')} are measured."
    pace = sum(sweep.cost.seconds for sweep in sweeps) / done
    return (
        f"{done:,} of {count(total, 'edit')} are measured, at {duration(pace)} each. The others take about "
        f"{duration(seconds)} if they take as long; early layers take longer than late ones."
    )


def sweep_size(layers: int, facts: Mapping[str, int], at_most: int) -> str:
    """What is to be edited: "32 proxy facts × 30 layers.".

    `facts`: how many each part has; empty while that is not known, of which there are `at_most` then.
    """
    by_layers = f"× {count(layers, 'layer')}."
    if not facts:
        return f"Up to {count(at_most * layers, 'edit')}: {count(at_most, 'fact')} {by_layers}"
    return f"{' and '.join(count(number_of, f'{part} fact') for part, number_of in facts.items())} {by_layers}"


def sweep_takes(layers: int, facts: Mapping[str, int], sweeps: Sequence[Sweep], *, running: bool) -> str:
    """How long that takes, as far as it is known. `running`: the time that is left is told elsewhere."""
    if not facts:
        return "Time: not known yet."
    edits = count(sum(facts.values()) * layers, "edit")
    if running:
        return f"{edits}."
    return remaining_sentence(sweeps) if sweeps else f"{edits}. Time: not known yet; the first batch tells."


def selector_worth(worth: Worth, selector: str) -> SelectorWorth | None:
    """What one selector's pick is worth; None where it has no scores."""
    return next((item for item in worth.selectors if item.pick.selector == selector), None)


def recommended(worth: Worth) -> SelectorWorth | None:
    """The selector with the highest Overall, so the lowest regret, beside the sweep itself; among equals the cheapest.
    None without any."""
    return min(_judged(worth), key=lambda item: (-item.overall.value, item.pick.cost.seconds), default=None)


def recommendation(worth: Worth) -> str:
    """Which selector to follow, in words: its layer, what that loses, how sure that is, and LGA beside it."""
    best = recommended(worth)
    if best is None:
        return "No selector can be judged yet: no fact is measured at every layer, or no scores are stored."
    facts = count(worth.n_facts, "fact")
    where = (
        f"on the {facts} that the picks were made from (in-sample, so flattering)"
        if worth.in_sample
        else f"on {facts} held out from the picks"
    )
    judged = _judged(worth)
    of = f"loses least of {count(len(judged), 'selector')}" if len(judged) > 1 else "is the only selector with scores"
    text = f"{best.pick.title} {of}: {_layer(best)} is {_below(best)} {where}{_faster(worth, best)}."
    equal = [item.pick.title for item in judged if item is not best and item.overall.value == best.overall.value]
    if len(equal) == 1:
        text += f" So does {equal[0]}."
    elif equal:
        text += f" So do {len(equal)} others{', LGA among them' if 'LGA' in equal else ''}."
    lga = selector_worth(worth, "lga")
    if lga is not None and lga is not best and lga.overall.value is not None and lga.pick.title not in equal:
        text += f" LGA: {_layer(lga)}, {_below(lga).rstrip(',')}."
    return text


def optimum_sentence(worth: Worth) -> str:
    """The golden-layer claim: how far one layer for all facts is from each fact's own best."""
    if worth.best_layer is None:
        return "No fact is measured at every layer yet."
    return (
        f"One layer for all facts, {worth.best_layer}, reaches Overall {points(worth.best)} %; each fact at its "
        f"own best layer {points(worth.optimum)} %{gap_words(worth)}. The latter is a maximum over "
        f"noise, so it is optimistic. A layer drawn at random reaches {points(worth.any_layer)} %."
    )


def gap_words(worth: Worth) -> str:
    """The golden gap, after the optimum; "" where there is none."""
    if worth.gap.value is None:
        return ""
    of_halves = "" if worth.in_sample else " than the layer that half of the facts name as the best"
    return f", {points(worth.gap)} points more{of_halves}"


def figure_in_words(worth: Worth) -> str:
    """The main figure for those who do not see it."""
    picks = [
        f"{item.pick.title} picks layer {item.pick.own_layer}"
        for item in worth.selectors
        if item.pick.own_layer is not None
    ]
    best = "" if worth.best_layer is None else f" Layer {worth.best_layer} is the best on average."
    return f"Metrics by layer, and a heatmap of facts by layers.{best} {'; '.join(picks)}."


def short_time(seconds: float) -> str:
    """A measured time in one unit, where there is little room: 42 s, 6 min, 3.5 h."""
    if seconds < 120:
        return duration(seconds)
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def points(estimate: Estimate) -> str:
    """62.1 (58.0 to 66.4); n/a for what cannot be had."""
    if estimate.value is None:
        return "n/a"
    value = f"{estimate.value:.1f}"
    return value if estimate.low is None else f"{value} ({estimate.low:.1f} to {estimate.high:.1f})"


def stand_in_sentence(worth: Worth) -> str:
    """What "13 → 11" in the table means, by the first such pick; "" where every pick was swept."""
    picks = [item.pick for item in worth.selectors if item.pick.restricted and item.pick.layer is not None]
    if not picks:
        return ""
    own, layer = picks[0].own_layer, picks[0].layer
    return f"{own} → {layer}: layer {own} was not swept; the best-ranked layer that was stands for it."


def cheaper(worth: Worth, item: SelectorWorth) -> float | None:
    """How many times less time a selector took than the sweep of its facts; None where either took none."""
    brute = selector_worth(worth, BRUTE_FORCE)
    sweep = brute.pick.cost.seconds if brute is not None else 0.0
    seconds = item.pick.cost.seconds
    return sweep / seconds if sweep > 0 and seconds > 0 else None


def _judged(worth: Worth) -> list[SelectorWorth]:
    """The selectors beside the sweep itself that have an Overall."""
    return [item for item in worth.selectors if item.overall.value is not None and item.pick.selector != BRUTE_FORCE]


def _layer(item: SelectorWorth) -> str:
    swept = f"layer {item.pick.layer}"
    return f"{swept}, in place of {item.pick.own_layer}, which was not swept," if item.pick.restricted else swept


def _below(item: SelectorWorth) -> str:
    regret = item.regret
    if regret.value is None:
        return f"at Overall {points(item.overall)} %, with too few facts for a regret,"
    if not regret.value:
        return "the best layer" + (
            "" if not regret.high else f", up to {regret.high:.1f} points below it when the facts are drawn again"
        )
    if regret.value < 0:
        return f"{-regret.value:.1f} points above the layer that half of the facts name as the best,"
    span = "" if regret.low is None else f", 95 % interval {regret.low:.1f} to {regret.high:.1f}"
    return f"{regret.value:.1f} points below the best layer{span},"


def _faster(worth: Worth, item: SelectorWorth) -> str:
    times = cheaper(worth, item)
    return "" if times is None or times < 1.5 else f", found {number(times, 2)} times faster than by the sweep"
