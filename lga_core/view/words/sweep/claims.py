"""The paper's claims beside what the units of the study say, and the selector that they speak for."""

from lga_core.results import Difference, Summary
from lga_core.view.words.sweep.sentences import BRUTE_FORCE, points
from lga_core.view.words.text import count, fixed

LOSSES = {"lga": "loss of the sequence", "lga-answer": "loss of the answer"}  # selector -> in words


def claims_table(summary: Summary) -> list[dict[str, str]]:
    """The paper's claims, and what these units say, for LGA with each loss."""
    by_loss = [_claims(summary, name) for name in LOSSES]
    return [
        {
            "the paper": claim,
            **{f"LGA, {words}": cells[claim] for words, cells in zip(LOSSES.values(), by_loss, strict=True)},
        }
        for claim in by_loss[0]
    ]


def _claims(summary: Summary, name: str) -> dict[str, str]:
    """Each claim with what these units say of it for LGA as the selector `name`."""
    by_name = {item.selector: item for item in summary.selectors}
    lga, brute = by_name.get(name), by_name.get(BRUTE_FORCE)
    rewrite, rephrase = (compared(summary.difference(name, "cma-mlp", metric)) for metric in ("rewrite", "rephrase"))
    unmeasured = "n/a: these units were not measured with this loss"
    own = {
        "LGA's layer above CMA's in rewrite, by up to 8.56 points": rewrite,
        "and in rephrase, by up to 9.16 points": rephrase,
        "LGA 7 to 12 times faster than brute force": f"{fixed(lga.faster if lga else None)} times faster than the "
        f"sweep of all layers on its facts, {fixed(lga.fewer_rows if lga else None)} times fewer rows (medians)",
        "a golden layer comes near each fact's own best": f"{points(lga.measures['below-optimum']) if lga else 'n/a'} "
        f"points below the sample-wise optimum; the best layer of each unit: {points(summary.gap)}",
        "a layer from the proxy loses little on the test facts": f"regret "
        f"{points(lga.measures['regret']) if lga else 'n/a'} points; a layer drawn at random: "
        f"{points(summary.any_layer['regret'])}",
    }
    of_sweep = (
        f"the proxy's best layer is the test's in {summary.same_layer} of {count(summary.units, 'unit')}; "
        f"its regret is {points(brute.measures['regret']) if brute else 'n/a'} points (no loss enters)"
    )
    return (own if lga else dict.fromkeys(own, unmeasured)) | {
        "the proxy's golden layer and the test's are negligibly apart": of_sweep
    }


def recommendation(summary: Summary) -> str:
    """Which selector these units speak for, by name, with LGA of each loss beside it."""
    best = summary.recommended
    if best is None:
        return "No selector has a pick in every unit, or none has enough test facts for a regret."
    fewer = (
        f" (regret: the {count(summary.with_regret, 'unit')} with at least four)"
        if summary.with_regret < summary.units
        else ""
    )
    again = f", judged {summary.facts} times in all" if summary.different < summary.facts else ""
    facts = f"{count(summary.different, 'held-out fact')}{again}"
    text = (
        f"Over {count(summary.units, 'unit')} on {facts}{fewer}, {best.title} has "
        f"the least regret of what does not sweep all layers: {points(best.measures['regret'])} points"
    )
    if best.faster is not None:
        text += f", {best.faster:,.0f} times faster than the sweep"
    for item in summary.selectors:
        if item.selector in LOSSES and item is not best:
            text += f". {item.title}: {points(item.measures['regret'])} points"
    return f"{text}. A layer drawn at random: {points(summary.any_layer['regret'])} points."


def compared(difference: Difference) -> str:
    """One selector less another, over the units."""
    if difference.mean.value is None:
        return "n/a: no unit has both picks"
    return (
        f"{points(difference.mean)} points on average over {count(difference.units, 'unit')}, "
        f"{difference.least:.1f} to {difference.most:.1f}; above in {difference.above}, below in {difference.below}"
    )
