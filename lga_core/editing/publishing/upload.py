"""The process that talks to the hub: `python -m lga_core.editing.publishing.upload HOW ANSWER`, both as JSON."""

import json
import sys
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

ASK_SECONDS = 15.0
OF_THE_HUB = {".gitattributes"}  # in a repository that is otherwise empty
MESSAGE = "Edits, with the facts that they write"


def upload(repository: str, folder: str, *, private: bool, update: bool) -> dict[str, Any]:
    """The commit's address, or why the hub or we refused. Other errors end the process."""
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
        return {"url": hub.upload_folder(repo_id=repository, folder_path=folder, commit_message=MESSAGE).commit_url}
    except HfHubHTTPError as error:
        if error.response is None:
            raise
        return {"status": error.response.status_code, "said": error.server_message}


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    answer = upload(asked["repository"], asked["folder"], private=asked["private"], update=asked["update"])
    Path(sys.argv[2]).write_text(json.dumps(answer), encoding="utf-8")
