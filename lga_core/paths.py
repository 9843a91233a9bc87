"""Paths that a user wrote, the folders to which LGA_MODEL_ROOTS limits what is loaded, and files written whole."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from lga_core.errors import LgaError

VARIABLE = "LGA_MODEL_ROOTS"
MAX_SMALL = 20_000_000  # bytes of a file of settings


def user_path(text: str | Path) -> Path:
    """The path with ~ in full. Raises LgaError for what can be no path on this system; it need not be there."""
    try:
        if "\0" in str(text):
            raise ValueError("it holds a null character")
        path = Path(text).expanduser()
        path.exists()  # raises for a name that is too long
        os.fsencode(path)  # and this for half a character
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: "~" of a user that there is not
        raise LgaError(
            f"{shown_name(str(text)[:80])!r} is no path: {getattr(error, 'strerror', None) or error}.",
            hint="Write the path of a folder.",
        ) from error
    return path


def shown_name(name: str) -> str:
    """A file's name in characters that can be shown and stored: where it is not UTF-8, Python has half characters."""
    return name.encode("utf-8", "replace").decode()


def read_small(path: Path) -> str:
    """A text file of a folder that somebody named. Raises OSError also for a pipe, a device and more than MAX_SMALL."""
    state = path.stat()
    if not stat.S_ISREG(state.st_mode) or state.st_size > MAX_SMALL:
        raise OSError(f"{path} is no file, or too large")
    return path.read_text(encoding="utf-8")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A hidden file beside `path` to write; it takes the place of `path` when all is written, in one step.

    Where anything is raised, nothing is left and `path` is as it was. The file has the mode that the umask allows.
    """
    half = path.with_name(f".{path.name[:200]}-{uuid4().hex}")
    try:
        half.touch()
        mode = stat.S_IMODE(half.stat().st_mode)
        yield half
        half.chmod(mode)  # safetensors puts a file there that only its owner may read
        os.replace(half, path)
    finally:
        half.unlink(missing_ok=True)


def check_root(path: Path) -> None:
    """Raise LgaError where LGA_MODEL_ROOTS is set and the path, all links followed, lies in none of its folders.

    Of a folder the files directly in it are followed too.
    """
    roots = [Path(root).expanduser().resolve() for root in os.environ.get(VARIABLE, "").split(os.pathsep) if root]
    if not roots:
        return
    try:
        places = [path.resolve(), *(child.resolve() for child in (path.iterdir() if path.is_dir() else ()))]
    except (OSError, RuntimeError):  # not to be listed, or links in a circle
        places = []
    if not places or not all(any(place.is_relative_to(root) for root in roots) for place in places):
        raise LgaError(
            f"{path} is outside of the folders that {VARIABLE} allows.",
            hint="Move it into one of them, or ask whoever runs this to allow its folder.",
        )
