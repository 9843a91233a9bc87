"""The process that talks to the hub: `python -m lga_core.editing.publishing.upload HOW ANSWER`, both as JSON.

Whoever started it may end it at any time. Before the commit is sent it makes the file `committing`: from then on the
hub may have the commit even where its answer does not arrive.
"""

import json
import signal
import sys
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

ASK_SECONDS = 15.0
OF_THE_HUB = {".gitattributes"}  # in a repository that is otherwise empty
MESSAGE = "Edits, with the facts that they write"


def upload(repository: str, folder: str, committing: str, *, private: bool, update: bool) -> dict[str, Any]:
    """The address of the one commit, or why the hub or we refused. Other errors end the process."""
    hub = HfApi()
    try:
        try:
            there = hub.model_info(repository, timeout=ASK_SECONDS)
        except RepositoryNotFoundError:
            hub.create_repo(repository, private=private or None)
        else:
            if not update and {file.rfilename for file in there.siblings or []} - OF_THE_HUB:
                return {"refused": "taken"}
            if private and not there.private:
                return {"refused": "public"}
        files = [CommitOperationAdd(path_in_repo=file.name, path_or_fileobj=file) for file in Path(folder).iterdir()]
        hub.preupload_lfs_files(repository, files, free_memory=False)  # what is large: it shows only with the commit
        Path(committing).touch()
        return {"url": hub.create_commit(repository, files, commit_message=MESSAGE).commit_url}
    except HfHubHTTPError as error:
        if error.response is None:
            raise
        return {"status": error.response.status_code, "said": error.server_message}


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the terminal is for the parent, which knows what to tell
    answer = upload(**json.loads(sys.argv[1]))
    Path(sys.argv[2]).write_text(json.dumps(answer), encoding="utf-8")
