"""What `bench lga` compares: each fact's batched product with its own naive one, whatever order the batches have."""

import pytest
import torch
from conftest import tiny_model

from lga_core.bench.speed.lga import batched, difference
from lga_core.data.load import load_facts


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma3"])
def test_the_batched_products_are_the_naive_ones_of_the_same_facts(family):
    model, facts = tiny_model(family, torch.float32), load_facts("world").facts[:8]
    assert [row.record for row in batched(model, facts)] == [fact.record for fact in facts]
    assert difference(model, facts) <= 1e-4
