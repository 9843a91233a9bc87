"""Fingerprints: what a model's content is, and what is not part of it."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import train_tokenizer
from models.conftest import edit_json
from safetensors.torch import load_file, save_file
from weights import weights_hash

from lga_core.models.loading import load
from lga_core.models.sources import fingerprint
from lga_core.models.sources.fingerprint import DIGESTS, folder_fingerprint
from lga_core.models.text.tokens import prompt_row


@pytest.fixture
def parts_folder(folder: Path) -> Path:
    """The model with its tokenizer in parts, as older folders have it: a vocabulary, merges and settings."""
    whole = folder / "tokenizer.json"
    model = json.loads(whole.read_text())["model"]
    (folder / "vocab.json").write_text(json.dumps(model["vocab"]))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{' '.join(pair)}\n" for pair in model["merges"]))
    edit_json(folder / "tokenizer_config.json", tokenizer_class="GPT2Tokenizer")
    whole.unlink()
    return folder


def test_a_fingerprint_sees_the_parts_of_a_tokenizer(parts_folder: Path):
    def loaded() -> tuple[tuple[int, ...], str]:
        model = load(str(parts_folder), device="cpu")
        return prompt_row(model.asking, "The Space Needle").ids, model.fingerprint

    seen = [loaded()]
    edit_json(parts_folder / "tokenizer_config.json", add_bos_token=True)
    seen.append(loaded())
    merges = parts_folder / "merges.txt"
    merges.write_text("".join(merges.read_text().splitlines(keepends=True)[:20]))
    seen.append(loaded())
    assert len({ids for ids, _fingerprint in seen}) == 3, "each change gives other tokens"
    assert len({fingerprint for _ids, fingerprint in seen}) == 3, "and another fingerprint"


@pytest.mark.parametrize("setting", ["add_bos_token", "add_eos_token"])
def test_settings_beside_a_tokenizer_json_change_neither_tokens_nor_fingerprint(folder: Path, setting: str):
    before = load(str(folder), device="cpu")
    edit_json(folder / "tokenizer_config.json", **{setting: True})
    after = load(str(folder), device="cpu")
    assert prompt_row(after.asking, "The Space Needle").ids == prompt_row(before.asking, "The Space Needle").ids
    assert after.fingerprint == before.fingerprint


def test_a_fingerprint_sees_other_ends_and_padding_than_the_configuration_states(folder: Path):
    tokenizer = train_tokenizer(bos=False)
    end = tokenizer.eos_token_id
    edit_json(folder / "config.json", eos_token_id=end, pad_token_id=end)
    edit_json(folder / "tokenizer_config.json", eos_token=tokenizer.eos_token, pad_token=tokenizer.eos_token)
    edit_json(folder / "generation_config.json", eos_token_id=[end])
    first = folder_fingerprint(folder)
    for name in ("generation_config.json", "tokenizer_config.json"):
        kept = (folder / name).read_text()
        settings = {name: value for name, value in json.loads(kept).items() if not name.startswith(("eos", "pad"))}
        (folder / name).write_text(json.dumps(settings))
        assert folder_fingerprint(folder) == first, "what they do not say is as the configuration states"
        (folder / name).write_text(kept)
    seen = [first]
    edit_json(folder / "generation_config.json", eos_token_id=[end, 7])
    seen.append(folder_fingerprint(folder))
    edit_json(folder / "tokenizer_config.json", pad_token={"content": "<bos>"})
    seen.append(folder_fingerprint(folder))
    edit_json(folder / "tokenizer_config.json", eos_token="<bos>")
    seen.append(folder_fingerprint(folder))
    assert len(set(seen)) == 4
    (folder / "generation_config.json").write_text("[]")
    assert folder_fingerprint(folder), "what cannot be read is a load's to tell"


def test_a_fingerprint_is_the_content(folder: Path, tmp_path: Path):
    first = folder_fingerprint(folder)
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    (copy / ".lga-digests.json").unlink()
    assert folder_fingerprint(copy) == first == load(str(folder), device="cpu").fingerprint
    weights = load_file(copy / "model.safetensors")
    weights["model.norm.weight"][3] = np.nextafter(np.float32(1), np.float32(2)).item()
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    assert folder_fingerprint(copy) != first
    edit_json(folder / "config.json", rms_norm_eps=1e-3)
    assert folder_fingerprint(folder) != first


def test_digests_are_kept_beside_the_files(folder: Path):
    first = folder_fingerprint(folder)
    kept = folder / ".lga-digests.json"
    content = json.loads(kept.read_text())
    content["model.safetensors"]["sha256"] = "of another file"
    kept.write_text(json.dumps(content))
    assert folder_fingerprint(folder) != first, "the kept digest is used while size and time are the same"
    (folder / "model.safetensors").touch()
    assert folder_fingerprint(folder) == first, "and not any longer"
    kept.write_text("{broken")
    assert folder_fingerprint(folder) == first


def test_a_file_that_took_another_ones_place_is_read(folder: Path):
    """A copy that keeps times has the size and the mtime of what it replaces."""
    weights = folder / "model.safetensors"
    first, before = folder_fingerprint(folder), weights.stat()
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    other = folder / "other"
    other.write_bytes(content)
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(weights)
    after = weights.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert folder_fingerprint(folder) != first


def test_digests_without_a_ctime_are_not_used(folder: Path):
    first, kept = folder_fingerprint(folder), folder / DIGESTS
    states = {name: (folder / name).stat() for name in json.loads(kept.read_text())}
    old = {
        name: {"state": f"{stat.st_size} {stat.st_mtime_ns}", "sha256": "of a version before"}
        for name, stat in states.items()
    }
    kept.write_text(json.dumps(old))
    assert folder_fingerprint(folder) == first
    assert "of a version before" not in kept.read_text(), "and they are written anew"


def test_what_both_places_know_of_digests_counts(folder: Path, home: Path):
    """A folder that could be written first, and not any more: the cache folder knows what was read since."""
    first, beside = folder_fingerprint(folder), folder / DIGESTS
    known = json.loads(beside.read_text())
    weights = known.pop("model.safetensors")
    beside.unlink()
    beside.mkdir()
    folder_fingerprint(folder)
    (cached,) = (home / "digests").iterdir()
    cached.write_text(json.dumps({"model.safetensors": weights | {"sha256": "known in the cache folder"}}))
    beside.rmdir()
    beside.write_text(json.dumps({name: digest | {"sha256": "known here"} for name, digest in known.items()}))
    mixed = folder_fingerprint(folder)
    assert mixed != first, "what is kept in both is used"
    assert json.loads(beside.read_text()).keys() == known.keys(), "and nothing had to be read"
    cached.unlink()
    assert folder_fingerprint(folder) not in (first, mixed), "here the weights are read"


def test_a_page_does_not_read_a_large_folder(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LGA_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(fingerprint, "BLOCK", 100)
    (folder / DIGESTS).mkdir()  # nothing can be written there
    assert fingerprint.quick_fingerprint(folder) is None
    read = folder_fingerprint(folder)
    assert fingerprint.quick_fingerprint(folder) == read, "its digests are in the cache folder now"


def test_the_hash_of_weights_sees_one_bit_and_buffers(tiny_folder: Path):
    model = load(str(tiny_folder), device="cpu").model
    before = weights_hash(model)
    weight = model.get_submodule("model.layers.3.mlp.up_proj").weight
    old = weight[0, 0].item()
    weight[0, 0] = np.nextafter(np.float32(old), np.float32(np.inf)).item()
    assert weights_hash(model) != before
    weight[0, 0] = old
    assert weights_hash(model) == before
    buffer = next(iter(model.buffers()))  # the rotary frequencies are never saved, but count
    buffer.view(-1)[0] += 1
    assert weights_hash(model) != before
