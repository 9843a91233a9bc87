"""A tiny model and a ledger on it, for the tests of edit sets."""

import pytest
import torch
from conftest import tiny_model
from editing.edit_set.building import made


@pytest.fixture(scope="module")
def model():
    return tiny_model("llama", torch.float32)


@pytest.fixture
def ledger(model, facts):
    return made(model, facts)
