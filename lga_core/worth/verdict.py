"""The verdict of a finished or growing sweep: what each selector's layer is worth by it (METHOD.md §6)."""

from collections.abc import Mapping

from lga_core.results import LayerScores, Sweep, Worth
from lga_core.worth.judging import judge
from lga_core.worth.selectors import SELECTORS, pick_by_scores, pick_by_sweep
from lga_core.worth.simulated_race import raced


def sweep_verdict(scores: Mapping[str, LayerScores], proxy: Sweep, test: Sweep, *, in_sample: bool, seed: int) -> Worth:
    """Judge by `test` what the selectors pick from their scores of the proxy's facts.

    `scores`: by the selector's name. The brute force on the proxy is always among the picks; the forecast's race is,
    where the forecast is scored and every cell of the proxy is measured. `in_sample`: `test` is the proxy itself.
    `seed`: of the race's order of facts, and of the bootstrap.
    """
    picks = {name: pick_by_scores(SELECTORS[name], item, test.layers) for name, item in scores.items()}
    races = [raced(picks["forecast"], proxy, seed)] if "forecast" in picks and proxy.complete else []
    judged = [*picks.values(), *races, pick_by_sweep(proxy, test.layers)]
    return judge(judged, test, in_sample=in_sample, seed=seed)
