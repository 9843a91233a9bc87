"""Data sets by name, through the `datasets` library: of the Hugging Face hub, or a folder of files on this machine.

`dataset_id` says how they are named. No code of a data set is ever run.
"""

import os
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from lga_core.data.sources.commits import remembered_commit
from lga_core.data.sources.dataset_id import PREFIX, DatasetId
from lga_core.data.sources.parsing import SUFFIXES, check_readable, check_size, check_suffix, parse_records
from lga_core.errors import LgaError

SMALLER = "Name a smaller configuration or one file of it."
MAX_FILES = 10_000  # below a folder of this machine
ASK_SECONDS = 15.0
_COMMIT = re.compile(r"[0-9a-f]{40}")


def read_rows(dataset: DatasetId) -> list[Any]:
    """The rows, or the file's records. Raises LgaError for what is not there, out of reach, too large or unreadable."""
    if dataset.folder is not None:
        check_small(dataset.folder)
        return _rows(dataset, str(dataset.folder))
    # Without a network, what was loaded before is still in the library's cache.
    sizes = {} if _offline() else _sizes(dataset)
    if dataset.file is None:
        return _rows(dataset, dataset.repo, sizes)
    check_suffix(dataset.name, Path(dataset.file).suffix)
    if sizes and dataset.file not in sizes:
        raise LgaError(f"{dataset.repo} has no file {dataset.file}.", hint=_file_names(dataset, sizes))
    check_size(dataset.name, sizes.get(dataset.file, 0), SMALLER)
    return _file(dataset)


def stream_rows(dataset: DatasetId) -> Generator[Mapping[str, Any], None, None]:
    """The rows one after another, never all of them in memory and of any size. Raises LgaError as `read_rows` does."""
    import datasets

    if dataset.file is not None:
        raise LgaError(
            f"{dataset.name} is one file of a repository, which cannot be read row by row.",
            hint="Name the data set as hub:owner/name:config:split, or download the file and name that.",
        )
    online = dataset.folder is None and not _offline()
    if online:
        _info(dataset)  # says at once what is wrong with the name or the network
    # The commit that `commit` names, also where the data set has moved on: what is kept of its text is called by it.
    revision = commit(dataset) if online else dataset.revision
    if dataset.folder is not None:
        check_small(dataset.folder)
    path = str(dataset.folder or dataset.repo)
    saved = _is_saved(dataset)
    try:
        with _no_bars():
            # Without a network, what was loaded before is read from the library's cache, a page at a time.
            loaded = (
                datasets.load_from_disk(path)
                if saved
                else datasets.load_dataset(
                    path, name=dataset.config, revision=revision, streaming=online or dataset.folder is not None
                )
            )
            rows = iter(_one_split(dataset, loaded))
        while (row := next(rows, None)) is not None:
            yield row
    except LgaError:
        raise
    # As in `_rows`: here while the rows are read too.
    except Exception as error:
        raise _failed(dataset, error) from error


def commit(dataset: DatasetId) -> str | None:
    """The commit that a hub data set's name stands for now, or stood for a few minutes ago.

    A name with a commit needs no network; offline, what else the name says (a branch, a tag, None) has to do.
    """
    named = _COMMIT.fullmatch(dataset.revision or "")
    if named or _offline():
        return dataset.revision
    return remembered_commit(dataset.repo, dataset.revision, lambda: _info(dataset).sha)


def _offline() -> bool:
    from huggingface_hub import constants  # late, as in all of this file: the first view needs none of it

    return constants.HF_HUB_OFFLINE


def _sizes(dataset: DatasetId) -> dict[str, int]:
    """The repository's files with their bytes."""
    return {file.rfilename: file.size or 0 for file in _info(dataset).siblings or []}


def _info(dataset: DatasetId) -> Any:
    """What the hub says of a repository: asked first, since loading tries an absent network many times."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    try:
        return HfApi().dataset_info(dataset.repo, revision=dataset.revision, timeout=ASK_SECONDS, files_metadata=True)
    except RevisionNotFoundError as error:
        raise LgaError(
            f"{dataset.repo} has no revision {dataset.revision}.",
            hint="Name a branch, a tag or a commit of it, or none.",
        ) from error
    except RepositoryNotFoundError as error:  # a gated one that may not be seen is among them
        raise LgaError(
            f"The hub has no data set {dataset.repo}, or only for those who may see it.",
            hint="Check the name (owner/name), and set HF_TOKEN for a private or gated one.",
        ) from error
    # The client's transport raises errors of its own library, which is not ours to import.
    except Exception as error:
        raise LgaError(
            f"{dataset.repo} could not be read: the hub is out of reach.",
            hint="Connect to the network, set HF_HUB_OFFLINE=1 where it was loaded before, "
            "or download its file and name that.",
        ) from error


def _file(dataset: DatasetId) -> list[Any]:
    from huggingface_hub import hf_hub_download

    try:
        path = Path(hf_hub_download(dataset.repo, dataset.file, repo_type="dataset", revision=dataset.revision))
    except Exception as error:
        raise _failed(dataset, error) from error
    check_readable(dataset.name, path.suffix, path.stat().st_size)
    return parse_records(path.name, path.read_bytes(), path.suffix)


def _rows(dataset: DatasetId, path: str, sizes: Mapping[str, int] | None = None) -> list[Any]:
    import datasets

    saved = _is_saved(dataset)
    try:
        with _no_bars():
            if saved:
                loaded = datasets.load_from_disk(path)
            else:
                builder = datasets.load_dataset_builder(path, name=dataset.config, revision=dataset.revision)
                files = [str(file) for files in (builder.config.data_files or {}).values() for file in files]
                check_size(dataset.name, _wanted_bytes(dataset, files, sizes or {}), SMALLER)
                _check_all_are_read(dataset, files)
                loaded = datasets.load_dataset(path, name=dataset.config, revision=dataset.revision)
            split = _one_split(dataset, loaded)
            if saved:  # which is not read before it is a list
                check_size(dataset.name, split.data.nbytes, SMALLER)
            return split.to_list()
    except LgaError:
        raise
    # Files of any format are parsed here, each by a library with errors of its own.
    except Exception as error:
        raise _failed(dataset, error) from error


def check_small(folder: Path) -> None:
    """Raise LgaError for a folder that nobody means, as "/": the library would look through all that is below it."""
    names = (name for _parent, folders, files in os.walk(folder) for name in (*folders, *files))
    if next(islice(names, MAX_FILES, None), None) is not None:
        raise LgaError(
            f"{folder} holds more than {MAX_FILES:,} files and folders.", hint="Name the folder of the data set itself."
        )


def _is_saved(dataset: DatasetId) -> bool:
    """Whether it is a folder that `datasets` saved. Raises LgaError where a configuration is asked of such a one."""
    if dataset.folder is None or not any(
        (dataset.folder / name).is_file() for name in ("state.json", "dataset_dict.json")
    ):
        return False
    if dataset.config is not None:
        raise LgaError(
            f"{dataset.name}: a saved folder has no configuration {dataset.config}.",
            hint="Leave it out: FOLDER::SPLIT.",
        )
    return True


def _wanted_bytes(dataset: DatasetId, files: Sequence[str], sizes: Mapping[str, int]) -> int:
    """Bytes of the files that a configuration reads; of the hub those whose sizes are known."""
    if dataset.folder is not None:
        return sum(os.path.getsize(file) for file in files if os.path.isfile(file))
    return sum(size for name, size in sizes.items() if any(file.endswith(f"/{name}") for file in files))


def _check_all_are_read(dataset: DatasetId, files: Sequence[str]) -> None:
    """Where one file of a folder is called train, the library passes over those without such a name.

    Files below a name that begins with "." or "__" are never data to the library.
    """
    if dataset.folder is None or dataset.config is not None:
        return
    read = {os.path.realpath(file) for file in files}
    passed_over = [
        str(path.relative_to(dataset.folder))
        for path in sorted(dataset.folder.rglob("*"))
        if path.suffix.lower() in SUFFIXES and path.is_file() and os.path.realpath(path) not in read
        if not any(part.startswith((".", "__")) for part in path.relative_to(dataset.folder).parts)
    ]
    if passed_over:
        raise LgaError(
            f"Of the folder {dataset.name} only {', '.join(sorted(map(os.path.basename, read)))} would be "
            f"read, by the names of its files, and not {', '.join(passed_over)}.",
            hint="Name one of the files, or a folder that holds only what belongs together.",
        )


def _one_split(dataset: DatasetId, loaded: Any) -> Any:
    """The split asked for, or the only one."""
    splits = loaded if isinstance(loaded, Mapping) else {str(getattr(loaded, "split", None) or "all"): loaded}
    if dataset.split is None and len(splits) == 1:
        return next(iter(splits.values()))
    if dataset.split in splits:
        return splits[dataset.split]
    start = f"{PREFIX}{dataset.repo}" if dataset.folder is None else str(dataset.folder)
    names = ", ".join(f"{start}:{dataset.config or ''}:{name}" for name in splits)
    if dataset.split is None:
        raise LgaError(f"{dataset.name} has {len(splits)} splits.", hint=f"Name one: {names}.")
    raise LgaError(f"{dataset.name} has no split {dataset.split}.", hint=f"Name one that it has: {names}.")


def _file_names(dataset: DatasetId, sizes: Mapping[str, int]) -> str:
    likely = [name for name in sizes if name.endswith(SUFFIXES)]
    return f"Name one of: {', '.join(likely[:12])}." if likely else f"Name the data set alone: {PREFIX}{dataset.repo}."


def _failed(dataset: DatasetId, error: Exception) -> LgaError:
    words = (str(error).strip().splitlines() or [type(error).__name__])[0][:300].rstrip(".")
    if dataset.folder is not None:
        return LgaError(
            f"The folder {dataset.name} could not be read as a data set: {words}.",
            hint="Name a folder with data files, or one .json, .jsonl or .csv file.",
        )
    return LgaError(
        f"{dataset.name} could not be read as a data set: {words}.",
        hint="Name a configuration and a split that it has, or one file of it.",
    )


@contextmanager
def _no_bars() -> Iterator[None]:
    """The library's progress bars, which are a setting of the whole process, off for a while."""
    from datasets.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    were_off = are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    finally:
        if not were_off:
            enable_progress_bars()
