"""The recorded example: finished runs of the default models that come with the code, in the store's own format.

A page shows it until this machine has measured something. Its manifest names the command that made it.
"""

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from lga_core.resources import ASSETS
from lga_core.results import ModelIdentity, Result

FOLDER = ASSETS / "demo"
MANIFEST = "manifest.json"


@dataclass(frozen=True, kw_only=True)
class RecordedModel(Result):
    """One model's part of the example."""

    identity: ModelIdentity
    runs: tuple[str, ...]  # keys, in the order in which a page opens them: scores first


@dataclass(frozen=True, kw_only=True)
class Example(Result):
    """What the example is, and where it was made."""

    created: str  # ISO 8601, UTC
    command: str
    cores: int  # of the machine
    torch: str  # its version
    models: tuple[RecordedModel, ...]


def read_example(folder: Path = FOLDER) -> Example | None:
    """The example's description; None where there is none that can be read."""
    try:
        return Example.from_json((folder / MANIFEST).read_bytes())
    except (OSError, ValidationError):
        return None
