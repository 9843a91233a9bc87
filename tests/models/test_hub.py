"""Models of the hub: the real client against a hub of our own on this machine."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from models.conftest import start_fetch

from lga_core.models.sources.entry import Hub, ModelEntry

COMMIT = "0123456789abcdef0123456789abcdef01234567"
UNWANTED = {"pytorch_model.bin": b"a pickle", "onnx/model.safetensors": b"another form", "README.md": b"words"}


class _FakeHub(BaseHTTPRequestHandler):
    """The four requests that a download makes: model info, tree, HEAD and GET of a file."""

    def __init__(self, repos: dict[str, dict[str, bytes]], asked: list[str], *args: object) -> None:
        self.repos, self.asked = repos, asked
        super().__init__(*args)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].strip("/")
        self.asked.append(f"{self.command} {path}")
        repo = next((repo for repo in self.repos if f"{repo}/" in f"{path}/"), None)
        if repo is None:
            return self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        if repo == "gated/model" and "/resolve/" in path:
            return self._send(403, b"{}", {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted"})
        if repo == "closed/model" and "/resolve/" in path and "Authorization" not in self.headers:
            return self._send(401, b"{}", {"X-Error-Code": "GatedRepo", "X-Error-Message": "Please log in"})
        files = self.repos[repo]
        if path.startswith(f"api/models/{repo}/tree"):
            entries = [
                {"type": "file", "path": name, "size": len(content), "oid": etag(content)}
                for name, content in files.items()
            ]
            return self._send(200, json.dumps(entries).encode(), {"Content-Type": "application/json"})
        if path.startswith("api/models/"):
            siblings = [{"rfilename": name, "size": len(content)} for name, content in files.items()]
            info = {"id": repo, "modelId": repo, "sha": COMMIT, "siblings": siblings, "private": False, "tags": []}
            return self._send(200, json.dumps(info).encode(), {"Content-Type": "application/json"})
        content = files[path.split(f"/resolve/{COMMIT}/")[-1]]
        return self._send(200, content, {"ETag": f'"{etag(content)}"', "X-Repo-Commit": COMMIT})

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        """Nothing: a test's output is not the place."""


def etag(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()


@pytest.fixture
def asked() -> list[str]:
    """What the hub was asked for."""
    return []


@pytest.fixture
def hub(tiny_folder: Path, home: Path, tmp_path: Path, asked: list[str]) -> Iterator[dict[str, str]]:
    """A hub with a good, a gated and a pickle-only model; the environment that leads to it."""
    good = {path.name: path.read_bytes() for path in tiny_folder.iterdir() if not path.name.startswith(".")} | UNWANTED
    pickled = {name: content for name, content in good.items() if not name.endswith("model.safetensors")}
    wordless = {name: content for name, content in good.items() if not name.startswith("tokenizer")}
    repos = {
        "tiny/model": good,
        "gated/model": good,
        "closed/model": good,
        "pickled/model": pickled,
        "wordless/model": wordless,
    }
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_FakeHub, repos, asked))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield {
        "HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
        "HF_HOME": str(tmp_path / "hub"),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
    server.shutdown()
    server.server_close()
    thread.join()


def entry(repo: str) -> ModelEntry:
    return ModelEntry(id=repo, title="Tiny", origin=Hub(repo=repo))


def outcome(repo: str, env: dict[str, str]) -> str:
    output, errors = start_fetch(entry(repo), **env).communicate()
    assert output, errors
    return output.splitlines()[-1]


def test_a_hub_model_is_fetched_once_with_what_a_load_needs(hub: dict[str, str], asked: list[str], tiny_folder: Path):
    last = outcome("tiny/model", hub)
    assert last.startswith("folder "), last
    folder = Path(last.removeprefix("folder "))
    assert (folder / "model.safetensors").read_bytes() == (tiny_folder / "model.safetensors").read_bytes()
    assert {"config.json", "tokenizer.json"} <= {path.name for path in folder.iterdir()}
    assert not any((folder / name).exists() for name in UNWANTED)

    load = "from lga_core.models.loading import load; print(load('tiny/model', device='cpu').layers)"
    before = len(asked)
    loaded = subprocess.run(
        [sys.executable, "-c", load],
        env={**os.environ, **hub, "LGA_OFFLINE": "1"},
        text=True,
        capture_output=True,
        cwd=Path(__file__).parents[2],
    )
    assert loaded.stdout.strip() == "4", loaded.stderr
    assert len(asked) == before, "what is there is not asked for again"


def test_a_hub_folder_that_lacks_a_file_is_fetched_again(hub: dict[str, str]):
    folder = Path(outcome("tiny/model", hub).removeprefix("folder "))
    (folder / "model.safetensors").unlink()
    assert outcome("tiny/model", hub) == f"folder {folder}" and (folder / "model.safetensors").exists()


@pytest.mark.parametrize(
    "repo, cause, hint",
    [
        ("wordless/model", "lacks a file that a model needs", "Choose another"),
        ("pickled/model", "has no safetensors weights", "save_pretrained"),
        ("gated/model", "only to those who accepted its terms", "HF_TOKEN"),
        ("closed/model", "only to those who accepted its terms", "HF_TOKEN"),
        ("nobody/nothing", "has no model nobody/nothing", "Check the id"),
    ],
)
def test_what_the_hub_refuses_is_one_error(hub: dict[str, str], repo: str, cause: str, hint: str):
    message = outcome(repo, hub)
    assert message.startswith("error ") and cause in message and hint in message


def test_a_token_opens_what_is_gated(hub: dict[str, str]):
    assert outcome("closed/model", hub | {"HF_TOKEN": "hf_a_token_of_this_test"}).startswith("folder ")


@pytest.mark.parametrize(
    "env, cause",
    [
        ({"HF_ENDPOINT": "http://127.0.0.1:9"}, "is out of reach"),
        ({"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE forbids"),
        ({"LGA_OFFLINE": "1"}, "LGA_OFFLINE=1 forbids"),
    ],
)
def test_no_way_to_the_hub_names_the_way_out(hub: dict[str, str], env: dict[str, str], cause: str):
    message = outcome("tiny/model", hub | env)
    assert message.startswith("error ") and cause in message and "local model folder" in message
