"""MEMIT: many facts in one solve against what the layer already stores, over one layer or several (MEMIT §4)."""

from functools import partial
from operator import attrgetter

from lga_core.editing.editors.editor import KeyValue
from lga_core.editing.editors.emmet import softened
from lga_core.editing.editors.spread import spread_or_each

SHARE = 0.95  # of the residual, written at a typical key where m is not given

# (KᵀC⁻¹K + mI)⁻¹ KᵀC⁻¹: MEMIT's Kᵀ(mC + KKᵀ)⁻¹ by Woodbury.
MEMIT = KeyValue(prepare=softened(SHARE, attrgetter("m")))
memit = partial(spread_or_each, how=MEMIT)
"""ΔW = R Kᵀ(mC + KKᵀ)⁻¹; several layers as the settings say."""
