"""Where `edit` writes the edit itself: an edit set, the merged model, a LoRA adapter, EasyEdit's files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lga_core.cli.output import attributes
from lga_core.data.facts import Fact
from lga_core.errors import LgaError
from lga_core.progress import Reporter
from lga_core.results import EditReport
from lga_core.view.words.edits.sentences import adapter_words, merged_words

if TYPE_CHECKING:
    from lga_core.models.loaded import LoadedModel


@dataclass(frozen=True, kw_only=True)
class WrittenCopies:
    """What was written of an edit, for the JSON and in words."""

    data: Mapping[str, Any]
    lines: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Copies:
    """Where the edit itself is to be written, and in which form; the store keeps only what it did."""

    save: Path | None  # an edit set
    merged: Path | None  # the model with the edit in its weights
    lora: Path | None
    lora_rank: int | None
    easyedit: Path | None

    def check(self) -> None:
        """Raise LgaError where one of them cannot be written, before anything is computed."""
        from lga_core.editing.files.edit_set import check_place
        from lga_core.editing.files.whole_folder import check_free

        if self.lora_rank is not None and self.lora is None:
            raise LgaError(
                "--lora-rank is the rank of an adapter, and no adapter is to be written.",
                hint="Leave it out, or name the adapter's folder with --export-lora.",
            )
        if self.save is not None:
            check_place(self.save)
        for folder in filter(None, (self.merged, self.lora, self.easyedit)):
            check_free(folder)

    def write(
        self,
        model: "LoadedModel",
        fact: Fact,
        editor: str,
        layers: tuple[int, ...],
        settings: Any,
        edited: EditReport,
        report: Reporter,
    ) -> WrittenCopies:
        """Compute the edit again where it is asked for, and write it; `edited` is what it did."""
        from lga_core.editing.files.easyedit.both_files import easyedit_files
        from lga_core.editing.files.easyedit.writing import parts_of
        from lga_core.editing.files.edit_set import save_edit_set
        from lga_core.editing.files.export import export_merged
        from lga_core.editing.files.lora import export_lora
        from lga_core.editing.ledger import Ledger, extend

        lines: list[str] = []
        data = dict.fromkeys(("saved", "exported", "rounding", "adapter", "easyedit"))
        if self.save or self.merged or self.lora:
            ledger = extend(model, Ledger(), [fact], editor, layers, settings, "sequential", report=report)
        if self.save is not None:
            save_edit_set(ledger, model, self.save, measured=edited.means)
            data["saved"] = str(self.save)
            lines.append(f"saved to {self.save}")
        if self.merged is not None:
            merged = export_merged(model, ledger.edits, self.merged, [fact], report=report)
            data["exported"] = merged.folder
            data["rounding"] = merged.errors
            lines.append(merged_words(merged))
        if self.lora is not None:
            adapter = export_lora(
                ledger, model, self.lora, dense_rank=self.lora_rank, measured=edited.means, report=report
            )
            data["adapter"] = attributes(adapter, "ranks", "errors")
            lines.append(adapter_words(adapter))
        if self.easyedit is not None:
            files = easyedit_files([fact], editor, layers, settings, parts_of(model))
            files.write(self.easyedit)
            data["easyedit"] = {"folder": str(self.easyedit), "differs": files.differs}
            lines += [f"for EasyEdit in {self.easyedit}", *(f"  not the same there: {it}" for it in files.differs)]
        return WrittenCopies(data=data, lines=lines)
