"""The two doors that read a folder or .zip with an adapter: its edit set is loaded, and all of it is published.

The edit set alone decides what is loaded. An adapter is published as it was exported or not at all.
"""

import random
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from attack.adapters import hostile_source, zipped
from conftest import make_fact, tiny_model
from editing.edit_set.building import QUICK, plain

from lga_core.editing.files.containers import Files, opened
from lga_core.editing.files.lora import adapter_files
from lga_core.editing.files.manifest import MANIFEST, TENSORS
from lga_core.editing.files.reading import read_edit_set
from lga_core.editing.ledger import Ledger, extend
from lga_core.editing.publishing.parcel import parcel
from lga_core.editing.settings import FineTuningSettings
from lga_core.errors import LgaError

MODEL = replace(tiny_model("llama", torch.float32), name="smollm2-135m")  # the catalogue knows this one's licence


@cache
def exported() -> dict[str, bytes]:
    """What is exported of two edits: one of low rank, one of a whole matrix."""
    fact = make_fact(0, "The Space Needle is in downtown", "The Space Needle", "Boston", "Seattle")
    ledger = extend(MODEL, Ledger(), [fact], "rome", [1], QUICK, "sequential")
    ledger = extend(MODEL, ledger, [fact], "ft-m", [2], FineTuningSettings(steps=2), "sequential")
    return adapter_files(ledger, MODEL, dense_rank=2, measured=None)[0]


@cache
def loaded_when_sound() -> Any:
    """The ledger of that folder's edit set."""
    return plain(read_edit_set(zipped(edit_set_alone()), MODEL))


@cache
def published_when_sound() -> tuple[dict[str, bytes], dict[str, bytes]]:
    """What is published of that folder, and of its edit set alone."""
    return parcel(Files(exported()), "me/edits"), parcel(Files(edit_set_alone()), "me/edits")


def edit_set_alone() -> dict[str, bytes]:
    return {part: exported()[part] for part in (MANIFEST, TENSORS)}


def adapter_loaded(chance: random.Random, folder: Path) -> None:
    source = hostile_source(exported(), chance, folder)
    before = listed(folder)
    assert plain(read_edit_set(source, MODEL)) == loaded_when_sound()
    assert listed(folder) == before


def adapter_published(chance: random.Random, folder: Path) -> None:
    source = hostile_source(exported(), chance, folder)
    before = listed(folder)
    try:
        with opened(source) as files:
            made = parcel(files, "me/edits")
    except LgaError as error:
        assert len(str(error)) < 1_000 and str(error).isprintable(), str(error)[:2_000]
        raise
    assert made in published_when_sound()
    assert listed(folder) == before


def listed(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))
