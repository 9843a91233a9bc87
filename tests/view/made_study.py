"""Units of a study by hand: the sweeps and picks are made up, what is read off them is real."""

from dataclasses import replace

import numpy as np
from view.made_sweep import cell, picks, sweep

from lga_core.results import METRICS, Cost, Estimate, Pick, Provenance, StudyUnit, Sweep
from lga_core.worth.transfer import stability_of_sweep


def unit(
    seed: int,
    model: str = "tiny",
    fact_set: str = "world",
    editor: str = "r-rome",
    n: int = 12,
    layers: int = 18,
    without: str | None = None,
) -> StudyUnit:
    """`without`: a selector that has no pick."""
    proxy, test = sweep(n, layers, seed), sweep(n, layers, seed + 100, first=n)
    return StudyUnit(
        model=model,
        fact_set=fact_set,
        editor=editor,
        title=f"Set {fact_set}",
        settings={"seed": seed},
        provenance=Provenance(
            key="k",
            model=model,
            model_fingerprint="m",
            facts=fact_set,
            facts_fingerprint="f",
            method="sweep",
            method_version=1,
            settings={},
            packages={},
            machine="cpu",
            created="2026-01-02T03:04:05Z",
        ),
        command="python -m lga_core bench paper",
        proxy=proxy,
        test=test,
        picks=tuple(silent(pick) if pick.selector == without else pick for pick in picks(proxy)),
        stability=(stability_of_sweep(proxy, test, draws=5),),
        fluency={layer: Estimate(value=600.0, n=n) for layer in range(layers)},
        fluency_before=Estimate(value=600, n=n),
    )


def silent(pick: Pick) -> Pick:
    return Pick(
        selector=pick.selector,
        title=pick.title,
        layer=None,
        ranking=(),
        layers=pick.layers,
        scores=pick.scores,
        own_layer=None,
        n_facts=3,
        reason="3 usable facts",
        cost=Cost(forward_rows=5),
    )


PLAIN = np.array([60.0, 50.0, 40.0, 30.0, 20.0, 10.0])  # Overall at each layer, of every fact: layer 0 is the best


def plain_unit(fact_set: str, layer: int, drawn: dict[int, float], facts: int = 12) -> StudyUnit:
    """One whose truth is `PLAIN`. LGA picked `layer` from `facts` facts; `drawn`: from so many, the mean Overall of its
    picks in 100 draws."""
    made = unit(0, fact_set=fact_set, layers=6)
    truth = [cell(record, at, dict.fromkeys(METRICS, PLAIN[at])) for at in range(6) for record in made.test.records]
    sizes = tuple(drawn)
    (brute,) = made.stability
    again = replace(
        brute,
        selector="lga",
        sizes=sizes,
        overall=np.array(list(drawn.values())),
        regret=np.full(len(sizes), 99.0),  # as an earlier version would have kept it; it is never read
        **{name: np.zeros(len(sizes)) for name in ("share", "silent", "near")},
    )
    return replace(
        made,
        test=Sweep.of(truth, made.test.records, range(6), "r-rome", {"steps": 20}),
        picks=tuple(
            replace(pick, layer=layer, n_facts=facts) if pick.selector == "lga" else pick for pick in made.picks
        ),
        stability=(brute, again),
    )
