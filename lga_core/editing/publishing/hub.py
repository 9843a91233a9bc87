"""Put a parcel into a repository of the hub, by the hub's own client in a process of its own, which can be stopped.

The token is the client's business: HF_TOKEN or a login. It is never taken, kept or shown here.
"""

import json
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from time import monotonic

from huggingface_hub import constants, get_token

from lga_core.editing.publishing.base import KEPT, check_name, check_online
from lga_core.errors import LgaError
from lga_core.models.sources.fetching.child import ChildFailed, own_modules, run_child
from lga_core.progress import Cancelled, Phase, Progress, Reporter, silent
from lga_core.results import PublishedEdits

WORKER = "lga_core.editing.publishing.upload"
ANSWER_SECONDS = 60.0  # how long the hub's answer to a commit is waited for after a cancel
LOGIN = "Log in once with `hf auth login`, or set HF_TOKEN to a token that may write."


def check_ready(repository: str) -> None:
    """Raise LgaError where nothing can be published: a wrong name, offline by choice, or no token."""
    check_name(repository)
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

    Reports a few times a second; a reporter that raises stops it, and nothing is published. A cancel that comes once
    the commit is sent is too late: the hub's answer is waited for, and decides what is returned or raised. Raises
    LgaError for whatever the hub refuses, and where no answer to a sent commit comes.
    """
    check_ready(repository)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "files"
        answer_file = Path(scratch) / "answer.json"
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        committing = Path(scratch) / "committing"  # is there once the commit may have been sent
        how = {
            "repository": repository,
            "folder": str(folder),
            "committing": str(committing),
            "private": private,
            "update": update,
        }
        look = _cancelled_in_time(report, repository, committing)
        env = {**own_modules(), "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        try:
            run_child(WORKER, [json.dumps(how), str(answer_file)], log=Path(scratch) / "hub.log", look=look, env=env)
        except (Cancelled, KeyboardInterrupt):
            if committing.exists():
                raise _unanswered(repository, "it was stopped meanwhile") from None
            raise
        except ChildFailed as failed:
            if committing.exists():
                raise _unanswered(repository, failed.last_line) from failed
            raise LgaError(
                f"{repository} could not be published to {constants.ENDPOINT}: {failed.last_line}.",
                hint=f"Check the network and HF_ENDPOINT, then publish again. {KEPT}",
            ) from failed
        answer = json.loads(answer_file.read_text(encoding="utf-8"))
    if "url" not in answer:
        raise _refused(repository, answer.get("refused"), answer.get("status"), str(answer.get("said", "")))
    with suppress(Cancelled):  # it is published
        report(Progress(phase=Phase.PUBLISH, done=1, total=1, detail=repository))
    return PublishedEdits(repository=repository, url=answer["url"], files=tuple(files))


def _cancelled_in_time(report: Reporter, repository: str, committing: Path) -> Callable[[], None]:
    """Reports; passes a cancel on while nothing is committed, or where the hub's answer does not come for long."""
    until: float | None = None

    def look() -> None:
        nonlocal until
        try:
            report(Progress(phase=Phase.PUBLISH, done=0, total=1, detail=repository))
        except Cancelled:
            if not committing.exists():
                raise
            until = until or monotonic() + ANSWER_SECONDS
            if monotonic() >= until:
                raise

    return look


def _unanswered(repository: str, why: str) -> LgaError:
    return LgaError(
        f"Whether {repository} was published is not known: the commit was sent, and no answer came: {why}.",
        hint=f"Look at {constants.ENDPOINT}/{repository} before you publish again. {KEPT}",
    )


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
