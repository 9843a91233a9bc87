"""Edit sets: what is saved comes back bit by bit, and what cannot be saved leaves nothing behind."""

import io
import json
import resource
import zipfile
from dataclasses import replace

import pytest
import torch
from conftest import tiny_model
from editing.edit_set.building import QUICK, made, plain

from lga_core.editing.edits import applied
from lga_core.editing.files.edit_set import edit_set_bytes, edit_set_files, save_edit_set
from lga_core.editing.files.manifest import MANIFEST, TENSORS, Manifest
from lga_core.editing.files.reading import read_edit_set
from lga_core.editing.ledger import Ledger, extend, hash_of
from lga_core.editing.settings import FineTuningSettings
from lga_core.editing.table import EDITORS
from lga_core.errors import LgaError
from lga_core.evaluation.experiments.ledger_report import ledger_report
from lga_core.models.text.tokens import prompt_row
from lga_core.service.work.session_ledger import SessionLedger


def logits(model, edits):
    ids = torch.tensor([prompt_row(model.asking, "The Space Needle is in downtown").ids])
    with applied(model, edits), torch.no_grad():
        return model.model(input_ids=ids).logits


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


def test_edits_come_back_to_where_the_model_computes(facts):
    """As fresh ones do, also where their matrices lie on another card: here on a device that keeps no numbers."""
    model = tiny_model("llama", torch.float32)
    ledger = made(model, facts)
    content = edit_set_bytes(ledger, model)
    for block in model.architecture.blocks:
        block.down.module.to("meta")
    again = read_edit_set(content, model)
    assert {tensor.device for edit in again.edits for tensor in vars(edit).values() if torch.is_tensor(tensor)} == {
        model.device
    }
    assert plain(again) == plain(ledger)


def test_a_set_of_the_first_format_is_read(model, ledger):
    """There each entry lists the ids that it was computed on."""
    with zipfile.ZipFile(io.BytesIO(edit_set_bytes(ledger, model))) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    first = json.loads(parts[MANIFEST])
    first["format"] = 1
    for place, entry in enumerate(first["entries"]):
        entry["on"] = [before["id"] for before in first["entries"][:place] if before["enabled"]]
    described = Manifest.model_validate(first).sealed.model_dump_json().encode()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(MANIFEST, described)
        archive.writestr(TENSORS, parts[TENSORS])
    again = read_edit_set(file.getvalue(), model)
    first_on = replace(ledger.entries[1], on=hash_of(()))  # the first entry was on when the second was computed
    assert plain(again) == plain(Ledger(entries=(ledger.entries[0], first_on, ledger.entries[2])))


def test_an_entry_takes_the_same_room_wherever_it_stands(model, facts):
    ledger = extend(model, Ledger(), [facts[0]] * 12, "rome", [1], QUICK, "sequential")
    entries = json.loads(edit_set_files(ledger, model)[MANIFEST])["entries"]
    sizes = [len(json.dumps({**entry, "tensors": []})) for entry in entries]
    assert len(set(sizes)) == 1


def test_an_edit_of_a_matrix_of_zeros_is_kept_and_shown(facts, tmp_path):
    """Also one whose other layer has a ratio: no number stands for the largest of both."""
    model = tiny_model("llama", torch.float32)
    model.architecture.blocks[1].down.module.weight.zero_()
    ledger = extend(model, Ledger(), facts[:1], "ft-m", [0, 1], FineTuningSettings(steps=2), "batch")
    again = read_edit_set(edit_set_bytes(ledger, model), model)
    assert plain(again) == plain(ledger) and again.entries[0].written[1].weight_norm == 0
    book = SessionLedger(path=tmp_path / "set.zip", fingerprint=model.fingerprint, ledger=again)
    assert book.view().entries[0].norm_ratio is None
    assert [write.norm_ratio is None for write in ledger_report(model, again).writes] == [False, True]


@pytest.mark.parametrize("name", EDITORS)
def test_every_editor_s_edits_are_kept(name, model, facts):
    mode = "batch" if EDITORS[name].batch else "sequential"
    ledger = extend(model, Ledger(), facts[:2], name, [1], None, mode)
    again = read_edit_set(edit_set_bytes(ledger, model), model)
    assert plain(again) == plain(ledger) and again.entries[0].settings == EDITORS[name].settings()
    later = [extend(model, kept, facts[2:3], name, [1], None, mode).edits[-1] for kept in (ledger, again)]
    assert torch.equal(later[0].delta, later[1].delta)  # a later edit sees no difference, also in the keys


def test_the_manifest_of_a_fact_is_as_before_its_file_s_dropped_probes_were_counted(model, facts, tmp_path):
    """Its hash is that of the text that earlier versions wrote."""
    counted = extend(model, Ledger(), [replace(facts[0], dropped_locality=2)], "rome", [1], QUICK, "sequential")
    folder = save_edit_set(counted, model, tmp_path / "set")
    content = (folder / MANIFEST).read_bytes()
    assert b"dropped" not in content and set(json.loads(content)["entries"][0]["facts"][0]) == {
        *("record", "prompt", "subject", "span", "target_new", "target_old"),
        *("rephrases", "locality", "portability", "relation"),
    }
    assert read_edit_set(folder, model).facts[0].dropped_locality is None


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
    manifest = json.loads((save_edit_set(ledger, model, tmp_path / "set") / MANIFEST).read_text())
    assert manifest["format"] == 2 and manifest["model"] == "tiny-llama"
    assert manifest["model_fingerprint"] == model.fingerprint
    assert manifest["created"] and manifest["packages"]["torch"] == torch.__version__
    first, _, last = manifest["entries"]
    assert first["facts"][0]["prompt"] == facts[0].prompt and first["editor"] == "rome" and not first["enabled"]
    assert first["settings"]["value"]["steps"] == 2 and last["on"] == hash_of([manifest["entries"][1]["id"]])
    assert [fact["record"] for fact in last["facts"]] == [2, 3, 4] and last["mode"] == "batch"
    assert last["tensors"][0] == {
        "layer": 0,
        "matrix": "model.layers.0.mlp.down_proj",
        "kind": "dense",
        "shapes": {"delta": [32, 80]},
        "weight_norm": ledger.entries[2].written[0].weight_norm,
        "target_errors": [None] * 3,
        "clamped": [None] * 3,
        "losses": [list(losses) for losses in ledger.entries[2].written[0].losses],
    }


def test_places_that_cannot_be_written(model, ledger, tmp_path):
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("mine")
    for place, reason in (
        (full, "there already"),
        (full / "mine.txt", "there already"),
        (tmp_path / "none" / "set", "no folder"),
        (tmp_path / "none" / "set.zip", "no folder"),
    ):
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
    save_edit_set(ledger, model, tmp_path / "set.zip")
    with pytest.raises(LgaError, match="there already"):
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
