"""What an edit set's manifest says: every entry of a ledger in full, in a form that is checked when it is read."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, field_serializer

from lga_core.data.facts import Fact
from lga_core.editing.table import Mode
from lga_core.results import EditMeans

FORMAT = 2
FIRST_FORMAT = 1  # that is read still: `on` is a list of ids there
MANIFEST = "manifest.json"
TENSORS = "edits.safetensors"
MOST_MANIFEST_BYTES = 64 * 2**20
MOST_VALUES = 10**6  # a value may take three bytes in the file and a kilobyte in memory, where it does not fit
METRICS_FILE = "metrics.json"  # beside them, where the edits were measured
MOST_METRICS_BYTES = 2**20
# What stands in an entry of the ledger and in the manifest under the same name, and of what it wrote at one layer.
ENTRY_FIELDS = ("id", "facts", "editor", "layers", "mode", "enabled")
NOT_CONTENT = ("dropped_locality",)  # of a fact: about the file that it was read from
WRITTEN_FIELDS = ("weight_norm", "target_errors", "clamped", "losses")


Size = Annotated[int, Field(ge=0, le=2**31)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class Tensors(_Strict):
    """One edit of one matrix; its tensors are named `entry/layer/left`, … in the tensor file."""

    layer: int = Field(ge=0)
    matrix: str
    kind: Literal["low rank", "dense"]
    shapes: Mapping[str, tuple[Size, Size]]  # left and right, or delta; keys, where there are any
    weight_norm: float = Field(ge=0, allow_inf_nan=False)
    target_errors: tuple[float | None, ...]  # per fact
    clamped: tuple[bool | None, ...]
    losses: tuple[tuple[float, ...], ...]


class ManifestEntry(_Strict):
    """One entry of the ledger."""

    id: str = Field(pattern=r"^[0-9a-f]{32}$")
    facts: tuple[Fact, ...] = Field(min_length=1)
    editor: str
    editor_version: int
    settings: Mapping[str, Any]
    layers: tuple[int, ...]
    mode: Mode
    on: str | tuple[str, ...]  # format 1: the ids themselves
    enabled: bool
    tensors: tuple[Tensors, ...]

    @field_serializer("facts", mode="wrap")
    def _content(self, facts: tuple[Fact, ...], plain: SerializerFunctionWrapHandler) -> list[dict[str, Any]]:
        """Without what is not part of a fact: the hash of sets that were saved before it was recorded stays theirs."""
        return [{name: value for name, value in fact.items() if name not in NOT_CONTENT} for fact in plain(facts)]


class Manifest(_Strict):
    """`manifest.json`."""

    format: int
    model: str  # its name, for people
    model_fingerprint: str
    dtype: str  # of the weights that the edits were computed on
    created: str  # ISO 8601, UTC
    packages: Mapping[str, str]  # name -> version
    tensors_sha256: str  # of the whole tensor file
    entries: tuple[ManifestEntry, ...]
    sha256: str = ""  # of this manifest without this line

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.model_dump_json(exclude={"sha256"}).encode()).hexdigest()

    @property
    def shapes(self) -> dict[str, tuple[int, int]]:
        """Every tensor's shape by its name in the tensor file."""
        return {
            f"{entry.id}/{item.layer}/{part}": shape
            for entry in self.entries
            for item in entry.tensors
            for part, shape in item.shapes.items()
        }

    @property
    def sealed(self) -> "Manifest":
        """With the hash of what it says now."""
        return self.model_copy(update={"sha256": self.digest})


class OfFormat(BaseModel):
    """What the manifest of every version says."""

    format: int


class Measured(_Strict):
    """`metrics.json`: how the facts fare with the edits that are on."""

    manifest_sha256: str  # of the manifest that it is about
    means: EditMeans


def fits(content: bytes) -> bool:
    """Whether a manifest is as large as one that is read; values are counted, one too many where a text has a comma."""
    return len(content) <= MOST_MANIFEST_BYTES and sum(map(content.count, (b",", b"[", b"{"))) <= MOST_VALUES


def same_fields(item: object, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(item, name) for name in names}
