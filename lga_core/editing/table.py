"""The table of editors: a new one is one file with a function and one line here."""

from collections.abc import Mapping

from lga_core.editing import alphaedit, emmet, fine_tuning, memit, rome
from lga_core.editing.alphaedit import AlphaEditSettings
from lga_core.editing.editor import Editor
from lga_core.editing.emmet import EmmetSettings
from lga_core.editing.fine_tuning import FineTuningSettings
from lga_core.editing.memit import MemitSettings
from lga_core.editing.rank_one import RankOneSettings
from lga_core.errors import LgaError

EDITORS: Mapping[str, Editor] = {item.name: item for item in (
    Editor(name="r-rome", title="R-ROME", source="Rebuilding ROME, arXiv 2403.07175, §4", version=rome.VERSION,
           settings=RankOneSettings, run=rome.r_rome, key_value=rome.R_ROME, batch=False, layers="one after another",
           about="Rank-one edit of the down projection with the mean key everywhere."),
    Editor(name="rome", title="ROME", source="arXiv 2202.05262, §3.1", version=rome.VERSION,
           settings=RankOneSettings, run=rome.rome, key_value=rome.ROME, batch=False, layers="one after another",
           about="Rank-one edit of the down projection, exact at the bare prompt's key."),
    Editor(name="emmet", title="EMMET", source="arXiv 2403.14236, §4", version=emmet.VERSION,
           settings=EmmetSettings, run=emmet.emmet, key_value=emmet.EMMET, batch=True, layers="one after another",
           about="Many facts in one solve, each held to its value; one fact without λ is R-ROME."),
    Editor(name="memit", title="MEMIT", source="arXiv 2210.07229, §4", version=memit.VERSION,
           settings=MemitSettings, run=memit.memit, key_value=memit.MEMIT, batch=True, layers="spread",
           about="Many facts in one solve against what the layer stores, spread over several layers.",
           families="all decoder families; spreading not after a norm behind the MLP (Gemma 2 and 3)"),
    Editor(name="alphaedit", title="AlphaEdit", source="arXiv 2410.02355, §3", version=alphaedit.VERSION,
           settings=AlphaEditSettings, run=alphaedit.alphaedit, key_value=alphaedit.ALPHAEDIT, batch=True,
           layers="spread",
           about="Many facts in one solve, inside the directions that the model's keys hardly use.",
           families="all decoder families; spreading not after a norm behind the MLP (Gemma 2 and 3)"),
    Editor(name="ft-l", title="FT-L", source="ROME, arXiv 2202.05262, §E.1; KnowEdit, arXiv 2401.01286",
           version=fine_tuning.VERSION, settings=FineTuningSettings, run=fine_tuning.ft_l, batch=True,
           layers="one after another",
           about="Fine-tuning of the down projection on the answer's tokens, all read at the prompt's last position."),
    Editor(name="ft-m", title="FT-M", source="KnowEdit, arXiv 2401.01286", version=fine_tuning.VERSION,
           settings=FineTuningSettings, run=fine_tuning.ft_m, batch=True, layers="one after another",
           about="Fine-tuning of the down projection on the answer's likelihood, the prompt masked."),
)}


def editor_named(name: str) -> Editor:
    """The editor of that name. Raises LgaError with the names there are."""
    if name not in EDITORS:
        raise LgaError(f"There is no editor {name!r}.", mend=f"Choose one of {', '.join(EDITORS)}.")
    return EDITORS[name]
