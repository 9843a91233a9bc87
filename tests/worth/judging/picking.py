"""Picks made for the tests, and the estimate that says nothing."""

import numpy as np

from lga_core.results import Estimate, Pick

NONE = Estimate()


def pick_of(ranking, layers, scores=None, reason=None) -> Pick:
    scores = [-float(ranking.index(layer)) for layer in layers] if scores is None else scores
    return Pick(
        selector="lga",
        title="LGA",
        layer=ranking[0] if ranking else None,
        ranking=tuple(ranking),
        layers=tuple(layers),
        scores=np.array(scores, dtype=float),
        own_layer=ranking[0] if ranking else None,
        n_facts=1,
        reason=reason,
    )
