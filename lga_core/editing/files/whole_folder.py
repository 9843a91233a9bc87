"""A new folder that is there whole or not at all."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from lga_core.errors import LgaError


def check_free(folder: Path) -> None:
    """Raise LgaError unless a folder can be made here: nothing is there yet, or an empty one."""
    check_name(folder)
    if not folder.parent.is_dir():
        raise LgaError(f"There is no folder {folder.parent}.", hint="Make it first, or name another folder.")
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists() or folder.is_symlink():
        raise LgaError(f"{folder} is there already, and is not an empty folder.", hint="Name a new folder.")


def check_name(path: Path) -> None:
    """Raise LgaError for a path that names nothing in another folder, as "." does not."""
    if path.name in ("", ".."):
        raise LgaError(f"{path} has no name of its own.", hint="Name a new folder in it.")


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """An empty folder beside `folder` to write into; it takes the name `folder` when all is written.

    Where anything is raised, nothing is left. Raises LgaError for a folder that holds anything, OSError as it comes.
    """
    check_free(folder)
    half = folder.with_name(f".{folder.name}-{uuid4().hex}")
    try:
        half.mkdir()
        yield half
        if folder.is_dir():
            folder.rmdir()  # only an empty one goes
        os.rename(half, folder)
    finally:
        shutil.rmtree(half, ignore_errors=True)


def write_folder(folder: Path, files: Mapping[str, bytes], what: str) -> None:
    """These files in a new folder, whole or not at all. Raises LgaError that says `what` cannot be written, and why."""
    try:
        with whole_folder(folder) as half:
            for name, content in files.items():
                (half / name).write_bytes(content)
    except OSError as error:
        raise LgaError(
            f"{what} cannot be written to {folder}: {error.strerror}.",
            hint="Name a folder where you may write and where there is room. Nothing was kept.",
        ) from error
