"""The table of editors: a new one is a settings class, a file with its function, and one row here.

This module needs no torch: a row names its implementation, which is imported when it is used.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Literal

from lga_core.data.facts import Fact
from lga_core.editing.settings import (
    AlphaEditSettings,
    EmmetSettings,
    FineTuningSettings,
    MemitSettings,
    RankOneSettings,
    RRomeSettings,
)
from lga_core.errors import LgaError, one_of
from lga_core.settings import Settings

if TYPE_CHECKING:
    from lga_core.editing.editors.editor import EachAlone, EditFunction, KeyValue
    from lga_core.models.loaded import LoadedModel

Mode = Literal["sequential", "batch"]
"""Facts one after another, each on the model with the earlier edits; or all of them in one solve."""


@dataclass(frozen=True, kw_only=True)
class Editor:
    """A way to write facts."""

    name: str  # as the command line takes it
    title: str
    about: str  # one sentence for the page
    source: str  # paper and section
    version: int  # of the numbers: a change of them needs a new one
    settings: type[Settings]
    implementation: str  # "module:function" of an `EditFunction`
    solving: str | None = None  # "module:OBJECT" of a `KeyValue`; None: it writes no v* at a key
    alone: str = ""  # "module:function" of an `EachAlone`: every editor has this or `solving`
    batch: bool = False  # writes many facts in one solve; else one fact at a time
    layers: Literal["one after another", "spread"] = "one after another"  # what several layers mean
    families: str = "all decoder families"  # in words

    @property
    def run(self) -> "EditFunction":
        """The implementation."""
        return resolve_name(self.implementation)

    @property
    def key_value(self) -> "KeyValue | None":
        """How it writes v* at a key, where it does."""
        return resolve_name(self.solving) if self.solving else None

    @property
    def each_alone(self) -> "EachAlone":
        """How it makes many facts' own edits in one batch; only of an editor that writes no v* at a key."""
        return resolve_name(self.alone)

    def check(self, model: "LoadedModel", facts: Sequence[Fact], layers: Sequence[int]) -> None:
        """Raise LgaError where this editor cannot write these facts into this model."""
        from lga_core.models.structure.quantized import refuse_edits  # imports torch

        refuse_edits(model)
        self.check_choice(facts, layers, model.layers, model.name)

    def check_choice(self, facts: Sequence[Fact], layers: Sequence[int], n_layers: int, model: str) -> None:
        """Raise LgaError for facts or layers that cannot be written into a model of that name and number of layers."""
        if not facts:
            raise LgaError("No fact is chosen.", hint="Choose at least one fact.")
        if not self.batch and len(facts) > 1:
            raise LgaError(
                f"{self.title} writes one fact at a time, not {len(facts)}.",
                hint="Edit them one after another (sequential), or choose an editor for batches.",
            )
        for fact in facts:
            new_answer(fact)
        if not layers:
            raise LgaError("No layer is chosen.", hint="Choose at least one layer.")
        if wrong := [layer for layer in layers if not 0 <= layer < n_layers]:
            raise LgaError(f"{model} has no layer {wrong[0]}.", hint=f"Choose layers from 0 to {n_layers - 1}.")
        if len(set(layers)) < len(layers):
            raise LgaError("A layer is named twice.", hint="Name each layer once.")


_SPREADING = "all decoder families; spreading not after a norm behind the MLP (Gemma 2 and 3)"
EDITORS: Mapping[str, Editor] = {
    item.name: item
    for item in (
        Editor(
            name="r-rome",
            title="R-ROME",
            source="Rebuilding ROME, arXiv 2403.07175, §4",
            version=3,
            settings=RRomeSettings,
            implementation="lga_core.editing.editors.rome:r_rome",
            solving="lga_core.editing.editors.rome:R_ROME",
            about="Rank-one edit of the down projection with the mean key everywhere.",
        ),
        Editor(
            name="rome",
            title="ROME",
            source="arXiv 2202.05262, §3.1",
            version=3,
            settings=RankOneSettings,
            implementation="lga_core.editing.editors.rome:rome",
            solving="lga_core.editing.editors.rome:ROME",
            about="Rank-one edit of the down projection, exact at the bare prompt's key.",
        ),
        Editor(
            name="emmet",
            title="EMMET",
            source="arXiv 2403.14236, §4",
            version=2,
            settings=EmmetSettings,
            batch=True,
            implementation="lga_core.editing.editors.emmet:emmet",
            solving="lga_core.editing.editors.emmet:EMMET",
            about="Many facts in one solve, each held to its value; one fact without λ is R-ROME.",
        ),
        Editor(
            name="memit",
            title="MEMIT",
            source="arXiv 2210.07229, §4",
            version=2,
            settings=MemitSettings,
            batch=True,
            implementation="lga_core.editing.editors.memit:memit",
            solving="lga_core.editing.editors.memit:MEMIT",
            layers="spread",
            about="Many facts in one solve against what the layer stores, spread over several layers.",
            families=_SPREADING,
        ),
        Editor(
            name="alphaedit",
            title="AlphaEdit",
            source="arXiv 2410.02355, §3",
            version=2,
            settings=AlphaEditSettings,
            implementation="lga_core.editing.editors.alphaedit:alphaedit",
            solving="lga_core.editing.editors.alphaedit:ALPHAEDIT",
            batch=True,
            layers="spread",
            about="Many facts in one solve, inside the directions that the model's keys hardly use.",
            families=_SPREADING,
        ),
        Editor(
            name="ft-l",
            title="FT-L",
            source="ROME, arXiv 2202.05262, §E.1; KnowEdit, arXiv 2401.01286",
            version=1,
            settings=FineTuningSettings,
            implementation="lga_core.editing.editors.fine_tuning:ft_l",
            alone="lga_core.editing.editors.fine_tuning:ft_l_alone",
            batch=True,
            about="Fine-tuning of the down projection on the answer's tokens, all read at the prompt's last position.",
        ),
        Editor(
            name="ft-m",
            title="FT-M",
            source="KnowEdit, arXiv 2401.01286",
            version=1,
            settings=FineTuningSettings,
            implementation="lga_core.editing.editors.fine_tuning:ft_m",
            alone="lga_core.editing.editors.fine_tuning:ft_m_alone",
            batch=True,
            about="Fine-tuning of the down projection on the answer's likelihood, the prompt masked.",
        ),
    )
}


def editor_named(name: str) -> Editor:
    """The editor of that name. Raises LgaError with the names there are."""
    return one_of("editor", name, EDITORS)


def editor_title(name: str) -> str:
    """What the editor is called; its name where this version does not know it."""
    return EDITORS[name].title if name in EDITORS else name


def new_answer(fact: Fact) -> str:
    """What is to be written. Raises LgaError where the fact has no new answer."""
    if fact.target_new is None:
        raise LgaError(f"Record {fact.record} has no new answer to write.", hint="Choose a fact with target_new.")
    return fact.target_new


def groups(facts: Sequence[Fact], mode: Mode) -> list[tuple[Fact, ...]]:
    """The facts of each computation, in order; at least one group, which is empty where there is no fact."""
    if mode == "batch" or not facts:
        return [tuple(facts)]
    return [(fact,) for fact in facts]
