"""The project's cache folder: where it is, one writer at a time, and nothing in it that is half done.

A model is written to a staging folder and moved to its place in one step, under a lock between processes. The lock
is held as long as the staging folder is in use, so whoever gets it may remove what a killed process left behind.
"""

import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import AcquireReturnProxy, FileLock, Timeout

from lga_core.errors import LgaError
from lga_core.progress import Phase, Progress, Reporter, silent

LOCK_POLL_SECONDS = 0.2
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NO_ROOM_TEXTS = ("No space left", "Disk quota exceeded", "File too large")


def cache_home() -> Path:
    """The cache folder: LGA_HOME, else `lga` in the platform's cache folder of the user. It need not exist yet."""
    if chosen := os.environ.get("LGA_HOME"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "lga"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "lga"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lga"


def model_place(slug: str) -> Path:
    """Where the finished folder of a model lies, or will lie."""
    return cache_home() / "models" / slug


@contextmanager
def staging(slug: str) -> Iterator[Path]:
    """An empty folder to build a model in, gone afterwards. Hold the model's lock (`acquire`) around it."""
    parent = cache_home() / "staging" / slug
    shutil.rmtree(parent, ignore_errors=True)
    parent.mkdir(parents=True, exist_ok=True)
    try:
        yield Path(tempfile.mkdtemp(dir=parent))
    finally:
        shutil.rmtree(parent, ignore_errors=True)


def install(built: Path, slug: str) -> Path:
    """Move a finished folder to its place in one step; what lay there before was incomplete and goes."""
    place = model_place(slug)
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(place, ignore_errors=True)
    os.replace(built, place)
    return place


def acquire(slug: str, title: str, *, report: Reporter = silent) -> AcquireReturnProxy:
    """Wait for the model's lock, to be held by `with`; reports while another process has it."""
    folder = cache_home() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    # Whoever releases it need not be the thread that took it: the lock belongs to the object.
    lock = FileLock(folder / f"{slug}.lock", thread_local=False)
    while True:
        try:
            return lock.acquire(timeout=LOCK_POLL_SECONDS)
        except Timeout:
            detail = f"another process is fetching {title}; waiting for it"
            report(Progress(phase=Phase.FETCH, done=0, total=1, detail=detail))


def check_room(needed: int, what: str) -> None:
    """Raise LgaError when the cache's disk has less than `needed` bytes free."""
    home = cache_home()
    home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(home).free
    if free < needed:
        raise no_room(f"{what} needs {gigabytes(needed)} of disk, {gigabytes(free)} are free in {home}.")


def no_room(cause: str) -> LgaError:
    return LgaError(cause, hint="Free some space, or set LGA_HOME to a folder on a larger disk. Nothing was kept.")


def is_no_room(error: OSError) -> bool:
    return error.errno in NO_ROOM


def tells_no_room(text: str) -> bool:
    """Whether another program's message says that the disk was full."""
    return any(phrase in text for phrase in NO_ROOM_TEXTS)


def bytes_below(folder: Path) -> int:
    """Size of all files below a folder that others may be writing to."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_size
            except FileNotFoundError:  # renamed or removed since it was listed
                continue
    return total


def gigabytes(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"
