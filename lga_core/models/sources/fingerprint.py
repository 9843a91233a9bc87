"""What a model is, as a hash of its content: configuration, tokenizer and weights. Names and dates do not count."""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from lga_core.models.sources import checkpoint
from lga_core.models.sources.entry import UNNAMED, Parts
from lga_core.models.sources.files import cache_home
from lga_core.models.sources.json_files import file_state, read_optional
from lga_core.models.sources.tokenizer_files import deciding_files, other_ends
from lga_core.paths import whole_file
from lga_core.progress import Phase, Progress, Reporter, silent

DIGESTS = ".lga-digests.json"
BLOCK = 1 << 26  # bytes that are hashed at once: some tenths of a second
NOT_CONTENT = ("_name_or_path", "transformers_version", "dtype", "torch_dtype", "_attn_implementation")


def folder_fingerprint(folder: Path, parts: Parts = UNNAMED, *, report: Reporter = silent) -> str:
    """Hash (64 hex digits) of a folder's config, tokenizer and weight files, and of parts that are named by hand.

    Of the tokenizer's files those that decide about tokens (`tokenizer_files.deciding_files`). What else says where a
    text ends and what pads it counts where config.json states otherwise (`tokenizer_files.other_ends`).
    Files are read once; their digests are kept, and hold while size and times of change do.
    """
    states = _states(folder)
    known = _known_digests(folder, states)
    digests = {name: known[name] if name in known else file_sha256(folder / name, report=report) for name in states}
    if digests != known:
        _keep_digests(folder, states, digests)
    config = checkpoint.configuration(folder)
    content: dict[str, Any] = dict(digests)
    if ends := other_ends(folder, config):
        content["ends"] = ends
    if parts != UNNAMED:
        content["parts"] = parts.model_dump()
    settings = {key: value for key, value in config.items() if key not in NOT_CONTENT}
    return hashlib.sha256(json.dumps([settings, content], sort_keys=True, default=str).encode()).hexdigest()


def quick_fingerprint(folder: Path, parts: Parts = UNNAMED) -> str | None:
    """`folder_fingerprint` where no more than BLOCK bytes must be read for it; else None, until a load has read them.

    For pages: a large folder that was never loaded would keep one waiting for minutes.
    """
    states = _states(folder)
    unread = states.keys() - _known_digests(folder, states).keys()
    to_read = sum((folder / name).stat().st_size for name in unread)
    return folder_fingerprint(folder, parts) if to_read <= BLOCK else None


def file_sha256(path: Path, *, report: Reporter = silent) -> str:
    """Raises OSError where the file cannot be read."""
    digest = hashlib.sha256()
    size = path.stat().st_size
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
            report(Progress(phase=Phase.CHECK_FILES, done=file.tell(), total=size, detail=path.name))
    return digest.hexdigest()


def _states(folder: Path) -> dict[str, str]:
    """Size and times of change of every file whose content counts."""
    names = [*deciding_files(folder), *(path.name for path in checkpoint.weight_files(folder))]
    return {name: file_state(folder / name) for name in names if (folder / name).is_file()}


def _digest_files(folder: Path) -> tuple[Path, Path]:
    """Where digests are kept: beside the files, or in the cache folder where nothing can be written there."""
    place = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:32]
    return folder / DIGESTS, cache_home() / "digests" / f"{place}.json"


def _known_digests(folder: Path, states: Mapping[str, str]) -> dict[str, str]:
    """SHA-256 of the files that were read in this state, as either place knows it."""
    known: dict[str, str] = {}
    for path in reversed(_digest_files(folder)):
        kept = read_optional(path)
        known |= {name: kept[name]["sha256"] for name, state in states.items() if _is_of(kept.get(name), state)}
    return known


def _is_of(kept: object, state: str) -> bool:
    return isinstance(kept, dict) and kept.get("state") == state and isinstance(kept.get("sha256"), str)


def _keep_digests(folder: Path, states: Mapping[str, str], digests: Mapping[str, str]) -> None:
    content = {name: {"state": state, "sha256": digests[name]} for name, state in states.items()}
    for path in _digest_files(folder):
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(path) as half:  # a link of that name in someone's folder is replaced, not followed
                half.write_text(json.dumps(content, indent=1), encoding="utf-8")
            return
