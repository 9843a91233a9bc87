"""The race that a finished sweep stands for: its cells are read in place of measuring."""

from collections.abc import Sequence
from dataclasses import replace

from lga_core.errors import LgaError
from lga_core.progress import Reporter
from lga_core.results import Pick, Race, Sweep
from lga_core.worth.racing import RaceBlock, RaceSettings, race

RACE = "forecast-race"  # a selector: the forecast's best few layers, raced


def simulate(sweep: Sweep, ranking: Pick, settings: RaceSettings) -> Race:
    """The race that a finished sweep's cells stand for; no model is run.

    Facts that are not measured at every layer that races are left out. Raises LgaError for a layer that the sweep
    does not have.
    """
    layers = ranking.ranking[: settings.candidates]
    if missing := [layer for layer in layers if layer not in sweep.layers]:
        raise LgaError(f"The sweep has no layer {missing[0]}.", hint="Race among the swept layers.")
    columns = [sweep.layers.index(layer) for layer in layers]
    finished = (sweep.measured[:, columns] == 1).all(1)
    records = [record for record, whole in zip(sweep.records, finished, strict=True) if whole]

    def measure(facts: Sequence[int], at: Sequence[int], _report: Reporter) -> RaceBlock:
        return RaceBlock.of(sweep, facts, at)

    return race(records, ranking, measure, settings)


def raced(ranking: Pick, proxy: Sweep, seed: int) -> Pick:
    """The layer that a race of the ranking's best few names, on the proxy's cells, with what both together cost."""
    named = replace(ranking, selector=RACE, title=f"{ranking.title} + racing")
    if ranking.layer is None:
        return named
    won = simulate(proxy, ranking, RaceSettings(seed=seed))
    order = (won.layer, *(layer for layer in ranking.ranking if layer != won.layer))
    return replace(named, layer=won.layer, ranking=order, own_layer=won.layer, cost=won.spent)
