"""Edit sets that are not whole or not this model's: refused with the reason, and no damage gets through."""

import hashlib
import io
import json
import os
import random
import zipfile
from dataclasses import replace

import pytest
import torch
from conftest import tiny_model
from editing.edit_set.building import QUICK, plain
from safetensors.torch import load, save

from lga_core.editing.files import manifest, reading
from lga_core.editing.files.edit_set import edit_set_bytes, save_edit_set
from lga_core.editing.files.manifest import MANIFEST, TENSORS, Manifest
from lga_core.editing.files.reading import read_edit_set
from lga_core.editing.ledger import Ledger, extend
from lga_core.errors import LgaError


def parts_of(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(parts, method=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


def forged(parts, change=None, tensors=None):
    """The set with other tensors and a changed manifest, both hashes made right again: only content can refuse it."""
    content = parts[TENSORS] if tensors is None else tensors
    manifest = json.loads(parts[MANIFEST])
    manifest["tensors_sha256"] = hashlib.sha256(content).hexdigest()
    if change:
        change(manifest)
    forged_manifest = Manifest.model_validate(manifest)
    forged_manifest = forged_manifest.model_copy(update={"sha256": forged_manifest.digest})
    return zipped({MANIFEST: forged_manifest.model_dump_json().encode(), TENSORS: content})


@pytest.mark.parametrize(
    "other, reason",
    [
        (tiny_model("gpt2", torch.float32), "another model, tiny-llama"),
        (tiny_model("llama", torch.float32, seed=1), "another model, tiny-llama"),
        (
            replace(tiny_model("llama", torch.float32, layers=2), fingerprint="tiny-llama-4-0-torch.float32"),
            "has no such matrix",
        ),
        (replace(tiny_model("gpt2", torch.float32), fingerprint="tiny-llama-4-0-torch.float32"), "has no such matrix"),
    ],
)
def test_another_model_is_refused(model, ledger, other, reason):
    with pytest.raises(LgaError, match=reason):
        read_edit_set(edit_set_bytes(ledger, model), other)


def set_in(path, value):
    def change(manifest):
        for key in path[:-1]:
            manifest = manifest[key]
        manifest[path[-1]] = value

    return change


@pytest.mark.parametrize(
    "change, reason",
    [
        (set_in(("entries", 0, "tensors", 0, "shapes", "left"), [1, 33]), "other shapes"),
        (set_in(("entries", 0, "tensors", 0, "shapes", "right"), [2, 80]), "other shapes"),
        (set_in(("entries", 0, "tensors", 0, "shapes"), {"delta": [32, 80]}), "other shapes"),
        (set_in(("entries", 2, "tensors", 0, "shapes", "delta"), [80, 32]), "other shapes"),
        (set_in(("entries", 0, "tensors", 0, "shapes"), {"left": [0, 32], "right": [0, 80]}), "other shapes"),
        (set_in(("entries", 0, "tensors", 0, "shapes"), {"left": [2**31, 32], "right": [2**31, 80]}), "of memory"),
        (
            set_in(("entries", 0, "tensors", 0, "shapes"), {"left": [9, 32], "right": [9, 80], "keys": [1, 80]}),
            "not float32",
        ),
        (set_in(("entries", 0, "tensors", 0, "matrix"), "model.layers.1.mlp.up_proj"), "no such matrix"),
        (set_in(("entries", 0, "tensors", 0, "layer"), 99), "do not fit"),
        (set_in(("entries", 0, "tensors", 0, "losses"), []), "one a fact"),
        (set_in(("entries", 0, "tensors"), []), "do not fit"),
        (set_in(("entries", 0, "layers"), [99, -3]), "do not fit"),
        (set_in(("entries", 0, "editor"), "magic"), "no editor 'magic'"),
        (set_in(("entries", 0, "settings"), {"contexts": -1}), "not those of this version"),
        (set_in(("entries", 0, "facts", 0, "span"), [0, 3]), "is not where"),
        (set_in(("entries", 0, "facts", 0, "target_new"), None), "is not where"),
        (set_in(("format",), 3), "format 3.*up to 2"),
        (set_in(("format",), 0), "no format 0"),
        (lambda manifest: manifest["entries"].append(manifest["entries"][0]), "same id"),
        (lambda manifest: manifest["entries"].pop(), "that the manifest does not name"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(model, ledger, change, reason):
    with pytest.raises(LgaError, match=reason):
        read_edit_set(forged(parts_of(edit_set_bytes(ledger, model)), change), model)


def test_tensors_that_do_not_fit_are_refused(model, ledger):
    parts = parts_of(edit_set_bytes(ledger, model))
    tensors = load(parts[TENSORS])
    name = next(iter(tensors))
    for other, reason in (
        ({key: value for key, value in tensors.items() if key != name}, "lacks 1 tensors"),
        ({**tensors, "more": torch.ones(2)}, "has 1 tensors that"),
        ({**tensors, name: tensors[name].double()}, "not float32"),
        ({**tensors, name: tensors[name].half()}, "not float32"),
        ({**tensors, name: tensors[name] * torch.inf}, "not finite"),
        ({**tensors, name: tensors[name].T.contiguous()}, "not float32"),
    ):
        with pytest.raises(LgaError, match=reason):
            read_edit_set(forged(parts, tensors=save(other)), model)
    with pytest.raises(LgaError, match="damaged"):
        read_edit_set(forged(parts, tensors=b"\x80\x04]." * 100), model)  # a pickle is bytes like any other
    assert plain(read_edit_set(forged(parts), model)) == plain(ledger)  # the forger's tool itself is sound


def test_hashes_guard_both_files(model, ledger):
    parts = parts_of(edit_set_bytes(ledger, model))
    flipped = bytearray(parts[TENSORS])
    flipped[-1] ^= 1
    with pytest.raises(LgaError, match="SHA-256 differs"):
        read_edit_set(zipped({**parts, TENSORS: bytes(flipped)}), model)
    with pytest.raises(LgaError, match="not as it was written"):
        read_edit_set(zipped({**parts, MANIFEST: parts[MANIFEST].replace(b"Boston", b"Berlin")}), model)
    for wrong in (b"", b"[]", b"null", b"{", b'{"format": 1}', b"[" * 100_000, b"\xff\xfe"):
        with pytest.raises(LgaError, match="damaged"):
            read_edit_set(zipped({**parts, MANIFEST: wrong}), model)


@pytest.mark.parametrize("norm", [b"-1.0", b'"Infinity"', b'"NaN"'])
def test_a_norm_that_no_weight_has_is_refused(model, ledger, norm):
    parts = parts_of(edit_set_bytes(ledger, model))
    own = str(ledger.entries[0].written[0].weight_norm).encode()
    with pytest.raises(LgaError, match="weight_norm"):
        read_edit_set(zipped({**parts, MANIFEST: parts[MANIFEST].replace(own, norm)}), model)


@pytest.mark.parametrize("size", [b"-1", b"1" + b"0" * 400])
def test_a_size_that_no_tensor_has_is_refused(model, ledger, size):
    parts = parts_of(edit_set_bytes(ledger, model))
    shape = json.dumps(json.loads(parts[MANIFEST])["entries"][0]["tensors"][0]["shapes"]["left"]).encode()
    flat = json.dumps(json.loads(parts[MANIFEST])).encode()
    with pytest.raises(LgaError, match=r"shapes\.left"):
        read_edit_set(zipped({**parts, MANIFEST: flat.replace(shape, b"[" + size + b", 32]", 1)}), model)


def test_more_values_than_fit_are_refused_before_any_is_made(model, ledger, monkeypatch):
    parts = parts_of(edit_set_bytes(ledger, model))
    with pytest.raises(LgaError, match="more values than it can"):
        read_edit_set(zipped({**parts, MANIFEST: b'{"format": 2, "entries": [' + b"[]," * 10**6 + b"[]]}"}), model)
    monkeypatch.setattr(manifest, "MOST_VALUES", 100)
    with pytest.raises(LgaError, match="too many for one edit set"):
        edit_set_bytes(ledger, model)


def test_only_the_two_names_are_read(model, ledger, tmp_path):
    parts = parts_of(edit_set_bytes(ledger, model))
    more = zipped({"../evil.txt": b"x", "/etc/evil": b"x", "code.pkl": b"\x80\x04.", **parts}, zipfile.ZIP_DEFLATED)
    assert plain(read_edit_set(more, model)) == plain(ledger)
    with pytest.raises(LgaError, match="is not in it"):
        read_edit_set(zipped({f"../{name}": content for name, content in parts.items()}), model)
    with pytest.raises(LgaError, match="is not in it"):
        read_edit_set(zipped({MANIFEST: parts[MANIFEST]}), model)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(tmp_path / "twice.zip", "w") as archive:
        for name in (MANIFEST, MANIFEST, TENSORS):
            archive.writestr(name, parts[name])
    with pytest.raises(LgaError, match=r"holds manifest.json 2 times"):
        read_edit_set(tmp_path / "twice.zip", model)
    folder = save_edit_set(ledger, model, tmp_path / "set")
    (folder / TENSORS).rename(tmp_path / "elsewhere")
    (folder / TENSORS).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LgaError, match="not a plain file"):
        read_edit_set(folder, model)


def test_a_pipe_is_not_read(model, tmp_path):
    os.mkfifo(tmp_path / "set.zip")
    held = os.open(tmp_path / "set.zip", os.O_RDWR)  # so that nothing here can wait for one who writes to it
    try:
        with pytest.raises(LgaError, match="neither a folder nor a plain file"):
            read_edit_set(tmp_path / "set.zip", model)
    finally:
        os.close(held)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(model, ledger, tmp_path, monkeypatch):
    parts = parts_of(edit_set_bytes(ledger, model))
    bomb = bytes(50 * 2**20)
    for name in (TENSORS, MANIFEST):
        monkeypatch.setattr(reading, "MOST_MANIFEST_BYTES", 2**20)
        small = zipped({**parts, name: bomb}, zipfile.ZIP_DEFLATED)
        assert len(small) < 2**18
        with pytest.raises(LgaError, match="larger than it can be"):
            read_edit_set(small, model)
    (save_edit_set(ledger, model, tmp_path / "set") / TENSORS).write_bytes(bomb)
    with pytest.raises(LgaError, match="larger than it can be"):
        read_edit_set(tmp_path / "set", model)
    with pytest.raises(LgaError, match="packed in a way"):
        read_edit_set(zipped(parts, zipfile.ZIP_LZMA), model)


def test_no_damage_gets_through(model, facts):
    """Truncations and flipped bits of the archive and of the bare files: refused with LgaError, or read as equal."""
    ledger = extend(model, Ledger(), facts[:1], "rome", [1], QUICK, "sequential")
    whole, expected, chance = edit_set_bytes(ledger, model), plain(ledger), random.Random(0)
    damaged = [whole[: chance.randrange(len(whole))] for _ in range(100)]
    for places in (range(len(whole)), range(len(whole) - 200, len(whole)), range(100)):
        for _ in range(150):
            flipped = bytearray(whole)
            flipped[chance.choice(places)] ^= 1 << chance.randrange(8)
            damaged.append(bytes(flipped))
    parts = parts_of(whole)
    for name in parts:  # without the archive's own checksums
        for _ in range(150):
            flipped = bytearray(parts[name])
            flipped[chance.randrange(min(len(flipped), 2000))] ^= 1 << chance.randrange(8)
            damaged.append(zipped({**parts, name: bytes(flipped)}))
            damaged.append(zipped({**parts, name: parts[name][: chance.randrange(len(parts[name]))]}))
    refused = 0
    for content in damaged:
        try:
            assert plain(read_edit_set(content, model)) == expected
        except LgaError as error:
            assert error.cause and error.hint
            refused += 1
    assert refused > 0.8 * len(damaged)
