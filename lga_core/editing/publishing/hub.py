"""Put a parcel into a repository of the hub, by the hub's own client in a process of its own, which can be stopped.

The token is the client's business: HF_TOKEN or a login. It is never taken, kept or shown here.
"""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from huggingface_hub import constants, get_token

from lga_core.editing.publishing.base import KEPT, check_online
from lga_core.errors import LgaError
from lga_core.models.sources.catalogue import HUB_ID
from lga_core.models.sources.fetching.child import ChildFailed, own_modules, run_child
from lga_core.progress import Phase, Progress, Reporter, silent
from lga_core.results import PublishedEdits

WORKER = "lga_core.editing.publishing.upload"
LOGIN = "Log in once with `hf auth login`, or set HF_TOKEN to a token that may write."


def check_ready(repository: str) -> None:
    """Raise LgaError where nothing can be published: a wrong name, offline by choice, or no token."""
    if not HUB_ID.fullmatch(repository):
        raise LgaError(f"{repository[:80]!r} is no repository's name.", hint="Write it as OWNER/NAME.")
    check_online("publish")
    if get_token() is None:
        raise LgaError("The hub's client has no token, and publishing needs one.", hint=LOGIN)


def publish(
    files: Mapping[str, bytes],
    repository: str,
    *,
    private: bool = False,
    update: bool = False,
    report: Reporter = silent,
) -> PublishedEdits:
    """One commit with these files. `private`: a new repository is; `update`: one that holds files may be written to.

    Reports a few times a second; a reporter that raises stops it. Raises LgaError for whatever the hub refuses.
    """
    check_ready(repository)

    def look() -> None:
        report(Progress(phase=Phase.PUBLISH, done=0, total=1, detail=repository))

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "files"
        answer_file = Path(scratch) / "answer.json"
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        how = {"repository": repository, "folder": str(folder), "private": private, "update": update}
        env = {**own_modules(), "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        try:
            run_child(WORKER, [json.dumps(how), str(answer_file)], log=Path(scratch) / "hub.log", look=look, env=env)
        except ChildFailed as failed:
            raise LgaError(
                f"{repository} could not be published to {constants.ENDPOINT}: {failed.last_line}.",
                hint=f"Check the network and HF_ENDPOINT, then publish again. {KEPT}",
            ) from failed
        answer = json.loads(answer_file.read_text(encoding="utf-8"))
    report(Progress(phase=Phase.PUBLISH, done=1, total=1, detail=repository))
    if "url" not in answer:
        raise _refused(repository, answer.get("refused"), answer.get("status"), str(answer.get("said", "")))
    return PublishedEdits(repository=repository, url=answer["url"], files=tuple(files))


def _refused(repository: str, why: str | None, status: int | None, said: str) -> LgaError:
    owner = repository.partition("/")[0]
    if why == "taken":
        return LgaError(
            f"{repository} holds files already.",
            hint="Name another repository, or allow to update it (--update, on the page Update).",
        )
    if why == "public":
        return LgaError(
            f"{repository} is there and public; --private makes new repositories private only.",
            hint="Make it private on the hub first, or name another repository.",
        )
    if status == 401:
        return LgaError("The hub does not accept the token (401).", hint=f"{LOGIN} {KEPT}")
    if status == 403:
        return LgaError(
            f"The token may not write to {repository} (403).",
            hint=f"Use a token with write access to what {owner} has, or name a repository of your own. {KEPT}",
        )
    if status == 404:
        return LgaError(
            f"The hub has no {owner} or no {repository} that this token may see (404).",
            hint=f"Check OWNER/NAME, and that the token belongs to a member of {owner}. {KEPT}",
        )
    words = f": {said[:200]}" if said else ""
    return LgaError(f"{constants.ENDPOINT} refused {repository} with {status}{words}.", hint=f"Try again later. {KEPT}")
