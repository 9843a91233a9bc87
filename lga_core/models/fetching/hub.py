"""Weights from the Hugging Face hub, by the hub's own client into its own cache, which other tools share.

The client writes a file under a temporary name until it is whole and locks it between processes; a folder that lacks
files counts as not there (catalogue.local_folder), and the next fetch goes on where the last one stopped.
"""

import fnmatch
import os
import tempfile
from collections.abc import Generator
from pathlib import Path

from huggingface_hub import HfApi, constants
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from huggingface_hub.file_download import repo_folder_name

from lga_core.errors import LgaError
from lga_core.models import files
from lga_core.models.catalogue import HUB_FILES, HUB_NOT, Hub, ModelEntry, local_folder
from lga_core.models.fetching.child import ChildFailed, watch
from lga_core.results import Progress

ASK_SECONDS = 15.0
GATED = ("requires approval", "GatedRepo")       # the client's words, which the model's own name must not match


def download(entry: ModelEntry) -> Generator[Progress, None, Path]:
    """Fetch what a load needs and return the folder; yields bytes done and expected.

    Raises LgaError for a repository that is not there, gated, out of reach or without safetensors.
    """
    origin: Hub = entry.origin
    yield Progress(label=f"Asking the hub for {entry.title}", done=0, total=1)
    expected = _size(entry)
    blobs = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=origin.repo, repo_type="model") / "blobs"
    arguments = ["download", origin.repo, "--format", "quiet"]
    arguments += [part for pattern in HUB_FILES for part in ("--include", pattern)]
    arguments += [part for pattern in HUB_NOT for part in ("--exclude", pattern)]
    arguments += ["--revision", origin.revision] if origin.revision else []
    label = f"Fetching {entry.title}"
    with tempfile.TemporaryDirectory() as scratch:
        watched = watch("huggingface_hub.cli.hf", arguments, log=Path(scratch) / "hub.log",
                        measure=lambda: files.bytes_below(blobs))
        try:
            for size in watched:
                yield Progress(label=label, done=min(size, expected), total=expected)
        except ChildFailed as failed:
            raise _download_failed(entry, failed) from failed
    if (folder := local_folder(entry)) is None:
        raise LgaError(f"{origin.repo} lacks a file that a model needs (configuration, weights or tokenizer).",
                       mend="Choose another model, or complete it in a folder of your own and name that.")
    return folder


def _size(entry: ModelEntry) -> int:
    """Bytes of the wanted files, asked before anything is fetched."""
    origin: Hub = entry.origin
    try:
        info = HfApi().model_info(origin.repo, revision=origin.revision, files_metadata=True, timeout=ASK_SECONDS)
    except (GatedRepoError, RepositoryNotFoundError, HFValidationError) as error:
        raise _refused(entry, error) from error
    # The client's transport raises errors of its own library, which is not ours to import.
    except Exception as error:
        raise _unreachable(entry, error) from error
    wanted = [file for file in info.siblings or [] if _is_wanted(file.rfilename)]
    if not any(file.rfilename.endswith(".safetensors") for file in wanted):
        raise LgaError(
            f"{origin.repo} has no safetensors weights on the hub, and pickled weights are not opened.",
            mend="Where you trust them, load them with transformers once, save_pretrained them and name that folder.",
        )
    return sum(file.size or 0 for file in wanted)


def _is_wanted(name: str) -> bool:
    return "/" not in name and any(fnmatch.fnmatch(name, pattern) for pattern in HUB_FILES)


def _refused(entry: ModelEntry, error: Exception) -> LgaError:
    repo = entry.origin.repo
    if isinstance(error, GatedRepoError):
        return _gated(entry)
    return LgaError(f"The hub has no model {repo}, or only for those who may see it.",
                    mend="Check the id (owner/name), and set HF_TOKEN for a private model.")


def _gated(entry: ModelEntry) -> LgaError:
    return LgaError(f"The hub gives {entry.origin.repo} only to those who accepted its terms.",
                    mend=f"Accept them at {constants.ENDPOINT}/{entry.origin.repo}, then set HF_TOKEN.")


def _unreachable(entry: ModelEntry, error: Exception) -> LgaError:
    if isinstance(error, OfflineModeIsEnabled) or os.environ.get("HF_HUB_OFFLINE") == "1":
        return LgaError(f"{entry.title} is not on this machine, and HF_HUB_OFFLINE forbids to fetch it.",
                        mend="Unset HF_HUB_OFFLINE once, or name a local model folder.")
    status = error.response.status_code if isinstance(error, HfHubHTTPError) and error.response is not None else None
    told = f"answered {status}" if status else "is out of reach"
    return LgaError(f"{entry.title} could not be fetched: {constants.ENDPOINT} {told}.",
                    mend="Connect to the network once, set HF_HOME to a cache that has it, "
                         "or name a local model folder.")


def _download_failed(entry: ModelEntry, failed: ChildFailed) -> LgaError:
    if files.tells_no_room(failed.output):
        return LgaError(f"The disk is full: {entry.title} could not be fetched.",
                        mend="Free some space, or set HF_HOME to a folder on a larger disk; the fetch then goes on.")
    if any(words in failed.output for words in GATED):
        return _gated(entry)
    return LgaError(f"{entry.title} could not be fetched from the hub: {failed.last_line}.",
                    mend="Try again: the fetch goes on where it stopped. Or name a local model folder.")
