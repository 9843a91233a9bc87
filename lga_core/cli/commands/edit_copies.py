"""The forms in which commands write edits: an edit set, the merged model, a LoRA adapter."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lga_core.cli.output import attributes
from lga_core.errors import LgaError
from lga_core.progress import Reporter
from lga_core.results import EditMeans
from lga_core.view.words.edits.sentences import adapter_words, merged_words

if TYPE_CHECKING:
    from lga_core.editing.ledger import Ledger
    from lga_core.models.loaded import LoadedModel

Save = Annotated[Path | None, typer.Option(metavar="FILE.zip", help="Save all edits as an edit set.")]
Export = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Write the model with the edits merged into its weights.")
]
ExportLora = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Write the edits as a LoRA adapter that peft loads.")
]
LoraRank = Annotated[
    int | None, typer.Option(metavar="R", min=1, help="Of the adapter for a dense edit (fine-tuning), by SVD.")
]


NOTHING: Mapping[str, Any] = dict.fromkeys(("saved", "exported", "rounding", "adapter"))  # no copy was asked for


@dataclass(frozen=True, kw_only=True)
class WrittenCopies:
    """What was written of the edits, for the JSON and in words."""

    data: Mapping[str, Any]
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Copies:
    """Where the edits are to be written, and in which form."""

    save: Path | None  # an edit set
    merged: Path | None  # the model with the edits in its weights
    lora: Path | None
    lora_rank: int | None

    def __bool__(self) -> bool:
        """Whether anything is to be written."""
        return any((self.save, self.merged, self.lora))

    def check(self, *others: Path | None) -> None:
        """Raise LgaError where one of them cannot be written, before anything is computed.

        `others`: folders that the command itself is to write.
        """
        from lga_core.editing.files.edit_set import check_place
        from lga_core.editing.files.whole_folder import check_free

        if self.lora_rank is not None and self.lora is None:
            raise LgaError(
                "--lora-rank is the rank of an adapter, and no adapter is to be written.",
                hint="Leave it out, or name the adapter's folder with --export-lora.",
            )
        if self.save is not None:
            check_place(self.save)
        folders = [folder for folder in (self.merged, self.lora, *others) if folder is not None]
        for folder in folders:
            check_free(folder)
        places = [path.resolve() for path in (self.save, *folders) if path is not None]
        if len(set(places)) < len(places):
            raise LgaError("Two copies are to be written to one place.", hint="Name a place of its own for each.")

    def write(
        self, model: "LoadedModel", ledger: "Ledger", measured: EditMeans | None, report: Reporter
    ) -> WrittenCopies:
        """Write the edits of a ledger. `measured`: how their facts fare, where that is known."""
        from lga_core.editing.files.edit_set import save_edit_set
        from lga_core.editing.files.export import export_merged
        from lga_core.editing.files.lora import export_lora

        data = dict(NOTHING)
        lines = []
        if self.save is not None:
            save_edit_set(ledger, model, self.save, measured=measured)
            data["saved"] = str(self.save)
            lines.append(f"saved to {self.save}")
        if self.merged is not None:
            merged = export_merged(model, ledger.edits, self.merged, ledger.enabled_facts, report=report)
            data["exported"] = merged.folder
            data["rounding"] = merged.errors
            lines.append(merged_words(merged))
        if self.lora is not None:
            adapter = export_lora(ledger, model, self.lora, dense_rank=self.lora_rank, measured=measured, report=report)
            data["adapter"] = attributes(adapter, "ranks", "errors")
            lines.append(adapter_words(adapter))
        return WrittenCopies(data=data, lines=tuple(lines))
