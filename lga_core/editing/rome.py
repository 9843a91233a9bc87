"""ROME and R-ROME: write v* at the subject's key, through the second moment of all keys (ROME §3.1, R-ROME §4).

ROME uses the mean key over contexts in one place of its formula and the bare prompt's key in another; R-ROME uses
the mean key everywhere, which is what keeps sequences of edits from collapsing.
"""

from collections.abc import Generator, Sequence

from lga_core.data.facts import Fact
from lga_core.editing.editor import Written, target_errors
from lga_core.editing.edits import Edit, LowRankEdit
from lga_core.editing.rank_one import RankOneSettings, moment_of, whitened
from lga_core.editing.values import shared_value
from lga_core.models.loaded import LoadedModel
from lga_core.models.own_text import prefixes
from lga_core.results import Progress

VERSION = 2


def rome(model: LoadedModel, facts: Sequence[Fact], layers: Sequence[int], settings: RankOneSettings,
         base: Sequence[Edit] = ()) -> Generator[Progress, None, tuple[Written, ...]]:
    """ΔW = (v* − W k_bare)(C⁻¹k̄)ᵀ / (k_bareᵀ C⁻¹ k̄), v0 of the bare prompt; layers one after another."""
    return _one_fact(model, facts, layers, settings, base, bare_key=True)


def r_rome(model: LoadedModel, facts: Sequence[Fact], layers: Sequence[int], settings: RankOneSettings,
           base: Sequence[Edit] = ()) -> Generator[Progress, None, tuple[Written, ...]]:
    """ΔW = (v* − W k̄)(C⁻¹k̄)ᵀ / (k̄ᵀ C⁻¹ k̄), v0 the mean over contexts, which is W k̄; layers one after another."""
    return _one_fact(model, facts, layers, settings, base, bare_key=False)


def _one_fact(model: LoadedModel, facts: Sequence[Fact], layers: Sequence[int], settings: RankOneSettings,
              base: Sequence[Edit], *, bare_key: bool) -> Generator[Progress, None, tuple[Written, ...]]:
    fact, = facts
    beginnings = prefixes(model, settings.contexts, settings.seed)
    written: list[Written] = []
    for layer in sorted(layers):
        matrix, before = model.architecture.blocks[layer].down, (*base, *(item.edit for item in written))
        moment = yield from moment_of(model, layer, settings)
        value = yield from shared_value(model, fact, layer, settings.value, beginnings, mean_start=not bare_key,
                                        edits=before)
        key = value.keys[0].double() if bare_key else value.mean_key
        direction = whitened(moment, value.mean_key, settings.ridge)
        # δ is v* − (W k + b) for both editors: v0 is the output at the very key that the identity holds for.
        edit = LowRankEdit(layer=layer, matrix=matrix.name, left=value.delta[None],
                           right=(direction / (key @ direction)).float()[None], keys=key.float()[None])
        with model.using("writing the edit"):
            errors = target_errors(model, edit, key[None], value.target[None], before)
        written.append(Written(edit=edit, target_errors=errors, losses=(value.losses,), clamped=(value.clamped,),
                               weight_norm=float(matrix.weight.float().norm())))
    return tuple(written)
