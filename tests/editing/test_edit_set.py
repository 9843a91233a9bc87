"""Edit sets: what is saved comes back bit by bit, and what is not whole is refused with the reason."""

import hashlib
import io
import json
import random
import resource
import zipfile
from dataclasses import replace

import pytest
import torch
from conftest import drain, tiny_model
from safetensors.torch import load, save

from lga_core.editing import edit_set
from lga_core.editing.edit_set import MANIFEST, TENSORS, edit_set_bytes, read_edit_set, save_edit_set
from lga_core.editing.edits import applied
from lga_core.editing.fine_tuning import FineTuningSettings
from lga_core.editing.ledger import Ledger, extend
from lga_core.editing.manifest import Manifest
from lga_core.editing.rank_one import RankOneSettings
from lga_core.editing.table import EDITORS
from lga_core.editing.value import ValueSettings
from lga_core.errors import LgaError
from lga_core.models.tokens import prompt_row

QUICK = RankOneSettings(value=ValueSettings(steps=2, weight_decay=0.0), contexts=0, covariance="identity")


def made(model, facts):
    """Two rank-one entries, one of them off, and a batch of fine-tuning at two layers."""
    ledger = drain(extend(model, Ledger(), facts[:2], "rome", [1], QUICK, "sequential"))
    ledger = ledger.toggled(ledger.entries[0].id)
    return drain(extend(model, ledger, facts[2:5], "ft-m", [0, 2], FineTuningSettings(steps=2), "batch"))


def plain(ledger):
    """All of a ledger, comparable."""
    def tensors(edit):
        kept = [edit.keys] if edit.keys is not None else []
        parts = [edit.delta, *kept] if not hasattr(edit, "left") else [edit.left, edit.right, *kept]
        return (type(edit).__name__, edit.layer, edit.matrix, [(part.dtype, part.tolist()) for part in parts])

    return [(replace(item, written=()).__dict__,
             [({**written.__dict__, "edit": None}, tensors(written.edit)) for written in item.written])
            for item in ledger.entries]


def logits(model, edits):
    ids = torch.tensor([prompt_row(model.tokenizer, "The Space Needle is in downtown").ids])
    with applied(model, edits), torch.no_grad():
        return model.model(input_ids=ids).logits


@pytest.fixture(scope="module")
def model():
    return tiny_model("llama", torch.float32)


@pytest.fixture
def ledger(model, facts):
    return made(model, facts)


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
    said = json.loads(parts[MANIFEST])
    said["tensors_sha256"] = hashlib.sha256(content).hexdigest()
    if change:
        change(said)
    manifest = Manifest.model_validate(said)
    manifest = manifest.model_copy(update={"sha256": manifest.digest})
    return zipped({MANIFEST: manifest.model_dump_json().encode(), TENSORS: content})


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma3"])
@pytest.mark.parametrize("form", ["folder", "zip", "bytes"])
def test_what_is_saved_comes_back_bit_by_bit(family, form, facts, tmp_path):
    model = tiny_model(family, torch.float32)
    ledger = made(model, facts)
    if form == "bytes":
        source = edit_set_bytes(ledger, model)
    else:
        source = save_edit_set(ledger, model, tmp_path / ("set.zip" if form == "zip" else "set"))
        assert [path.name for path in tmp_path.iterdir()] == [source.name]
    again = read_edit_set(source, model)
    assert plain(again) == plain(ledger)
    assert torch.equal(logits(model, again.edits), logits(model, ledger.edits))
    assert not torch.equal(logits(model, again.edits), logits(model, []))
    switched = again.toggled(again.entries[0].id)
    assert torch.equal(logits(model, switched.edits), logits(model, ledger.toggled(ledger.entries[0].id).edits))


@pytest.mark.parametrize("name", EDITORS)
def test_every_editor_s_edits_are_kept(name, model, facts):
    mode = "batch" if EDITORS[name].batch else "sequential"
    ledger = drain(extend(model, Ledger(), facts[:2], name, [1], None, mode))
    again = read_edit_set(edit_set_bytes(ledger, model), model)
    assert plain(again) == plain(ledger) and again.entries[0].settings == EDITORS[name].settings()
    later = [drain(extend(model, kept, facts[2:3], name, [1], None, mode)).edits[-1] for kept in (ledger, again)]
    assert torch.equal(later[0].delta, later[1].delta)      # a later edit sees no difference, also in the keys


def test_an_empty_ledger_and_strange_figures_come_back(model, ledger):
    assert read_edit_set(edit_set_bytes(Ledger(), model), model).entries == ()
    first = ledger.entries[0]
    odd = replace(first.written[0], losses=((1.0, float("inf")),), target_errors=(float("nan"),), clamped=(None,))
    ledger = Ledger(entries=(replace(first, written=(odd,)),))
    again = read_edit_set(edit_set_bytes(ledger, model), model).entries[0].written[0]
    assert again.losses == ((1.0, float("inf")),) and again.target_errors[0] != again.target_errors[0]


def test_tensors_that_share_memory_are_saved(model, ledger):
    first = ledger.entries[0]
    edit = first.written[0].edit
    shared = torch.randn(4, edit.right.shape[1])
    twice = replace(edit, right=shared[1:2], keys=shared[::2])
    entry = replace(first, written=(replace(first.written[0], edit=twice),))
    again = read_edit_set(edit_set_bytes(Ledger(entries=(entry,)), model), model).entries[0].edits[0]
    assert torch.equal(again.keys, shared[::2]) and torch.equal(again.right, shared[1:2])


def test_the_manifest_says_everything(model, ledger, facts, tmp_path):
    said = json.loads((save_edit_set(ledger, model, tmp_path / "set") / MANIFEST).read_text())
    assert said["format"] == 1 and said["model"] == "tiny-llama" and said["model_fingerprint"] == model.fingerprint
    assert said["created"] and said["packages"]["torch"] == torch.__version__
    first, _, last = said["entries"]
    assert first["facts"][0]["prompt"] == facts[0].prompt and first["editor"] == "rome" and not first["enabled"]
    assert first["settings"]["value"]["steps"] == 2 and last["on"] == [said["entries"][1]["id"]]
    assert [fact["record"] for fact in last["facts"]] == [2, 3, 4] and last["mode"] == "batch"
    assert last["tensors"][0] == {
        "layer": 0, "matrix": "model.layers.0.mlp.down_proj", "kind": "dense", "shapes": {"delta": [32, 80]},
        "weight_norm": ledger.entries[2].written[0].weight_norm, "target_errors": [None] * 3, "clamped": [None] * 3,
        "losses": [list(losses) for losses in ledger.entries[2].written[0].losses],
    }


def test_places_that_cannot_be_written(model, ledger, tmp_path):
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("mine")
    for place, reason in ((full, "there already"), (full / "mine.txt", "there already"),
                          (tmp_path / "none" / "set", "no folder"), (tmp_path / "none" / "set.zip", "no folder")):
        with pytest.raises(LgaError, match=reason):
            save_edit_set(ledger, model, place)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, hard))
    try:
        for name in ("set", "set.zip"):
            with pytest.raises(LgaError, match=r"cannot be written.*File too large"):
                save_edit_set(ledger, model, tmp_path / name)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in tmp_path.rglob("*")] == ["full", "mine.txt"]
    for _ in range(2):                       # a .zip is replaced
        save_edit_set(ledger, model, tmp_path / "set.zip")
    assert plain(read_edit_set(tmp_path / "set.zip", model)) == plain(ledger)
    with pytest.raises(LgaError, match="cannot be read"):
        read_edit_set(tmp_path / "nowhere.zip", model)


def test_an_edit_that_blew_up_is_not_saved(model, ledger, tmp_path):
    first = ledger.entries[0]
    broken = replace(first.written[0].edit, left=torch.full_like(first.written[0].edit.left, torch.nan))
    entry = replace(first, written=(replace(first.written[0], edit=broken),))
    with pytest.raises(LgaError, match=r"'Space Needle' blew up.*not finite"):
        save_edit_set(Ledger(entries=(entry,)), model, tmp_path / "set.zip")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("other, reason", [
    (tiny_model("gpt2", torch.float32), "another model, tiny-llama"),
    (tiny_model("llama", torch.float32, seed=1), "another model, tiny-llama"),
    (replace(tiny_model("llama", torch.float32, layers=2), fingerprint="tiny-llama-4-0-torch.float32"),
     "has no such matrix"),
    (replace(tiny_model("gpt2", torch.float32), fingerprint="tiny-llama-4-0-torch.float32"), "has no such matrix"),
])
def test_another_model_is_refused(model, ledger, other, reason):
    with pytest.raises(LgaError, match=reason):
        read_edit_set(edit_set_bytes(ledger, model), other)


def set_in(path, value):
    def change(said):
        for key in path[:-1]:
            said = said[key]
        said[path[-1]] = value
    return change


@pytest.mark.parametrize("change, reason", [
    (set_in(("entries", 0, "tensors", 0, "shapes", "left"), [1, 33]), "other shapes"),
    (set_in(("entries", 0, "tensors", 0, "shapes", "right"), [2, 80]), "other shapes"),
    (set_in(("entries", 0, "tensors", 0, "shapes"), {"delta": [32, 80]}), "other shapes"),
    (set_in(("entries", 2, "tensors", 0, "shapes", "delta"), [80, 32]), "other shapes"),
    (set_in(("entries", 0, "tensors", 0, "shapes"), {"left": [-1, 32], "right": [-1, 80]}), "other shapes"),
    (set_in(("entries", 0, "tensors", 0, "shapes"), {"left": [10**12, 32], "right": [10**12, 80]}), "of memory"),
    (set_in(("entries", 0, "tensors", 0, "shapes"), {"left": [9, 32], "right": [9, 80], "keys": [1, 80]}),
     "not float32"),
    (set_in(("entries", 0, "tensors", 0, "matrix"), "model.layers.1.mlp.up_proj"), "no such matrix"),
    (set_in(("entries", 0, "tensors", 0, "layer"), 99), "no such matrix"),
    (set_in(("entries", 0, "tensors", 0, "losses"), []), "one a fact"),
    (set_in(("entries", 0, "tensors"), []), "do not fit"),
    (set_in(("entries", 0, "editor"), "magic"), "no editor 'magic'"),
    (set_in(("entries", 0, "settings"), {"contexts": -1}), "not those of this version"),
    (set_in(("entries", 0, "facts", 0, "span"), [0, 3]), "is not where"),
    (set_in(("entries", 0, "facts", 0, "target_new"), None), "is not where"),
    (set_in(("format",), 2), "format 2.*reads format 1"),
    (set_in(("format",), 0), "no format 0"),
    (lambda said: said["entries"].append(said["entries"][0]), "same id"),
    (lambda said: said["entries"].pop(), "that the manifest does not name"),
])
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
        read_edit_set(forged(parts, tensors=b"\x80\x04]." * 100), model)      # a pickle is bytes like any other
    assert plain(read_edit_set(forged(parts), model)) == plain(ledger)        # the forger's tool itself is sound


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


def test_a_zip_bomb_is_refused_before_it_is_unpacked(model, ledger, tmp_path, monkeypatch):
    parts = parts_of(edit_set_bytes(ledger, model))
    bomb = bytes(50 * 2**20)
    for name in (TENSORS, MANIFEST):
        monkeypatch.setattr(edit_set, "MOST_MANIFEST_BYTES", 2**20)
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
    ledger = drain(extend(model, Ledger(), facts[:1], "rome", [1], QUICK, "sequential"))
    whole, expected, chance = edit_set_bytes(ledger, model), plain(ledger), random.Random(0)
    damaged = [whole[:chance.randrange(len(whole))] for _ in range(100)]
    for places in (range(len(whole)), range(len(whole) - 200, len(whole)), range(100)):
        for _ in range(150):
            flipped = bytearray(whole)
            flipped[chance.choice(places)] ^= 1 << chance.randrange(8)
            damaged.append(bytes(flipped))
    parts = parts_of(whole)
    for name in parts:                       # without the archive's own checksums
        for _ in range(150):
            flipped = bytearray(parts[name])
            flipped[chance.randrange(min(len(flipped), 2000))] ^= 1 << chance.randrange(8)
            damaged.append(zipped({**parts, name: bytes(flipped)}))
            damaged.append(zipped({**parts, name: parts[name][:chance.randrange(len(parts[name]))]}))
    refused = 0
    for content in damaged:
        try:
            assert plain(read_edit_set(content, model)) == expected
        except LgaError as error:
            assert error.cause and error.mend
            refused += 1
    assert refused > 0.8 * len(damaged)
