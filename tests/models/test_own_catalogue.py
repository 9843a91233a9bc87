"""The user's own catalogue: its models are listed and loaded, and what is wrong with it is said."""

from pathlib import Path

import pytest

from lga_core.errors import LgaError
from lga_core.models.loading import load
from lga_core.models.sources.catalogue import catalogue, local_folder, own_catalogue, resolve
from lga_core.service.process import machine
from lga_core.service.process.messages import Machine

ENTRY = """
[[models]]
id = "mine"
title = "My model"
[models.origin]
kind = "path"
path = '{folder}'
"""
PARTS = """
[models.parts]
mlp = "mlp"
attention = "self_attn"
down = "mlp.{down}"
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the file would be."""
    monkeypatch.setenv("LGA_HOME", str(tmp_path))
    return own_catalogue()


def test_its_models_come_after_the_shipped_ones_and_load(own: Path, tiny_folder: Path):
    shipped = catalogue()
    own.write_text(ENTRY.format(folder=tiny_folder))
    assert catalogue()[:-1] == shipped and resolve("Mine").title == "My model"
    loaded = load("mine", device="cpu")
    assert loaded.name == "mine" and loaded.fingerprint == load(str(tiny_folder), device="cpu").fingerprint
    own.unlink()
    assert catalogue() == shipped


def test_parts_named_by_hand_are_used_and_make_another_model_to_the_store(own: Path, tiny_folder: Path):
    machine.remember(Machine(dtype="torch.float32", device="cpu"))
    seen = set()
    for parts in ("", PARTS.format(down="down_proj"), PARTS.format(down="up_proj")):
        own.write_text(ENTRY.format(folder=tiny_folder) + parts)
        seen.add(machine.identity("mine").fingerprint)
        if "up_proj" in parts:
            with pytest.raises(LgaError, match="one width"):
                load("mine", device="cpu")
        else:
            assert load("mine", device="cpu").fingerprint == machine.identity("mine").fingerprint
    assert len(seen) == 3


def test_a_down_projection_that_is_no_matrix_is_named(own: Path, tiny_folder: Path):
    own.write_text(ENTRY.format(folder=tiny_folder) + PARTS.replace("mlp.{down}", "mlp"))
    with pytest.raises(LgaError, match=r"layers\.0\.mlp is a LlamaMLP, no weight matrix\. Name the down projection"):
        load("mine", device="cpu")


@pytest.mark.parametrize(
    "content, why",
    [
        ("[[models]", "line 1"),
        ("[[models]]\nid = 'x'", r"models\.0\.title: Field required"),
        (ENTRY.format(folder="here") + "licens = 'MIT'", r"licens: Extra inputs"),
        (ENTRY.format(folder="here").replace("mine", "GPT2"), "two models are called 'gpt2'"),
        (
            ENTRY.format(folder="here").replace("My model", "SmolLM2 135M instruct"),
            "two models are called 'smollm2 135m",
        ),
        (ENTRY.format(folder="here").replace("My model", "Hub id or local folder"), "two models are called 'hub id or"),
        (ENTRY.format(folder="here").replace("mine", "mine:chat"), "a model cannot be called 'mine:chat'"),
        (ENTRY.format(folder="here").replace("mine", " mine"), "a model cannot be called ' mine'"),
        (ENTRY.format(folder="here").replace("mine", "Other"), "a model cannot be called 'Other'"),
    ],
)
def test_what_is_wrong_with_it_is_said(own: Path, content: str, why: str):
    own.write_text(content)
    with pytest.raises(LgaError, match=rf"{own.name}, cannot be used: .*{why}"):
        resolve("smollm2-135m")


@pytest.mark.parametrize("name", ["away", "away.gguf"])
def test_a_model_that_was_moved_away_is_listed_and_told_when_it_is_asked_for(own: Path, name: str):
    own.write_text(ENTRY.format(folder=own.parent / name))
    assert local_folder(catalogue()[-1]) is None
    with pytest.raises(LgaError, match=rf"no folder or file .*{name}, where .*{own.name} has the model mine"):
        resolve("mine")
