"""What a model is, as a hash of its content: configuration, tokenizer and weights. Names and dates do not count."""

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lga_core.models.sources import checkpoint
from lga_core.progress import Phase, Progress, Reporter, silent

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel

DIGESTS = ".lga-digests.json"
BLOCK = 1 << 26  # bytes that are hashed at once: some tenths of a second
NOT_CONTENT = ("_name_or_path", "transformers_version", "dtype", "torch_dtype", "_attn_implementation")


def folder_fingerprint(folder: Path, *, report: Reporter = silent) -> str:
    """Hash (64 hex digits) of a folder's config, tokenizer and weight files.

    Files are read once; their digests are kept beside them, and hold while size and time of change do.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    names = [*checkpoint.TOKENIZER_FILES, *(path.name for path in checkpoint.weight_files(folder))]
    known = _known_digests(folder)
    digests = {}
    for path in (folder / name for name in names if (folder / name).is_file()):
        stat = path.stat()
        state = f"{stat.st_size} {stat.st_mtime_ns}"
        kept = known.get(path.name, {})
        if kept.get("state") != state:
            kept = {"state": state, "sha256": file_sha256(path, report=report)}
        digests[path.name] = kept
    if digests != known:
        with suppress(OSError):  # a folder that cannot be written is hashed again next time
            (folder / DIGESTS).write_text(json.dumps(digests, indent=1), encoding="utf-8")
    return _hash(config, {name: digest["sha256"] for name, digest in digests.items()})


def model_fingerprint(model: "PreTrainedModel") -> str:
    """Hash (64 hex digits) of a model in memory that no folder stands for."""
    return _hash(model.config.to_dict(), {"weights": weights_hash(model)})


def weights_hash(module: "nn.Module") -> str:
    """Hash (64 hex digits) over names, dtypes, shapes and bytes of all parameters and buffers, saved or not."""
    import torch  # here: listing and fetching models need no torch, which takes seconds to import

    digest = hashlib.sha256()
    for name, tensor in sorted([*module.named_parameters(), *module.named_buffers()], key=lambda item: item[0]):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def file_sha256(path: Path, *, report: Reporter = silent) -> str:
    """Raises OSError where the file cannot be read."""
    digest = hashlib.sha256()
    size = path.stat().st_size
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
            report(Progress(phase=Phase.CHECK_FILES, done=file.tell(), total=size, detail=path.name))
    return digest.hexdigest()


def _known_digests(folder: Path) -> dict:
    try:
        known = json.loads((folder / DIGESTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _hash(config: dict, digests: dict[str, str]) -> str:
    content = {key: value for key, value in config.items() if key not in NOT_CONTENT}
    return hashlib.sha256(json.dumps([content, digests], sort_keys=True, default=str).encode()).hexdigest()
