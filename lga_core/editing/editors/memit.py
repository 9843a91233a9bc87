"""MEMIT: many facts in one solve against what the layer already stores, over one layer or several (MEMIT §4)."""

from collections.abc import Sequence
from operator import attrgetter

from lga_core.data.facts import Fact
from lga_core.editing.editors.editor import KeyValue, Written
from lga_core.editing.editors.emmet import softened
from lga_core.editing.editors.spread import spread_or_each
from lga_core.editing.edits import Edit
from lga_core.editing.settings import MemitSettings
from lga_core.models.loaded import LoadedModel
from lga_core.progress import Reporter, silent

SHARE = 0.95  # of the residual, written at a typical key where m is not given


# (KᵀC⁻¹K + mI)⁻¹ KᵀC⁻¹: MEMIT's Kᵀ(mC + KKᵀ)⁻¹ by Woodbury.
MEMIT = KeyValue(prepare=softened(SHARE, attrgetter("m")))


def memit(
    model: LoadedModel,
    facts: Sequence[Fact],
    layers: Sequence[int],
    settings: MemitSettings,
    base: Sequence[Edit] = (),
    *,
    report: Reporter = silent,
) -> tuple[Written, ...]:
    """ΔW = R Kᵀ(mC + KKᵀ)⁻¹; several layers as the settings say."""
    return spread_or_each(model, facts, layers, settings, base, MEMIT, report=report)
