"""How a source's name stands for a data set; nothing is read here.

    hub:OWNER/NAME[@REVISION][:CONFIG][:SPLIT]    a data set's rows; hub:OWNER/NAME::SPLIT for its only configuration
    hub:OWNER/NAME[@REVISION]/PATH/TO/FILE.json   one file of its repository, as it is
    FOLDER[:CONFIG][:SPLIT]                       a folder that `datasets` can load, or one that it saved

zjunlp/KnowEdit holds files of several schemas: name one of them.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from lga_core.errors import LgaError
from lga_core.paths import shown_name

PREFIX = "hub:"
SYNTAX = "a data set as hub:owner/name[:config][:split] or hub:owner/name/path/to/file.json"
_HUB = re.compile(
    r"(?P<name>[\w.-]+/[\w.-]+)(@(?P<revision>[\w.-]+))?"
    r"(/(?P<file>.+)|(:(?P<config>[^:/]*))?(:(?P<split>[^:/]+))?)"
)
_TAIL = re.compile(r"(?P<folder>.+?)(:(?P<config>[^:/\\]*))?(:(?P<split>[^:/\\]+))?")


@dataclass(frozen=True, kw_only=True)
class DatasetId:
    """What a source's name asks for. `folder` or `repo` is set, never both."""

    name: str  # as the user wrote it; a folder's without its path
    repo: str = ""
    revision: str | None = None
    file: str | None = None
    folder: Path | None = None
    config: str | None = None
    split: str | None = None


def parse_dataset_id(source: str) -> DatasetId | None:
    """The data set that a source names; None for a file's path and for no name at all.

    Raises LgaError for a hub name out of shape.
    """
    if not source.startswith(PREFIX):
        return _folder(source)
    parts = _HUB.fullmatch(source.removeprefix(PREFIX).strip())
    if parts is None:
        raise LgaError(f"{source} is no data set's name.", hint=f"Name {SYNTAX}.")
    return DatasetId(
        name=source,
        repo=parts["name"],
        revision=parts["revision"],
        file=parts["file"],
        config=parts["config"] or None,
        split=parts["split"],
    )


def _folder(source: str) -> DatasetId | None:
    whole = Path(os.path.expanduser(source))
    if source and os.path.isdir(whole):  # before its colons are read: a folder's name may have some
        return DatasetId(name=shown_name(whole.resolve().name), folder=whole)
    parts = _TAIL.fullmatch(source)
    if parts is None or not os.path.isdir(folder := Path(os.path.expanduser(parts["folder"]))):
        return None
    name = source.replace(parts["folder"], folder.resolve().name, 1)
    return DatasetId(name=shown_name(name), folder=folder, config=parts["config"] or None, split=parts["split"])
