"""Weights from the Hugging Face hub, by the hub's own client into its own cache, which other tools share.

The client writes a file under a temporary name until it is whole and locks it between processes; a folder that lacks
files counts as not there (catalogue.hub_folder), and the next fetch goes on where the last one stopped.
"""

import os
import tempfile
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
from huggingface_hub.utils import filter_repo_objects

from lga_core.errors import LgaError
from lga_core.models.sources import files
from lga_core.models.sources.catalogue import HUB_FILES, HUB_NOT, HUB_PATTERNS, hub_folder
from lga_core.models.sources.entry import Hub
from lga_core.models.sources.fetching.child import ChildFailed, run_child
from lga_core.progress import Phase, Progress, Reporter, silent

ASK_SECONDS = 15.0
GATED = ("requires approval", "GatedRepo")  # the client's words, which the model's own name must not match


def download(title: str, origin: Hub, *, report: Reporter = silent) -> Path:
    """Fetch what a load needs and return the folder; reports bytes done and expected.

    Raises LgaError for a repository that is not there, gated, out of reach or without safetensors.
    """
    report(Progress(phase=Phase.FETCH, done=0, total=1, detail=f"asking the hub for {title}"))
    expected = _size(title, origin)
    blobs = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=origin.repo, repo_type="model") / "blobs"
    arguments = ["download", origin.repo, "--format", "quiet"]
    arguments += [part for pattern in HUB_FILES for part in ("--include", pattern)]
    arguments += [part for pattern in HUB_NOT for part in ("--exclude", pattern)]
    arguments += ["--revision", origin.revision] if origin.revision else []

    def look() -> None:
        done = min(files.bytes_below(blobs), expected)
        report(Progress(phase=Phase.FETCH, done=done, total=expected, detail=title))

    with tempfile.TemporaryDirectory() as scratch:
        try:
            run_child("huggingface_hub.cli.hf", arguments, log=Path(scratch) / "hub.log", look=look)
        except ChildFailed as failed:
            raise _download_failed(title, origin.repo, failed) from failed
    if (folder := hub_folder(origin)) is None:
        raise LgaError(
            f"{origin.repo} lacks a file that a model needs (configuration, weights or tokenizer).",
            hint="Choose another model, or complete it in a folder of your own and name that.",
        )
    return folder


def _size(title: str, origin: Hub) -> int:
    """Bytes of the wanted files, asked before anything is fetched."""
    try:
        info = HfApi().model_info(origin.repo, revision=origin.revision, files_metadata=True, timeout=ASK_SECONDS)
    except (GatedRepoError, RepositoryNotFoundError, HFValidationError) as error:
        raise _refused(origin.repo, error) from error
    # The client's transport raises errors of its own library, which is not ours to import.
    except Exception as error:
        raise _unreachable(title, error) from error
    siblings = info.siblings or []
    wanted = list(filter_repo_objects(siblings, **HUB_PATTERNS, key=lambda file: file.rfilename))
    if not any(file.rfilename.endswith(".safetensors") for file in wanted):
        raise LgaError(
            f"{origin.repo} has no safetensors weights on the hub, and pickled weights are not opened.",
            hint="Where you trust them, load them with transformers once, save_pretrained them and name that folder.",
        )
    return sum(file.size or 0 for file in wanted)


def _refused(repo: str, error: Exception) -> LgaError:
    if isinstance(error, GatedRepoError):
        return _gated(repo)
    return LgaError(
        f"The hub has no model {repo}, or only for those who may see it.",
        hint="Check the id (owner/name), and set HF_TOKEN for a private model.",
    )


def _gated(repo: str) -> LgaError:
    return LgaError(
        f"The hub gives {repo} only to those who accepted its terms.",
        hint=f"Accept them at {constants.ENDPOINT}/{repo}, then set HF_TOKEN.",
    )


def _unreachable(title: str, error: Exception) -> LgaError:
    if isinstance(error, OfflineModeIsEnabled) or os.environ.get("HF_HUB_OFFLINE") == "1":
        return LgaError(
            f"{title} is not on this machine, and HF_HUB_OFFLINE forbids to fetch it.",
            hint="Unset HF_HUB_OFFLINE once, or name a local model folder.",
        )
    status = error.response.status_code if isinstance(error, HfHubHTTPError) and error.response is not None else None
    answer = f"answered {status}" if status else "is out of reach"
    return LgaError(
        f"{title} could not be fetched: {constants.ENDPOINT} {answer}.",
        hint="Connect to the network once, set HF_HOME to a cache that has it, or name a local model folder.",
    )


def _download_failed(title: str, repo: str, failed: ChildFailed) -> LgaError:
    if files.tells_no_room(failed.output):
        return LgaError(
            f"The disk is full: {title} could not be fetched.",
            hint="Free some space, or set HF_HOME to a folder on a larger disk; the fetch then goes on.",
        )
    if any(words in failed.output for words in GATED):
        return _gated(repo)
    return LgaError(
        f"{title} could not be fetched from the hub: {failed.last_line}.",
        hint="Try again: the fetch goes on where it stopped. Or name a local model folder.",
    )
