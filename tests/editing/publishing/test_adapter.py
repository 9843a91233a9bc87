"""An adapter beside an edit set is published as it was exported, or refused with the reason."""

import hashlib
import json
import struct
import tempfile
from pathlib import Path

import pytest
import torch
from editing.publishing.fake_hub import BASE
from safetensors import safe_open
from safetensors.torch import load, save

from lga_core.editing.edits import summed
from lga_core.editing.files.containers import Files
from lga_core.editing.files.lora import WEIGHTS, adapter_files, weight_names
from lga_core.editing.files.manifest import MANIFEST, TENSORS, Manifest
from lga_core.editing.files.reading import read_edit_set
from lga_core.editing.ledger import Ledger, extend
from lga_core.editing.publishing.parcel import parcel
from lga_core.editing.settings import FineTuningSettings
from lga_core.errors import LgaError
from lga_core.models.sources.checkpoint import ADAPTER_CONFIG


def with_tensors(change):
    """`change` makes A of the one matrix of the adapter another, or None."""

    def harm(files):
        tensors = load(files[WEIGHTS])
        a = next(name for name in tensors if ".lora_A." in name)
        changed = change(tensors.pop(a))
        files[WEIGHTS] = save(tensors if changed is None else {**tensors, a: changed})

    return harm


def turned_round(a):
    """Of the same norm."""
    return a.flip(1).contiguous()


def with_empty(shape):
    """One more tensor, whose sizes take no bytes and which torch cannot count."""

    def harm(files):
        (length,) = struct.unpack("<Q", files[WEIGHTS][:8])
        header, body = json.loads(files[WEIGHTS][8 : 8 + length]), files[WEIGHTS][8 + length :]
        header["more"] = {"dtype": "F32", "shape": shape, "data_offsets": [len(body)] * 2}
        text = json.dumps(header).encode()
        files[WEIGHTS] = struct.pack("<Q", len(text)) + text + body

    return harm


def with_setting(name, value):
    def harm(files):
        files[ADAPTER_CONFIG] = json.dumps({**json.loads(files[ADAPTER_CONFIG]), name: value}).encode()

    return harm


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (with_tensors(lambda a: a * torch.nan), "not finite"),
        (with_tensors(lambda a: a * 1.001), "is 0.001, where it is to be 0"),
        (with_tensors(lambda a: a * 0), "is 1, where it is to be 0"),
        (with_tensors(turned_round), "where it is to be 0"),
        (with_tensors(lambda a: None), "changes other matrices"),
        (with_tensors(lambda a: a[:, 1:].contiguous()), "have other shapes"),
        (with_tensors(lambda a: a.half()), "not float32"),
        (with_tensors(lambda a: a[0, 0]), "have other shapes"),
        (with_empty([2**63, 0]), "safetensors is damaged"),
        (with_empty([0, 2**62, 2**62]), "safetensors is damaged"),
        (with_setting("r", 10**9), "has other settings"),
        (with_setting("target_modules", ".*"), "has other settings"),
        (with_setting("auto_mapping", {"parent_library": "os"}), "has other settings"),
        (with_setting("lora_dropout", float("nan")), "has other settings"),
    ],
)
def test_another_adapter_is_not_published(hub, ledger, model, harm, words):
    files, _ranks, _errors = adapter_files(ledger, model, dense_rank=None, measured=None)
    harm(files)
    with pytest.raises(LgaError, match=words):
        parcel(Files(files), "me/edits", BASE)


def test_the_adapter_of_other_edits_of_the_same_matrix_is_not_published(hub, ledger, model):
    """Of the two entries the other one is on: names, shapes and settings are the same."""
    files, other = (adapter_files(one, model, dense_rank=None, measured=None)[0] for one in (ledger, inverted(ledger)))
    assert files[ADAPTER_CONFIG] == other[ADAPTER_CONFIG] and load(files[WEIGHTS]).keys() == load(other[WEIGHTS]).keys()
    parcel(Files(other), "me/edits", BASE)
    with pytest.raises(LgaError, match="where it is to be 0"):
        parcel(Files({**files, WEIGHTS: other[WEIGHTS]}), "me/edits", BASE)


def inverted(ledger):
    for entry in ledger.entries:
        ledger = ledger.toggled(entry.id)
    return ledger


def fine_tuned(model, facts, rank):
    """Files of an adapter that approximates two edits of a whole matrix, added up, and of how far it is off."""
    settings = FineTuningSettings(steps=3)
    ledger = extend(model, Ledger(), facts[:2], "ft-m", [1], settings, "sequential")
    files, _ranks, errors = adapter_files(ledger, model, dense_rank=rank, measured=None)
    return files, errors


def told(files):
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(files[WEIGHTS])
        with safe_open(file.name, "pt") as opened:
            return opened.metadata()


@pytest.mark.parametrize("rank", [1, 2, 1_000])
def test_an_approximated_adapter_says_how_far_it_is_off_and_that_is_measured(hub, model, facts, rank):
    files, errors = fine_tuned(model, facts, rank)
    ((matrix, error),) = errors.items()
    assert (error < 1e-6) == (rank == 1_000) and error < 1
    assert float(told(files)[f"residual of {matrix}"]) == error
    published = parcel(Files(files), "me/edits", BASE)
    assert float(told(published)[f"residual of {matrix}"]) == pytest.approx(error, abs=1e-6)
    assert parcel(Files(files), "me/edits", BASE) == published, "the same bytes each time"
    assert parcel(Files(published), "me/edits", BASE)[WEIGHTS] == published[WEIGHTS]
    more = {**told(files), "note": "<script>"}
    assert parcel(Files({**files, WEIGHTS: save(load(files[WEIGHTS]), metadata=more)}), "me/edits", BASE) == published


@pytest.mark.parametrize(
    ("change", "lie", "words"),
    [
        (lambda a: a, lambda error: None, "does not say how far it is"),
        (lambda a: a, lambda error: "near", "does not say how far it is"),
        (lambda a: a, lambda error: "nan", "where it is to be nan"),
        (lambda a: a, lambda error: str(error - 0.001), "where it is to be"),
        (lambda a: a, lambda error: "0.0", "where it is to be 0"),
        (lambda a: a * 1.1, lambda error: str(error), "where it is to be"),
        (lambda a: a * 0, lambda error: str(error), "is 1, where it is to be"),
        (lambda a: a * -2, lambda error: "farther", "where it is to be 1"),
    ],
)
def test_an_approximated_adapter_that_was_altered_is_not_published(hub, model, facts, change, lie, words):
    files, errors = fine_tuned(model, facts, 1)
    ((matrix, error),) = errors.items()
    tensors = load(files[WEIGHTS])
    a, b = weight_names(matrix)
    tensors[a] = change(tensors[a])
    (edit,) = summed(read_edit_set_edits(files, model))
    said = lie(error)
    if said == "farther":  # says truly how far it is off, which is more than no adapter would be
        said = str(float((tensors[b] @ tensors[a] - edit.delta).norm() / edit.delta.norm()))
        assert float(said) > 1
    files[WEIGHTS] = save(tensors, metadata=None if said is None else {f"residual of {matrix}": said})
    with pytest.raises(LgaError, match=words):
        parcel(Files(files), "me/edits", BASE)


def read_edit_set_edits(files, model):
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        return read_edit_set(folder, model).edits


def test_edits_whose_tensors_do_not_fit_together_are_refused_before_they_are_compared(hub, ledger, model):
    """A set that was forged with care: its hashes are right."""
    files, _ranks, _errors = adapter_files(ledger, model, dense_rank=None, measured=None)
    manifest = Manifest.model_validate_json(files[MANIFEST])
    (entry, other), tensors = manifest.entries, load(files[TENSORS])
    name = next(name for name in tensors if name.startswith(entry.id) and name.endswith("/left"))
    tensors[name] = torch.cat([tensors[name], tensors[name]])
    (item,) = entry.tensors
    doubled = item.model_copy(update={"shapes": {**item.shapes, "left": tuple(tensors[name].shape)}})
    files[TENSORS] = save(tensors)
    forged = manifest.model_copy(
        update={
            "entries": (entry.model_copy(update={"tensors": (doubled,)}), other),
            "tensors_sha256": hashlib.sha256(files[TENSORS]).hexdigest(),
        }
    )
    files[MANIFEST] = forged.sealed.model_dump_json().encode()
    with pytest.raises(LgaError, match="do not fit together"):
        parcel(Files(files), "me/edits", BASE)


def test_no_words_of_its_files_go_along(hub, ledger, model):
    files, _ranks, _errors = adapter_files(ledger, model, dense_rank=None, measured=None)
    sound = parcel(Files(files), "me/edits", BASE)
    files[WEIGHTS] = save(load(files[WEIGHTS]), metadata={"format": "pt", "note": "<script>"})
    with_setting("base_model_name_or_path", "/home/someone/model")(files)
    assert parcel(Files(files), "me/edits", BASE) == sound
