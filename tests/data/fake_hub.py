"""A hub of data sets, for the real client to ask."""

import json
from http.server import BaseHTTPRequestHandler
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class FakeHub(BaseHTTPRequestHandler):
    """What the client asks of a hub about data sets: information, the tree, HEAD and GET of a file."""

    def __init__(self, repos: dict[str, dict[str, bytes]], *args: Any) -> None:
        self.repos = repos
        super().__init__(*args)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        wanted = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._answer(lambda files: [self._entry(name, files[name]) for name in files if name in wanted])

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].strip("/")
        if not path.startswith("api/"):
            return self._file(path)
        if "/tree/" in path:
            below = path.partition("/tree/")[2].partition("/")[2]
            return self._answer(
                lambda files: [self._entry(name, files[name]) for name in files if name.startswith(below)]
            )
        return self._answer(
            lambda files: {
                "id": "tiny/facts",
                "sha": path.partition("/revision/")[2] if len(path.rpartition("/")[2]) == 40 else COMMIT,
                "private": False,
                "tags": [],
                "siblings": [{"rfilename": name, "size": self._size(name, files)} for name in files],
            }
        )

    def _answer(self, answer: Any) -> None:
        repo = next((files for name, files in self.repos.items() if f"/{name}" in self.path), None)
        if repo is None:
            return self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        if "unknown-revision" in self.path:
            return self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        return self._send(200, json.dumps(answer(repo)).encode(), {"Content-Type": "application/json"})

    def _file(self, path: str) -> None:
        repo, _, rest = path.removeprefix("datasets/").partition("/resolve/")
        content = self.repos.get(repo, {}).get(rest.partition("/")[2])
        if content is None:
            return self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
        return self._send(200, content, {"ETag": f'"{len(content)}"', "X-Repo-Commit": COMMIT})

    @staticmethod
    def _entry(name: str, content: bytes) -> dict[str, Any]:
        return {"type": "file", "path": name, "size": len(content), "oid": str(len(content))}

    @staticmethod
    def _size(name: str, files: dict[str, bytes]) -> int:
        return 10**9 if name.startswith("huge") else len(files[name])

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        """Nothing: a test's output is not the place."""
