"""A hub of our own on this machine: the routes by which the real client makes a repository and commits to it."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml
from huggingface_hub import constants

BASE = "tiny/base"
TOKEN = "hf_a_token_of_this_test"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class FakeHub:
    """What it holds, what it was asked for, and what it refuses."""

    url: str = ""
    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    private: dict[str, bool] = field(default_factory=dict)
    cards: dict[str, dict[str, str]] = field(default_factory=dict)  # metadata of models that are there
    refuses: dict[str, int] = field(default_factory=dict)  # part of a path -> the status that it gets
    asked: list[str] = field(default_factory=list)
    held: dict[str, threading.Event] = field(default_factory=dict)  # part of a path -> it is answered after that
    breaks: set[str] = field(default_factory=set)  # parts of paths whose answer never arrives
    large: dict[str, bytes] = field(default_factory=dict)  # uploaded by their hash

    @property
    def environment(self) -> dict[str, str]:
        """For a process that is to find it. Uploads go by LFS: Xet's store is no plain HTTP."""
        return {
            "HF_ENDPOINT": self.url,
            "HF_TOKEN": TOKEN,
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_XET": "1",
            "LGA_OFFLINE": "0",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }


@contextmanager
def serving() -> Iterator[FakeHub]:
    """A hub as long as the block lasts."""
    hub = FakeHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def found(patch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub that this process and its children find, with one base model."""
    with serving() as hub:
        for name, value in hub.environment.items():
            patch.setenv(name, value)
        patch.setattr(constants, "ENDPOINT", hub.url)
        patch.setattr(constants, "HF_HUB_OFFLINE", False)
        hub.cards[BASE] = {"license": "apache-2.0"}
        yield hub


class _Handler(BaseHTTPRequestHandler):
    hub: FakeHub

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    do_PUT = do_POST

    def _answer(self, body: bytes) -> None:
        path = self.path.partition("?")[0].strip("/")
        self.hub.asked.append(f"{self.command} {path}")
        if path.startswith("lfs/"):
            name = path.removeprefix("lfs/")
            assert hashlib.sha256(body).hexdigest() == name
            self.hub.large[name] = body
            return self._send(200, {})
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            return self._send(401, {}, {"X-Error-Message": "Invalid credentials in Authorization header"})
        for part, status in self.hub.refuses.items():
            if part in path:
                return self._send(status, {"error": "refused by the test"})
        for part, event in self.hub.held.items():
            if part in path:
                event.wait(30)
        if path == "api/validate-yaml":
            yaml.safe_load(json.loads(body)["content"].split("---")[1])
            return self._send(200, {"errors": [], "warnings": []})
        if path == "api/repos/create":
            return self._create(json.loads(body))
        return self._of_repository(path, body)

    def _create(self, asked: dict) -> None:
        name = f"{asked['organization']}/{asked['name']}"
        self.hub.repositories[name] = {".gitattributes": b""}
        self.hub.private[name] = asked.get("visibility") == "private"
        self._send(200, {"url": f"{self.hub.url}/{name}"})

    def _of_repository(self, path: str, body: bytes) -> None:
        known = {**self.hub.cards, **self.hub.repositories}
        name = next((name for name in known if path.startswith((f"api/models/{name}", f"{name}.git"))), None)
        if name is None:
            return self._send(404, {}, {"X-Error-Code": "RepoNotFound"})
        if path == f"api/models/{name}":
            files = [{"rfilename": file} for file in self.hub.repositories.get(name, {})]
            info = {"id": name, "sha": COMMIT, "private": self.hub.private.get(name, False), "siblings": files}
            return self._send(200, info | {"tags": [], "cardData": self.hub.cards.get(name, {})})
        if "/preupload/" in path:
            files = [file["path"] for file in json.loads(body)["files"]]
            modes = {file: "lfs" if file.endswith(".safetensors") else "regular" for file in files}
            told = [{"path": file, "uploadMode": mode, "shouldIgnore": False} for file, mode in modes.items()]
            return self._send(200, {"files": told})
        if path.endswith(".git/info/lfs/objects/batch"):
            wanted = json.loads(body)["objects"]
            actions = [{"upload": {"href": f"{self.hub.url}/lfs/{item['oid']}"}} for item in wanted]
            objects = [{**item, "actions": action} for item, action in zip(wanted, actions, strict=True)]
            return self._send(200, {"transfer": "basic", "objects": objects})
        assert path == f"api/models/{name}/commit/main", path
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                self.hub.repositories[name][value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                self.hub.repositories[name][value["path"]] = self.hub.large[value["oid"]]
        self._send(200, {"commitUrl": f"{self.hub.url}/{name}/commit/{COMMIT}", "commitOid": COMMIT})

    def _send(self, status: int, content: dict, headers: dict[str, str] | None = None) -> None:
        if any(part in self.path for part in self.hub.breaks):
            self.close_connection = True
            return
        data = json.dumps(content).encode()
        self.send_response(status)
        for key, value in {"Content-Type": "application/json", "Content-Length": len(data), **(headers or {})}.items():
            self.send_header(key, str(value))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        """Nothing: a test's output is not the place."""
