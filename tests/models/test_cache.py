"""The cache folder: what it holds, its cap, and that only what can be worked out again is removed."""

import os
import resource
import time
from dataclasses import dataclass
from functools import partial

import pytest
import torch
from safetensors.torch import load_file, save_file

from lga_core.errors import LgaError
from lga_core.models.sources import cache
from lga_core.models.sources.derived import derived_path, keep, kept
from lga_core.models.sources.files import bytes_below

KB = 1000


@dataclass(frozen=True)
class Model:
    fingerprint: str = "f" * 64
    machine: str = "cpu"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LGA_HOME", str(tmp_path))
    monkeypatch.delenv(cache.VARIABLE, raising=False)
    return tmp_path


def put(home, name, size, hours_ago):
    path = home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    then = time.time() - hours_ago * 3600
    os.utime(path, (then, then))
    return path


@pytest.fixture
def full(home):
    """What each part holds, and how long ago it was used."""
    return {
        "model": put(home, "models/tiny/model.safetensors", 50 * KB, 90),
        "run": put(home, "runs/a1.jsonl", 4 * KB, 80),
        "edits": put(home, "sessions/s/b.zip", 3 * KB, 70),
        "old moment": put(home, "derived/m/moment-layer1.safetensors", 10 * KB, 60),
        "new moment": put(home, "derived/m/moment-layer2.safetensors", 10 * KB, 10),
        "value": put(home, "derived/m/values/v1.safetensors", 2 * KB, 20),
        "text": put(home, "derived/m/corpus.json", 1 * KB, 100),
        "in use": put(home, "derived/m/moment-layer3.safetensors", 10 * KB, 0),
    }


def there(full):
    return {name for name, path in full.items() if path.exists()}


def test_every_byte_is_counted_once(home, full):
    put(home, "locks/x.lock", 7, 1)
    parts = {part.name: part.bytes for part in cache.cache_parts()}
    assert parts == {
        "models": 50 * KB,
        "stored runs": 4 * KB,
        "kept edits": 3 * KB,
        "second moments": 30 * KB,
        "v*": 2 * KB,
        "texts": 1 * KB,
        "others": 7,
    }
    assert sum(parts.values()) == bytes_below(home)


def test_the_least_recently_used_goes_first_and_texts_stay(full):
    assert cache.shrink(85 * KB) == 10 * KB
    assert there(full) == set(full) - {"old moment"}
    assert cache.shrink(79 * KB) == 2 * KB
    assert there(full) == set(full) - {"old moment", "value"}
    cache.shrink(0)
    assert there(full) == {"model", "run", "edits", "text", "in use"}


def test_a_half_that_a_killed_process_left_is_removed_and_one_that_is_being_written_stays(home, full):
    old, new = (put(home, f"derived/m/.moment-layer{n}.safetensors-{n}", KB, hours) for n, hours in ((7, 1), (8, 0)))
    assert cache.clean(["texts"]) == 2 * KB
    assert there(full) == set(full) - {"text"} and not old.exists() and new.exists()


@pytest.mark.parametrize("what", ["text", "tensors"])
def test_a_kept_file_can_be_read_by_whom_the_umask_allows(home, what):
    path = home / "derived" / "m" / "file"
    keep(path, (lambda half: half.write_text("[]")) if what == "text" else partial(save_file, {"a": torch.zeros(2)}))
    (home / "plain").touch()
    assert path.stat().st_mode == (home / "plain").stat().st_mode
    assert os.listdir(path.parent) == ["file"]


def test_a_sound_file_that_cannot_be_opened_now_is_kept(home):
    path = home / "moment.safetensors"
    save_file({"a": torch.ones(2)}, path)
    limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, most))
    try:
        with pytest.raises(LgaError, match="cannot be read: Too many open files"):
            kept(path, load_file)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, most))
    assert kept(path, load_file)["a"].tolist() == [1, 1]
    path.write_bytes(b"damaged")
    assert kept(path, load_file) is None and not path.exists()


def test_nothing_is_written_under_a_cap_that_is_no_number(home, monkeypatch):
    monkeypatch.setenv(cache.VARIABLE, "many")
    with pytest.raises(LgaError, match="no number of gigabytes"):
        keep(home / "derived" / "x", lambda half: half.write_text(""))
    assert not (home / "derived").exists()


def test_a_clean_up_removes_its_kinds_only(full):
    assert cache.clean(["second moments"]) == 30 * KB
    assert there(full) == {"model", "run", "edits", "value", "text"}


def test_keeping_a_file_holds_to_the_cap(home, full, monkeypatch):
    monkeypatch.setenv(cache.VARIABLE, "0.00009")  # 90 kB, which it holds already
    keep(home / "derived" / "m" / "moment-layer9.safetensors", lambda path: path.write_bytes(b"x" * 5 * KB))
    assert there(full) == set(full) - {"old moment"} and bytes_below(home) <= 90 * KB


def test_what_is_looked_up_counts_as_used(home):
    path = put(home, f"derived/{'f' * 32}/prefixes.json", 10, 50)
    assert derived_path(Model(), "prefixes.json") == path
    assert time.time() - path.stat().st_mtime < 60
    assert not derived_path(Model(), "none.json").exists()


@pytest.mark.parametrize("text", ["many", "-1", "nan", "inf"])
def test_a_cap_that_is_no_number_is_told(home, monkeypatch, text):
    monkeypatch.setenv(cache.VARIABLE, text)
    with pytest.raises(LgaError, match="no number of gigabytes"):
        cache.cap_bytes()
