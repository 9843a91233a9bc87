"""What is worked out once per model and kept on disk: its own text and its second moments, by model fingerprint."""

import math
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol, TypeVar

from safetensors import SafetensorError

from lga_core.errors import LgaError
from lga_core.models.sources.cache import cap_bytes, shrink
from lga_core.models.sources.files import cache_home, is_no_room, no_room, tells_no_room
from lga_core.paths import whole_file
from lga_core.results.base import adapter

Content = TypeVar("Content")
_kept_bytes = math.inf  # by this process since it made room last; at first it does not know what others kept


class Identified(Protocol):
    """A loaded model, or its `ModelIdentity`."""

    @property
    def fingerprint(self) -> str:
        """Hash of configuration, tokenizer and weights."""


def derived_path(model: Identified, name: str) -> Path:
    """Where a thing derived from this model lies; `name` says every setting that it depends on.

    One that lies there counts as used now: the least recently used go first where the cache has a cap.
    """
    path = cache_home() / "derived" / model.fingerprint[:32] / name
    with suppress(OSError):  # not there, or not ours to write to
        os.utime(path)
    return path


def dtype_part(dtype: object) -> str:
    """What the name of a file says of the dtype that the model computed it in: "-bfloat16", "" for float32.

    One fingerprint stands for the weights in every dtype, and what they compute differs. Float32 is not named: files
    that were kept before dtypes were told apart stay valid for it.

    >>> dtype_part("torch.bfloat16"), dtype_part("torch.float32")
    ('-bfloat16', '')
    """
    name = str(dtype).removeprefix("torch.")
    return "" if name == "float32" else f"-{name}"


def keep(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file beside its place and move it there in one step; a full disk leaves nothing behind.

    Raises LgaError where it cannot be written, and where the cap of the cache is no number.
    """
    cap = cap_bytes()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as half:
            write(half)
        if cap is not None:
            _shrink_now_and_then(cap, path.stat().st_size)
    except (OSError, SafetensorError) as error:  # safetensors tells of a full disk in words
        if tells_no_room(str(error)) or (isinstance(error, OSError) and is_no_room(error)):
            raise no_room(f"No room to keep {path.name}.") from error
        raise LgaError(
            f"{path.name} cannot be kept: {error}.", hint="Set LGA_HOME to a folder that can be written."
        ) from error


def _shrink_now_and_then(cap: int, kept_bytes: int) -> None:
    """Make room each time that a hundredth of the cap was kept: to look through the whole folder takes a while."""
    global _kept_bytes
    _kept_bytes += kept_bytes
    if _kept_bytes >= cap / 100:
        _kept_bytes = 0.0
        shrink(cap)


def kept(path: Path, read: Callable[[Path], Content]) -> Content | None:
    """What was kept there. None where nothing is, or what is damaged: that is removed, to be worked out again.

    Raises LgaError where the file cannot be read: it may be sound.
    """
    try:
        path.open("rb").close()  # says why it cannot be opened: safetensors always says that there is none
        return read(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LgaError(
            f"{path} cannot be read: {error.strerror or error}.",
            hint="It is kept. See who may read it and whether the disk is in order, or delete it.",
        ) from error
    except (ValueError, TypeError, KeyError, RecursionError, SafetensorError):
        with suppress(OSError):  # not ours to remove
            path.unlink()
        return None


def kept_json(path: Path, kind: type[Content]) -> Content | None:
    """As `kept`, of a JSON file with a value of this type."""
    return kept(path, lambda place: adapter(kind).validate_json(place.read_bytes()))
