"""What loading a model takes of the memory, from its files or its catalogue entry, and how much is free."""

from pathlib import Path

import psutil

from lga_core.models.sources import checkpoint
from lga_core.models.sources.catalogue import local_folder
from lga_core.models.sources.entry import ModelEntry

WORKING_SHARE = 0.2  # activations of a batch and copies while loading, beside the weights
FLOAT_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
CGROUP = Path("/sys/fs/cgroup")


def loading_size(entry: ModelEntry, dtype: str) -> int | None:
    """Bytes of the weights in memory, with floats as `dtype` (one of FLOAT_BYTES); None where that is not known yet.

    Raises LgaError for a damaged weight file.
    """
    folder = local_folder(entry)
    if folder is not None and checkpoint.is_complete(folder):
        return checkpoint.weight_bytes(folder, FLOAT_BYTES[dtype])
    return None if entry.parameters is None else entry.parameters * FLOAT_BYTES[dtype]


def free_memory() -> int:
    """Bytes of main memory that are free; a container's own limit counts."""
    return int(min(psutil.virtual_memory().available, _container_room()))


def _container_room() -> float:
    """What a cgroup (v2) still allows, file cache not counted as used; infinite outside of one."""
    try:
        limit = (CGROUP / "memory.max").read_text().strip()
        used = int((CGROUP / "memory.current").read_text())
        cache = dict(line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())["inactive_file"]
    except (OSError, ValueError, KeyError):
        return float("inf")
    return float("inf") if limit == "max" else int(limit) - used + int(cache)
