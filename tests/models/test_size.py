"""What loading takes of the memory, computed from a model's files or its catalogue entry."""

import pytest
import torch

from lga_core.models.loading import load
from lga_core.models.running.memory import loading_estimate, weight_bytes
from lga_core.models.sources import size
from lga_core.models.sources.catalogue import resolve


@pytest.mark.parametrize("dtype", size.FLOAT_BYTES)
def test_the_size_of_a_folder_is_that_of_the_loaded_weights(tiny_folder, dtype):
    loaded = load(str(tiny_folder), device="cpu", dtype=dtype)
    assert loaded.dtype == getattr(torch, dtype)
    assert size.loading_size(resolve(str(tiny_folder)), dtype) == weight_bytes(loaded)


def test_the_size_of_a_model_that_is_not_there_comes_from_the_catalogue():
    entry = resolve("gpt2-xl")
    assert size.loading_size(entry, "bfloat16") == 2 * entry.parameters
    assert size.loading_size(entry.model_copy(update={"parameters": None}), "float32") is None


def test_an_estimate_has_room_to_work_and_what_is_free():
    estimate = loading_estimate(1000, torch.float32, torch.device("cpu"))
    assert (estimate.weights, estimate.dtype, estimate.needed) == (1000, "float32", 1200) and estimate.fits
    assert estimate.free > 0


@pytest.mark.parametrize(("limit", "free"), [("max", None), ("5000000", 5_000_000 - 4_000_000 + 500_000)])
def test_a_containers_limit_counts(tmp_path, monkeypatch, limit, free):
    (tmp_path / "memory.max").write_text(limit)
    (tmp_path / "memory.current").write_text("4000000")
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 500000\n")
    monkeypatch.setattr(size, "CGROUP", tmp_path)
    assert size.free_memory() == free if free else size.free_memory() > 5_000_000
