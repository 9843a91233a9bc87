"""The catalogue file, and what a name means."""

import subprocess
import sys
from pathlib import Path

import pytest
from models.conftest import TinyPackage
from pydantic import ValidationError

from lga_core.errors import LgaError
from lga_core.models.sources.catalogue import catalogue, catalogued, local_folder, published_name, resolve
from lga_core.models.sources.entry import Hub, Local, ModelEntry, Wheel


def test_the_two_default_models_come_first_and_are_pinned_by_hash():
    smollm, gemma = catalogue()[:2]
    assert (smollm.id, smollm.layers, smollm.memory_bytes) == ("smollm2-135m", 30, 538_060_032)
    assert (gemma.id, gemma.layers) == ("gemma-3-270m", 18)
    assert not smollm.licence.must_accept and gemma.licence.must_accept
    assert smollm.origin.packages[0].sha256 == "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
    assert gemma.origin.gguf_sha256 == "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"


@pytest.mark.parametrize("entry", catalogue(), ids=lambda entry: entry.id)
def test_every_entry_is_whole(entry: ModelEntry):
    assert entry.licence.name and entry.licence.url.startswith("https://")
    assert entry.memory_bytes == 4 * entry.parameters and entry.layers > 0
    for published in entry.published:
        assert published.source and all(0 <= layer < entry.layers for layer in published.layers)
    if isinstance(entry.origin, Wheel):
        hashes = [entry.origin.gguf_sha256, *(package.sha256 for package in entry.origin.packages)]
        assert all(len(digest) == 64 for digest in hashes) and entry.origin.parts


def test_ids_are_distinct_and_the_promised_families_are_there():
    ids = [entry.id for entry in catalogue()]
    assert len(set(ids)) == len(ids)
    assert {
        "gpt2",
        "gpt2-xl",
        "llama-2-7b",
        "gemma-3-12b",
        "qwen2.5-0.5b",
        "qwen3-0.6b",
        "mistral-7b",
        "pythia-160m",
        "opt-125m",
        "phi-2",
    } <= set(ids)


def test_published_layers_are_the_ones_of_the_papers():
    layers = {(entry.id, published.editor): published.layers for entry in catalogue() for published in entry.published}
    assert layers["gpt2-xl", "ROME"] == (17,) and layers["gpt2-xl", "MEMIT"] == (13, 14, 15, 16, 17)
    assert layers["llama-2-7b", "MEMIT"] == (4, 5, 6, 7, 8) and layers["gpt-j-6b", "MEMIT"] == (3, 4, 5, 6, 7, 8)


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("smollm2-135m", "HuggingFaceTB/SmolLM2-135M-Instruct"),
        ("SmolLM2-135M", "HuggingFaceTB/SmolLM2-135M-Instruct"),
        ("SmolLM2-135M:chat", "HuggingFaceTB/SmolLM2-135M-Instruct"),
        ("Openai-Community/GPT2", "openai-community/gpt2"),
        ("GPT2 ", "openai-community/gpt2"),
        ("someone/else", "someone/else"),
    ],
)
def test_a_model_is_published_by_every_name_that_loads_it(name: str, published: str):
    assert published_name(name) == published
    entry = catalogued(name)
    assert entry is None or resolve(name).id == entry.id


def test_an_unknown_key_in_the_catalogue_is_refused():
    with pytest.raises(ValidationError):
        ModelEntry.model_validate({"id": "x", "title": "X", "origin": {"kind": "hub", "repo": "a/b"}, "licens": "MIT"})


@pytest.mark.parametrize(
    "name, id",
    [
        ("smollm2-135m", "smollm2-135m"),
        (" GPT2-XL ", "gpt2-xl"),
        ("openai-community/gpt2-xl", "gpt2-xl"),
    ],
)
def test_a_name_of_the_catalogue(name: str, id: str):
    assert resolve(name).id == id


def test_a_hub_id_that_is_not_in_the_catalogue():
    entry = resolve("someone/some-model.v2")
    assert entry.origin == Hub(repo="someone/some-model.v2") and entry.title == "some-model.v2"
    assert entry.memory_bytes is None and entry.licence is None


def test_a_local_folder_tells_its_size(tiny_folder: Path):
    entry = resolve(str(tiny_folder))
    assert entry.origin == Local(path=tiny_folder) and entry.source == "path" and local_folder(entry) == tiny_folder
    assert entry.layers == 4 and entry.parameters == 400 * 32 + 4 * (32 * 96 + 32 * 80 * 3 + 2 * 32) + 32


@pytest.mark.parametrize(
    "name, cause, hint",
    [
        ("smolm2", "no model 'smolm2'", "Did you mean smollm2-135m"),
        ("gpt2-xxl", "no model 'gpt2-xxl'", "gpt2-xl"),
        ("zzzz", "no model 'zzzz'", "The catalogue has smollm2-135m"),
        ("", "no model ''", "The catalogue has"),
        ("./models/missing", "no folder or file ./models/missing", "Check the path"),
        ("/nowhere/model", "no folder or file /nowhere/model", "Check the path"),
        ("missing.gguf", "no folder or file missing.gguf", "Check the path"),
        ("a/b/c", "no folder or file a/b/c", "Check the path"),
    ],
)
def test_a_name_that_means_nothing_says_what_could_be_meant(name: str, cause: str, hint: str):
    with pytest.raises(LgaError) as caught:
        resolve(name)
    assert cause in caught.value.cause and hint in caught.value.hint


def test_a_file_is_no_model(tmp_path: Path):
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(LgaError, match="is a file, not a model"):
        resolve(str(tmp_path / "model.safetensors"))


def test_nothing_is_local_in_an_empty_cache(home: Path, package: TinyPackage):
    assert local_folder(package.entry) is None


def test_listing_and_fetching_need_no_torch():
    check = "import sys, lga_core.models.sources.fetching.fetch; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], cwd=Path(__file__).parents[2]).returncode == 0
