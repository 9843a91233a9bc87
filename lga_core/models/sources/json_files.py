"""The JSON files of a model's folder, which anyone may have written; and whether a file is the one read before."""

import functools
import json
from pathlib import Path

from lga_core.errors import LgaError
from lga_core.paths import read_small


def file_state(path: Path) -> str:
    """Size, mtime and ctime (in ns), by which a file is known again. Raises OSError where there is none.

    A file that took the place of one of its size can have been given its mtime too, as copying tools do; a ctime cannot
    be given.
    """
    stat = path.stat()
    return f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns}"


def read_json(path: Path) -> dict:
    """A JSON object, not to be changed. Raises LgaError where there is none that can be read."""
    try:
        return _read(path, file_state(path))
    except (ValueError, RecursionError, OSError) as error:
        raise LgaError(f"{path} cannot be read as JSON: {error}.", hint="Fetch or copy the file again.") from error


def read_optional(path: Path) -> dict:
    """A JSON object, not to be changed; empty where there is none that can be read."""
    try:
        return read_json(path)
    except LgaError:
        return {}


@functools.lru_cache(maxsize=16)
def _read(path: Path, _state: str) -> dict:
    """Read again only after it has changed: settings may hold thousands of tokens, and pages ask often."""
    content = json.loads(read_small(path))
    if not isinstance(content, dict):
        raise LgaError(f"{path} is not a JSON object.", hint="Fetch or copy the file again.")
    return content
