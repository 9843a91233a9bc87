"""The table of editors: a new one is one file with a function and one line here."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lga_core.data.facts import Fact
from lga_core.editing import rome
from lga_core.editing.rome import Written
from lga_core.errors import LgaError
from lga_core.models.loaded import LoadedModel
from lga_core.results import Progress


@dataclass(frozen=True, kw_only=True)
class Editor:
    """A way to write a fact: `run(model, fact, layers, settings)` yields steps and returns one `Written` a layer."""

    name: str
    title: str
    about: str                               # one sentence for the page
    version: int
    settings: type                           # a frozen dataclass with defaults
    run: Callable[[LoadedModel, Fact, Sequence[int], Any], Generator[Progress, None, tuple[Written, ...]]]


EDITORS: Mapping[str, Editor] = {item.name: item for item in (
    Editor(name="r-rome", title="R-ROME", version=rome.VERSION, settings=rome.RankOneSettings, run=rome.r_rome,
           about="Rank-one edit of the down projection with the mean key everywhere."),
    Editor(name="rome", title="ROME", version=rome.VERSION, settings=rome.RankOneSettings, run=rome.rome,
           about="Rank-one edit of the down projection, exact at the bare prompt's key."),
)}


def editor_named(name: str) -> Editor:
    """The editor of that name. Raises LgaError with the names there are."""
    if name not in EDITORS:
        raise LgaError(f"There is no editor {name!r}.", mend=f"Choose one of {', '.join(EDITORS)}.")
    return EDITORS[name]
