"""Which models there are: the catalogue, any hub id, any local folder. Nothing is fetched or loaded here."""

import difflib
import functools
import re
import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from lga_core.errors import LgaError
from lga_core.models.sources import checkpoint
from lga_core.models.sources.entry import Hub, Local, ModelEntry
from lga_core.models.sources.files import cache_home, model_place
from lga_core.models.sources.json_files import file_state
from lga_core.models.text.chat import is_chat, plain_name
from lga_core.paths import check_root, read_small, user_path
from lga_core.resources import ASSETS

CATALOGUE_FILE = ASSETS / "models.toml"
OTHER, OTHER_TITLE = "other", "Hub id or local folder"  # the dashboard's choice of a model that is not listed
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


class _Catalogue(BaseModel):
    """A catalogue file."""

    model_config = ConfigDict(extra="forbid")

    models: tuple[ModelEntry, ...] = ()


def catalogue() -> tuple[ModelEntry, ...]:
    """The shipped models, the first of which is the default, and then those of the user's own file.

    Raises LgaError where that file cannot be used.
    """
    return (*_shipped(), *_own())


def own_catalogue() -> Path:
    """The file of the user's own models, written as assets/models.toml is. It need not be there."""
    return cache_home() / "models.toml"


def catalogued(name: str) -> ModelEntry | None:
    """The catalogue's model that is loaded by this name, in any case; None for one that it does not have."""
    wanted = plain_name(name).strip().lower()
    return next((entry for entry in catalogue() if wanted in map(str.lower, entry.names)), None)


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
    if (entry := catalogued(name)) is not None:
        _check_there(entry)
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
    if isinstance(origin, Local) and not origin.path.exists():
        return None  # moved away since the catalogue of the user's own models was written
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


def _check_there(entry: ModelEntry) -> None:
    if isinstance(entry.origin, Local) and not entry.origin.path.exists():
        raise LgaError(
            f"There is no folder or file {entry.origin.path}, where {own_catalogue()} has the model {entry.id}.",
            hint="Put it back, or correct its path there.",
        )


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


@functools.cache
def _shipped() -> tuple[ModelEntry, ...]:
    return _entries(CATALOGUE_FILE.read_text(encoding="utf-8"))


def _own() -> tuple[ModelEntry, ...]:
    path = own_catalogue()
    try:
        state = file_state(path)
    except FileNotFoundError:
        return ()
    return _read_own(path, state)


@functools.lru_cache(maxsize=4)
def _read_own(path: Path, _state: str) -> tuple[ModelEntry, ...]:
    """Read again only after it has changed."""
    try:
        own = _entries(read_small(path))
    except ValidationError as error:
        first = error.errors()[0]
        raise _unusable(path, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except (OSError, ValueError, RecursionError) as error:  # not to be read, or no TOML
        raise _unusable(path, str(error)) from error
    for entry in own:
        if not entry.id.strip() or entry.id != entry.id.strip() or is_chat(entry.id) or entry.id.lower() == OTHER:
            raise _unusable(path, f"a model cannot be called {entry.id!r}")
    names = [name.lower() for entry in (*_shipped(), *own) for name in entry.names]
    titles = [OTHER_TITLE.lower(), *(entry.title.lower() for entry in (*_shipped(), *own))]  # lists show these alone
    twice = [name for all_of_a_kind in (names, titles) for name in all_of_a_kind if all_of_a_kind.count(name) > 1]
    if twice:
        raise _unusable(path, f"two models are called {twice[0]!r}")
    return own


def _entries(text: str) -> tuple[ModelEntry, ...]:
    return _Catalogue.model_validate(tomllib.loads(text)).models


def _unusable(path: Path, why: str) -> LgaError:
    return LgaError(
        f"The catalogue of your own models, {path}, cannot be used: {why}.",
        hint="Correct it, or move it away. docs/MODELS.md shows an entry.",
    )
