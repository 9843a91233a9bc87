"""Ways in which named files lie together, a folder, a .zip and in memory, read with a limit on every file's size.

Files are read by exact names that the caller knows, into memory: no path that an archive holds is ever followed.
"""

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from lga_core.errors import LgaError
from lga_core.models.sources.files import gigabytes
from lga_core.paths import check_root, user_path

DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
    OverflowError,
    NotImplementedError,
    RuntimeError,
)  # what zipfile raises for bytes that are no archive, or an odd one
MOST_WORDS = 300
HINT = "Save the edit set again where it was made, or fetch it again."


class Container(Protocol):
    """Something that holds named files."""

    def read(self, name: str, most: int) -> bytes:
        """One file's content. Raises LgaError where it is not there, damaged, or larger than `most` bytes."""
        ...

    def has(self, name: str) -> bool:
        """Whether there is a file of that name."""
        ...


@contextmanager
def opened(source: Path | str | bytes) -> Iterator[Container]:
    """A folder, a .zip file or a .zip's bytes. Raises LgaError where it cannot be read.

    LGA_MODEL_ROOTS limits from which folders.
    """
    try:
        if isinstance(source, bytes):
            yield Zip(io.BytesIO(source))
            return
        path = user_path(source)
        check_root(path)
        if path.is_dir():
            yield Folder(path)
            return
        if path.exists() and not path.is_file():  # a pipe that nobody writes to would be waited for without end
            raise LgaError(
                f"{path} is neither a folder nor a plain file.",
                hint="Name a .zip file or a folder that an edit set was saved to.",
            )
        with path.open("rb") as file:
            yield Zip(file)
    except OSError as error:
        raise LgaError(
            f"The edit set cannot be read: {error.strerror or error}.",
            hint="Name a .zip file or a folder that an edit set was saved to.",
        ) from error


class Files:
    """Files that are in memory already."""

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        self.contents = contents

    def read(self, name: str, most: int) -> bytes:
        if not self.has(name):
            raise _missing(name)
        if len(self.contents[name]) > most:
            raise _too_large(name, len(self.contents[name]), most)
        return self.contents[name]

    def has(self, name: str) -> bool:
        return name in self.contents


class Folder:
    """A plain folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, name: str, most: int) -> bytes:
        place = self.path / name
        try:
            state = place.lstat()
            if not stat.S_ISREG(state.st_mode):
                raise LgaError(f"{name} in {self.path} is not a plain file.", hint=HINT)
            if state.st_size > most:
                raise _too_large(name, state.st_size, most)
            with place.open("rb") as file:
                content = file.read(most + 1)
        except FileNotFoundError:
            raise _missing(name) from None
        except OSError as error:
            raise LgaError(f"{place} cannot be read: {error.strerror}.", hint=HINT) from error
        if len(content) > most:
            raise _too_large(name, len(content), most)
        return content

    def has(self, name: str) -> bool:
        return (self.path / name).exists()


class Zip:
    """A .zip archive, stored or deflated."""

    def __init__(self, file: BinaryIO) -> None:
        try:
            self.archive = zipfile.ZipFile(file)
        except DAMAGED as error:
            raise LgaError(f"This is no .zip file, or a damaged one: {legible(error)}.", hint=HINT) from error

    def read(self, name: str, most: int) -> bytes:
        members = [info for info in self.archive.infolist() if info.filename == name]
        if len(members) != 1:
            raise LgaError(f"The archive holds {name} {len(members)} times.", hint=HINT) if members else _missing(name)
        if members[0].file_size > most:
            raise _too_large(name, members[0].file_size, most)
        if members[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise LgaError(f"{name} is packed in a way that is not read here.", hint="Pack the files as a plain .zip.")
        try:
            with self.archive.open(members[0]) as file:
                content = file.read(most + 1)
                whole = len(content) == members[0].file_size and not file.read(1)
        except DAMAGED as error:
            raise LgaError(f"{name} in the archive is damaged: {legible(error)}.", hint=HINT) from error
        if not whole:
            raise LgaError(f"{name} in the archive is cut off.", hint=HINT)
        return content

    def has(self, name: str) -> bool:
        return name in self.archive.namelist()


def legible(words: object) -> str:
    """What is wrong with a file, on one line and cut short: an error may quote a megabyte of it."""
    kept = "".join(letter for letter in str(words)[:MOST_WORDS] if letter.isprintable())
    return kept if len(str(words)) <= MOST_WORDS else f"{kept}…"


def _missing(name: str) -> LgaError:
    return LgaError(
        f"This is no edit set: {name} is not in it.", hint="Name a .zip file or a folder that an edit set was saved to."
    )


def _too_large(name: str, size: int, most: int) -> LgaError:
    return LgaError(f"{name} is larger than it can be: {gigabytes(size)}, at most {gigabytes(most)}.", hint=HINT)
