"""What models run on here by default, as the engine found it: the server's process does not know torch.

Kept in the cache folder, so that stored results are found before the engine has started.
"""

import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from lga_core.errors import LgaError
from lga_core.models.sources import checkpoint
from lga_core.models.sources.catalogue import local_folder, resolve
from lga_core.models.sources.derived import keep, kept_json
from lga_core.models.sources.files import cache_home
from lga_core.models.sources.fingerprint import quick_fingerprint
from lga_core.models.text.chat import is_chat
from lga_core.models.text.preview import chat_template
from lga_core.results import ModelIdentity
from lga_core.service.process.messages import Machine

FILE = "machine.json"
_told: dict[Path, Machine] = {}  # by folder, by this process's own engine: another server may have another device


def remember(machine: Machine) -> None:
    """Keep what the engine said. Where it cannot be written, jobs say so: this is only for the next start."""
    _told[_path()] = machine
    content = json.dumps(asdict(machine))
    with suppress(LgaError):
        keep(_path(), lambda place: place.write_text(content, encoding="utf-8"))


def known() -> Machine | None:
    """What this process's engine said, else what any on this folder said last; None before the first one."""
    return _told.get(_path()) or kept()


def kept() -> Machine | None:
    """What an engine on this folder said last, this server's or another one's."""
    with suppress(LgaError):
        return kept_json(_path(), Machine)
    return None


def identity(name: str) -> ModelIdentity | None:
    """The model of that name as stored results know it; None where its files are not here, are
    large and were never loaded, or no engine ran yet.
    """
    machine = known()
    entry = resolve(name)
    folder = local_folder(entry)
    if machine is None or folder is None:
        return None
    chat = is_chat(name)
    try:
        fingerprint = quick_fingerprint(folder, entry.parts)
        layers = checkpoint.layers(folder)
        template = chat_template(folder) if chat else None
    except (OSError, ValueError, LgaError):  # removed or half written: loading it says so
        return None
    if fingerprint is None or layers is None or (chat and template is None):
        return None
    return ModelIdentity(
        name=name,
        fingerprint=fingerprint,
        dtype=machine.dtype,
        machine=machine.device,
        layers=layers,
        chat=None if template is None else template.key,
    )


def _path() -> Path:
    return cache_home() / FILE
