"""Names of the texts that second moments are estimated from, and what a name stands for; no text is read here.

own-text                                    sampled from the model itself
file:PATH                                   plain UTF-8 text, JSON Lines with "text", or a folder `datasets` loads
hub:OWNER/NAME[@REVISION][:CONFIG][:SPLIT]  a data set of the hub with a column "text"
identity                                    no text: C is the identity
"""

import functools
import hashlib
import json
from contextlib import suppress
from pathlib import Path

from lga_core.data.sources import hub
from lga_core.data.sources.dataset_id import PREFIX, DatasetId, parse_dataset_id
from lga_core.errors import LgaError
from lga_core.models.sources.fingerprint import file_sha256
from lga_core.paths import check_root, user_path

OWN_TEXT = "own-text"
IDENTITY = "identity"
FILE = "file:"
HUB = PREFIX
TOKENS_PER_INPUT = 4  # tokens of text for each input dimension; fewer leave C without full rank


def source_problem(name: str) -> str | None:
    """Why this names no source of a second moment; None where it does."""
    if name in (OWN_TEXT, IDENTITY) or (name.startswith(FILE) and name.removeprefix(FILE).strip()):
        return None
    if name.startswith(HUB):
        with suppress(LgaError):  # for a name out of shape
            parse_dataset_id(name)
            return None
    return f"must be {OWN_TEXT}, {IDENTITY}, {FILE}PATH or {HUB}owner/name[:config[:split]], not {name!r}"


def content_key(name: str) -> str | None:
    """What a text outside of the model is, 16 hex digits: a file's content, a data set's name and commit.

    The same bytes as JSON Lines and as plain text are two texts. None for the model's own text and the identity. Raises
    LgaError for what is not there, and for files and folders that LGA_MODEL_ROOTS does not allow.
    """
    if name in (OWN_TEXT, IDENTITY):
        return None
    dataset = dataset_named(name)
    if dataset is None:
        path = path_named(name)
        check_root(path)
        digest = _file_digest(path)
        return hashlib.sha256(f"json lines {digest}".encode()).hexdigest()[:16] if is_json_lines(path) else digest
    if dataset.folder is not None:
        check_root(dataset.folder)
        hub.check_small(dataset.folder)
        files = sorted(path for path in dataset.folder.rglob("*") if path.is_file())
        for path in files:  # a link may stand in a folder below it
            check_root(path)
        parts = [f"{path.relative_to(dataset.folder)} {_file_digest(path)}" for path in files]
    else:
        parts = [hub.commit(dataset) or "commit not known"]
    named = json.dumps([dataset.repo, dataset.config, dataset.split, *parts], default=str)
    return hashlib.sha256(named.encode()).hexdigest()[:16]


def dataset_named(name: str) -> DatasetId | None:
    """The data set that a source names; None where it names a file."""
    return parse_dataset_id(name if name.startswith(HUB) else name.removeprefix(FILE).strip())


def path_named(name: str) -> Path:
    """The file that a source names. Raises LgaError for what is no path."""
    return user_path(name.removeprefix(FILE).strip())


def is_json_lines(path: Path) -> bool:
    """Whether a file is read as JSON Lines; else as plain text."""
    return path.suffix.lower() == ".jsonl"


def _file_digest(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():  # a device or a pipe may have no end
            raise OSError(None, "it is no plain file")
        state = path.stat()
        return _known_digest(path, state.st_size, state.st_mtime_ns)
    except (OSError, ValueError) as error:  # a ValueError for a name with a null character
        reason = (getattr(error, "strerror", None) or "this is no path").lower()
        raise LgaError(
            f"The text {path} cannot be read: {reason}.",
            hint=f"Name a file, as {FILE}PATH, or a data set, as {HUB}owner/name.",
        ) from error


@functools.lru_cache(maxsize=64)
def _known_digest(path: Path, _size: int, _changed: int) -> str:
    """A large file is hashed once, until its size or its time of change is another."""
    return file_sha256(path)[:16]
