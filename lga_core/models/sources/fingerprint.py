"""What a model is, as a hash of its content: configuration, tokenizer and weights. Names and dates do not count."""

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from lga_core.models.sources import checkpoint
from lga_core.models.sources.entry import UNNAMED, Parts
from lga_core.models.sources.files import cache_home
from lga_core.paths import read_small, whole_file
from lga_core.progress import Phase, Progress, Reporter, silent

DIGESTS = ".lga-digests.json"
BLOCK = 1 << 26  # bytes that are hashed at once: some tenths of a second
NOT_CONTENT = ("_name_or_path", "transformers_version", "dtype", "torch_dtype", "_attn_implementation")


def folder_fingerprint(folder: Path, parts: Parts = UNNAMED, *, report: Reporter = silent) -> str:
    """Hash (64 hex digits) of a folder's config, tokenizer and weight files, and of parts that are named by hand.

    Of the tokenizer's files tokenizer.json, and where there is none the parts that it is built of: beside a
    tokenizer.json transformers takes no add_bos_token or add_eos_token from tokenizer_config.json. What else says where
    a text ends and what pads it counts where config.json states otherwise (`checkpoint.other_ends`).
    Files are read once; their digests are kept, and hold while size and time of change do.
    """
    known = _known_digests(folder)
    digests = {
        name: known[name]
        if known.get(name, {}).get("state") == state
        else {"state": state, "sha256": file_sha256(folder / name, report=report)}
        for name, state in _states(folder).items()
    }
    if digests != known:
        _keep_digests(folder, digests)
    config = checkpoint.configuration(folder)
    content: dict[str, Any] = {name: digest["sha256"] for name, digest in digests.items()}
    if ends := checkpoint.other_ends(folder):
        content["ends"] = ends
    if parts != UNNAMED:
        content["parts"] = parts.model_dump()
    settings = {key: value for key, value in config.items() if key not in NOT_CONTENT}
    return hashlib.sha256(json.dumps([settings, content], sort_keys=True, default=str).encode()).hexdigest()


def quick_fingerprint(folder: Path, parts: Parts = UNNAMED) -> str | None:
    """`folder_fingerprint` where no more than BLOCK bytes must be read for it; else None, until a load has read them.

    For pages: a large folder that was never loaded would keep one waiting for minutes.
    """
    known = _known_digests(folder)
    unread = [name for name, state in _states(folder).items() if known.get(name, {}).get("state") != state]
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
    """Size and time of change of every file whose content counts."""
    names = [*checkpoint.tokenizer_files(folder), *(path.name for path in checkpoint.weight_files(folder))]
    stats = {name: (folder / name).stat() for name in names if (folder / name).is_file()}
    return {name: f"{stat.st_size} {stat.st_mtime_ns}" for name, stat in stats.items()}


def _digest_files(folder: Path) -> tuple[Path, Path]:
    """Where digests are kept: beside the files, or in the cache folder where nothing can be written there."""
    place = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:32]
    return folder / DIGESTS, cache_home() / "digests" / f"{place}.json"


def _known_digests(folder: Path) -> dict:
    for path in _digest_files(folder):
        with suppress(OSError, ValueError, RecursionError):
            known = json.loads(read_small(path))
            if isinstance(known, dict):
                return {name: digest for name, digest in known.items() if _is_digest(digest)}
    return {}


def _is_digest(digest: object) -> bool:
    return isinstance(digest, dict) and digest.keys() == {"state", "sha256"}


def _keep_digests(folder: Path, digests: dict) -> None:
    for path in _digest_files(folder):
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(path) as half:  # a link of that name in someone's folder is replaced, not followed
                half.write_text(json.dumps(digests, indent=1), encoding="utf-8")
            return
