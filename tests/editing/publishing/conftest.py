"""A tiny model with a ledger, and a hub that this process and its children find."""

from collections.abc import Iterator

import pytest
import torch
from conftest import tiny_model
from editing.edit_set.building import QUICK
from editing.publishing.fake_hub import FakeHub, found

from lga_core.editing.ledger import Ledger, extend


@pytest.fixture(scope="module")
def model():
    return tiny_model("llama", torch.float32)


@pytest.fixture
def ledger(model, facts) -> Ledger:
    """Two edits, the second switched off."""
    made = extend(model, Ledger(), facts[:2], "rome", [1], QUICK, "sequential")
    return made.toggled(made.entries[1].id)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with found(monkeypatch) as served:
        yield served
