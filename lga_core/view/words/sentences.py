"""Sentences computed from results, the same on the pages and on the command line. Plain text, nothing escaped."""

import math
from collections.abc import Sequence

import numpy as np

from lga_core.results import Cost, LayerScores, MemoryEstimate, Signs
from lga_core.view.words.names import method_title
from lga_core.view.words.text import capitalized, count, listed, number


def pick_sentence(scores: LayerScores) -> str:
    """The pick with the runners-up, or why there is none."""
    selection, title = scores.selection, spoken(scores.method)
    if selection.golden_layer is None:
        return f"{title} has no pick: {(selection.reason or 'no layer could be ranked').rstrip('.')}."
    others = [layer for layer in selection.golden_layers if layer != selection.golden_layer]
    after = f", next {listed(others)}" if others else ""
    return f"{title} picks layer {selection.golden_layer}{after}, from {count(scores.n_facts, 'fact')}."


def firmness_sentence(scores: LayerScores) -> str | None:
    """How firm the pick is under the bootstrap; None where it was not drawn or nothing was picked."""
    bootstrap, golden = scores.bootstrap, scores.selection.golden_layer
    if bootstrap is None or golden is None:
        return None
    where = (
        f"always layer {bootstrap.low}"
        if bootstrap.low == bootstrap.high
        else f"95 % of picks lie in layers {bootstrap.low} to {bootstrap.high}"
    )
    margin = (
        f"; margin over the second {number(bootstrap.margin, 2)} standard deviations"
        if bootstrap.margin is not None
        else ""
    )
    share = percent(float(bootstrap.share[golden]))
    return f"Layer {golden} is the pick in {share} of {bootstrap.draws:,} draws of the facts; {where}{margin}."


def sign_sentence(lga: LayerScores, signs: Signs) -> str:
    """What the signs mean for the signed order (METHOD.md §1, "What the sign does")."""
    if signs.negative_share is None:
        return "There are no values to read a sign from."
    share = f"{percent(signs.negative_share)} of the cells are negative"
    negative = int(np.sum(lga.total < 0))
    if signs.all_negative:
        return f"Every S is negative: the signed order lists the smallest gradients first; {share}."
    if signs.negative_share == 0:
        return "No cell is negative: the signed order lists the largest products first."
    if negative == 0:
        return f"No S is negative: the signed order lists the largest products first; {share}."
    return f"S is negative at {negative} of {count(lga.layers, 'layer')}; {share}."


def sign_reason(lga: LayerScores, signs: Signs) -> str:
    """Where the signs come from by the loss (METHOD.md §1); "" where that says nothing about them."""
    if lga.settings.get("loss") == "answer" and signs.negative_share:
        return "For a fact that the model knows, the product of the answers’ two gradients is negative."
    if lga.settings.get("loss") == "sequence":
        return "The prompt’s tokens have the same gradient in both losses: their part is never negative."
    return ""


def known_sentence(signs: Signs) -> str:
    """S split by known and unknown facts: at how many layers each part is negative; "" where none is."""
    if not signs.negative_share:
        return ""
    parts = [
        f"over {count(facts, f'{name} fact')} S is negative at {int(np.sum(total < 0))} of {count(len(total), 'layer')}"
        for name, facts, total in (("known", signs.n_known, signs.known), ("unknown", signs.n_unknown, signs.unknown))
        if facts
    ]
    if not parts:
        return "Whether the model knows these facts cannot be had: they name no old answer."
    text = ", ".join(parts)
    return f"{capitalized(text)}."


def excluded_reason(scores: LayerScores, layer: int) -> str:
    """Why one layer is excluded, with its total and the fence that it crosses."""
    reason, fences = scores.selection.excluded_layers[layer], scores.selection.fences
    total = float(scores.total[layer])
    if fences is None or fences[0] <= total <= fences[1]:
        return reason
    side, bound = ("below the lower", fences[0]) if total < fences[0] else ("above the upper", fences[1])
    return f"{number(total)} is {side} fence, {number(bound)}"


def excluded_reasons(scores: LayerScores) -> list[str]:
    """One line per excluded layer, in order."""
    return [f"Layer {layer}: {excluded_reason(scores, layer)}" for layer in sorted(scores.selection.excluded_layers)]


def unused_reasons(scores: LayerScores) -> dict[str, list[int]]:
    """Why facts were not used: reason to the records it applies to, the commonest first."""
    records: dict[str, list[int]] = {}
    for row in scores.rows:
        if not row.used:
            records.setdefault(row.status, []).append(row.record)
    return dict(sorted(records.items(), key=lambda item: -len(item[1])))


def cost_sentence(title: str, cost: Cost) -> str:
    """What a step took: "LGA 3.1 s, 64 forward and 64 backward rows"."""
    passes = (("forward", cost.forward_rows), ("backward", cost.backward_rows))
    rows = [f"{number_of:,.0f} {name}" for name, number_of in passes if number_of]
    return f"{title} {duration(cost.seconds)}" + (f", {' and '.join(rows)} rows" if rows else "")


def memory_sentence(need: MemoryEstimate) -> str:
    """ "about 0.6 GB of memory for activations, 12 GB free" """
    if need.weights:
        parts = [f"{memory_size(need.needed)} of memory for the weights in {need.dtype} with room to work"]
    else:
        parts = [f"{memory_size(need.activations)} of memory for activations"]
        if need.second_moments:
            parts.append(f"{memory_size(need.second_moments)} for the second moment")
    where = "" if need.where == "cpu" else f" on {need.where}"
    short = "" if need.fits else ": more than there is"
    return f"about {' and '.join(parts)}, {memory_size(need.free)} free{where}{short}"


def memory_size(size: float) -> str:
    """An estimate in bytes, so in few digits: 0.6 GB, 12 GB, 45 MB, 1 MB where it is less."""
    if size >= 1e8:
        return f"{size / 1e9:,.{0 if size >= 9.95e9 else 1}f} GB"
    return f"{max(round(size / 1e6), 1)} MB"


def duration(seconds: float) -> str:
    """A measured time with its unit: 0.8 s, 58 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
    minutes = round(seconds / 60)
    return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")


def time_left(seconds: float | None) -> str:
    """An estimate, so rounded up and in one unit: "9 s left", "2 min left", "3 h left"; "" while there is none."""
    if seconds is None or not math.isfinite(seconds):
        return ""
    if seconds <= 90:
        return f"{max(math.ceil(seconds), 1)} s left"
    if seconds <= 5400:
        return f"{math.ceil(seconds / 60)} min left"
    return f"{math.ceil(seconds / 3600)} h left"


def spoken(method: str) -> str:
    """A method's title inside a sentence: CMA (MLP)."""
    return without_comma(method_title(method))


def without_comma(title: str) -> str:
    """A title inside a sentence, where its comma would mislead: "CMA, MLP" is "CMA (MLP)"."""
    head, comma, tail = title.partition(", ")
    return f"{head} ({tail})" if comma else head


def percent(share: float) -> str:
    """A share in percent: 0.7 %, 84 %; never 0 % or 100 % unless it is."""
    value = 100.0 * share
    if 0 < value < 1 or 99 < value < 100:
        return f"{min(max(value, 0.1), 99.9):.1f} %"
    return f"{value:.0f} %"


def correlation(value: float) -> str:
    """A correlation with two digits and a real minus."""
    return f"{value:.2f}".replace("-0.00", "0.00").replace("-", "−")


def layers_in_words(layers: Sequence[int]) -> str:
    """layer 11 · layers 11 and 12 · layers 0 to 29."""
    if len(layers) > 3 and list(layers) == list(range(layers[0], layers[-1] + 1)):
        return f"layers {layers[0]} to {layers[-1]}"
    return f"layer{'s' if len(layers) > 1 else ''} {listed(layers)}"
