"""Units of a study by hand: the sweeps and picks are made up, what is read off them is real."""

from view.made_sweep import picks, sweep

from lga_core.results import Cost, Estimate, Pick, Provenance, StudyUnit
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
