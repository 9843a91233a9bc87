"""What a page can ask about a session's ledger of edits: change it, measure it, save it, take it elsewhere."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from lga_core.data.facts import Fact
from lga_core.editing.table import Mode
from lga_core.service.requests import Request, TrialRequest


@dataclass(frozen=True, kw_only=True)
class LedgerRequest(Request):
    """Something that is done to a session's ledger of one model. Returns a LedgerView."""

    interactive: ClassVar[bool] = True
    only_stores: ClassVar[bool] = False  # cancelled, it is stopping until the engine tells whether anything was changed
    session: str
    number: int  # jobs of a ledger are never shared


@dataclass(frozen=True, kw_only=True)
class WriteEdits(LedgerRequest):
    """Write facts at the ledger's end; each entry is kept as soon as it is finished. `each`: measure after each."""

    facts: tuple[Fact, ...]
    editor: str
    layers: tuple[int, ...]
    settings: Any
    mode: Mode
    each: bool = True


@dataclass(frozen=True, kw_only=True)
class ChangeLedger(LedgerRequest):
    """A change for which nothing is computed: switch, move or remove one entry, or undo all; then measure."""

    how: Literal["toggle", "up", "down", "remove", "undo all"]
    entry: str = ""  # none where all are undone


@dataclass(frozen=True, kw_only=True)
class RecomputeEdits(LedgerRequest):
    """Compute all stale entries anew, then measure."""


@dataclass(frozen=True, kw_only=True)
class MeasureEdits(LedgerRequest):
    """Ask all facts of the ledger again."""


@dataclass(frozen=True, kw_only=True)
class LoadEditSet(LedgerRequest):
    """Put a saved edit set in the ledger's place, then measure. Refused, the ledger stays as it was."""

    source: bytes | Path
    name: str


@dataclass(frozen=True, kw_only=True)
class SaveEditSet(LedgerRequest):
    """Returns the ledger as the bytes of a .zip."""


@dataclass(frozen=True, kw_only=True)
class ExportModel(LedgerRequest):
    """Write a copy of the model with the enabled edits merged. Returns a MergedModel."""

    interactive: ClassVar[bool] = False
    folder: Path


@dataclass(frozen=True, kw_only=True)
class ExportAdapter(LedgerRequest):
    """Write the enabled edits as a LoRA adapter. Returns an Adapter."""

    folder: Path
    dense_rank: int | None  # of a dense edit's approximation; None: such an edit is refused


@dataclass(frozen=True, kw_only=True)
class Publication(LedgerRequest):
    """The ledger as it goes into a repository: an edit set, or a LoRA adapter with the set beside it."""

    repository: str
    adapter: bool
    dense_rank: int | None  # as of ExportAdapter
    base: str | None  # the base model's repository, where the catalogue does not know it


@dataclass(frozen=True, kw_only=True)
class ShowCard(Publication):
    """Returns the card that the repository gets, as bytes. Nothing is published."""


@dataclass(frozen=True, kw_only=True)
class PublishEdits(Publication):
    """Publish it. Returns PublishedEdits."""

    interactive: ClassVar[bool] = False
    private: bool
    update: bool  # a repository that holds files may be written to


@dataclass(frozen=True, kw_only=True)
class PlayRequest(LedgerRequest):
    """Continue a prompt with the original and the edited model. Publishes SideBySide, returns a PlaygroundReport."""

    prompt: str
    settings: Any  # PlaygroundSettings
    trial: TrialRequest | None  # whose edit acts; None: the ledger's enabled ones
