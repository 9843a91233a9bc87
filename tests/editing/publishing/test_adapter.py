"""An adapter beside an edit set is published as it was exported, or refused with the reason."""

import json
import struct

import pytest
import torch
from editing.publishing.fake_hub import BASE
from safetensors.torch import load, save

from lga_core.editing.files.containers import Files
from lga_core.editing.files.lora import CONFIG, WEIGHTS, adapter_files
from lga_core.editing.publishing.parcel import parcel
from lga_core.errors import LgaError


def with_tensors(change):
    """`change` makes A of the one matrix of the adapter another, or None."""

    def harm(files):
        tensors = load(files[WEIGHTS])
        a = next(name for name in tensors if ".lora_A." in name)
        changed = change(tensors.pop(a))
        files[WEIGHTS] = save(tensors if changed is None else {**tensors, a: changed})

    return harm


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
        files[CONFIG] = json.dumps({**json.loads(files[CONFIG]), name: value}).encode()

    return harm


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (with_tensors(lambda a: a * torch.nan), "not finite"),
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


def test_no_words_of_its_files_go_along(hub, ledger, model):
    files, _ranks, _errors = adapter_files(ledger, model, dense_rank=None, measured=None)
    sound = parcel(Files(files), "me/edits", BASE)
    files[WEIGHTS] = save(load(files[WEIGHTS]), metadata={"format": "pt", "note": "<script>"})
    with_setting("base_model_name_or_path", "/home/someone/model")(files)
    assert parcel(Files(files), "me/edits", BASE) == sound
