"""Whether a model fits, asked before it is loaded: a machine that runs out of memory kills without a word."""

from pathlib import Path

import psutil
import torch

from lga_core.errors import LgaError
from lga_core.models.files import gigabytes

WORKING_SHARE = 0.2                          # activations of a batch and copies while loading, beside the weights
CGROUP = Path("/sys/fs/cgroup")


def check_memory(title: str, weights: int, device: torch.device) -> None:
    """Raise LgaError with the figures when `weights` bytes and some room to work are more than the device has free."""
    needed = int(weights * (1 + WORKING_SHARE))
    free = available(device)
    if needed > free:
        raise out_of_memory(f"{title} needs {gigabytes(needed)} of memory on {device}, {gigabytes(free)} are free.")


def available(device: torch.device) -> int:
    """Bytes free on the device; a container's own limit counts."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return min(psutil.virtual_memory().available, _container_room())


def out_of_memory(cause: str) -> LgaError:
    return LgaError(cause, mend="Close other programs, choose --dtype bfloat16, or choose a smaller model.")


def _container_room() -> float:
    """What a cgroup (v2) still allows, file cache not counted as used; infinite outside of one."""
    try:
        limit = (CGROUP / "memory.max").read_text().strip()
        used = int((CGROUP / "memory.current").read_text())
        cache = dict(line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())["inactive_file"]
    except (OSError, ValueError, KeyError):
        return float("inf")
    return float("inf") if limit == "max" else int(limit) - used + int(cache)
