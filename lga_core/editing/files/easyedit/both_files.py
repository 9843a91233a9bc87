"""What it takes to make the same edit in EasyEdit: its hyper-parameters and its facts, as two files."""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lga_core.data.facts import Fact
from lga_core.editing.files.easyedit.facts_file import write_knowedit
from lga_core.editing.files.easyedit.writing import FILE, ModelParts, write_hparams
from lga_core.editing.files.whole_folder import write_folder
from lga_core.settings import Settings

FACTS = "facts.json"


@dataclass(frozen=True, kw_only=True)
class EasyEditFiles:
    """File name -> text, and what is not the same there, in words."""

    texts: dict[str, str]
    differs: tuple[str, ...]

    @property
    def zipped(self) -> bytes:
        """Both as a .zip, for a download."""
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in self.texts.items():
                archive.writestr(name, text)
        return file.getvalue()

    def write(self, folder: Path) -> None:
        """Both into a new folder, whole or not at all. Raises LgaError where that cannot be."""
        write_folder(folder, {name: text.encode() for name, text in self.texts.items()}, "The files for EasyEdit")


def easyedit_files(
    facts: Sequence[Fact], editor: str, layers: tuple[int, ...], settings: Settings, parts: ModelParts
) -> EasyEditFiles:
    """For an edit of these facts at these layers of a model."""
    hparams = write_hparams(editor, layers, settings, parts)
    written = write_knowedit(facts, chat=parts.chat)
    return EasyEditFiles(texts={FILE: hparams.text, FACTS: written.text}, differs=(*hparams.differs, *written.differs))
