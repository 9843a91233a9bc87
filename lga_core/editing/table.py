"""The table of editors: a new one is one file with a function and one line here."""

from collections.abc import Mapping

from lga_core.editing import rome
from lga_core.editing.editor import Editor
from lga_core.editing.rank_one import RankOneSettings
from lga_core.errors import LgaError

EDITORS: Mapping[str, Editor] = {item.name: item for item in (
    Editor(name="r-rome", title="R-ROME", source="Rebuilding ROME, arXiv 2403.07175, §4", version=rome.VERSION,
           settings=RankOneSettings, run=rome.r_rome, batch=False, layers="one after another",
           about="Rank-one edit of the down projection with the mean key everywhere."),
    Editor(name="rome", title="ROME", source="arXiv 2202.05262, §3.1", version=rome.VERSION,
           settings=RankOneSettings, run=rome.rome, batch=False, layers="one after another",
           about="Rank-one edit of the down projection, exact at the bare prompt's key."),
)}


def editor_named(name: str) -> Editor:
    """The editor of that name. Raises LgaError with the names there are."""
    if name not in EDITORS:
        raise LgaError(f"There is no editor {name!r}.", mend=f"Choose one of {', '.join(EDITORS)}.")
    return EDITORS[name]
