"""Paths that a user wrote, and the folders to which LGA_MODEL_ROOTS limits what is loaded."""

import os
from pathlib import Path

from lga_core.errors import LgaError

VARIABLE = "LGA_MODEL_ROOTS"


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
