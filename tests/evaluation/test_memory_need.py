"""What is said of the memory beforehand: from the methods' own batch sizes, in one sentence."""

from dataclasses import replace

import pytest
import torch
from conftest import tiny_model
from editing.writing import SETTINGS

from lga_core.editing.search.contexts import SEARCH_TOKENS, Contexts
from lga_core.editing.settings import FineTuningSettings
from lga_core.errors import LgaError
from lga_core.evaluation.memory_need import BATCHES, QUESTIONS, ROW_TOKENS, editing_need, loading_need, scoring_need
from lga_core.models.loading import load
from lga_core.models.moments.second_moment import second_moment
from lga_core.models.running import memory
from lga_core.models.running.memory import (
    WORKING_SHARE,
    asking_bytes,
    gradient_bytes,
    kept_bytes,
    passing_bytes,
    weight_bytes,
)
from lga_core.models.sources.catalogue import resolve
from lga_core.models.structure import quantized
from lga_core.results import MemoryEstimate
from lga_core.scores.gradients import lga
from lga_core.scores.methods import MEASUREMENTS
from lga_core.scores.tracing import cma
from lga_core.view.words.sentences import memory_sentence, memory_size


@pytest.fixture(scope="module")
def model():
    return tiny_model("llama", torch.float32)


def test_every_measurement_has_its_batch():
    assert set(BATCHES) == set(MEASUREMENTS)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_loading_takes_the_weights_in_their_dtype_and_room_to_work(tiny_folder, dtype):
    need = loading_need(resolve(str(tiny_folder)), "cpu", dtype)
    loaded = load(str(tiny_folder), device="cpu", dtype=dtype)
    assert need.weights == weight_bytes(loaded) and need.dtype == dtype and need.where == "cpu" and need.fits
    assert need.needed == need.weights + int(need.weights * WORKING_SHARE)


def test_a_model_that_is_not_fetched_is_known_by_its_parameters():
    need = loading_need(resolve("llama-2-7b"), "cpu")
    assert need.weights == 4 * resolve("llama-2-7b").parameters
    assert loading_need(resolve("some-one/some-model"), "cpu") is None


def test_scoring_takes_its_largest_batch_and_no_more_than_there_are_facts(model, monkeypatch):
    def of(name, facts):
        return scoring_need(model, [name], facts).activations

    assert of("gradients", 1000) == lga.BATCH_TOKENS * gradient_bytes(model)
    assert of("gradients", 3) == 3 * 2 * ROW_TOKENS * gradient_bytes(model)
    assert of("trace-mlp", 3) == cma.CHUNK_TOKENS * passing_bytes(model)
    both = scoring_need(model, ["gradients", "trace-mlp"], 3)
    assert both.activations == max(of("gradients", 3), of("trace-mlp", 3)) and both.weights == 0
    assert scoring_need(model, ["forecast"], 3).second_moments == 32 * 80**2
    monkeypatch.setattr(memory, "available", lambda _device: 2 * 100 * gradient_bytes(model))
    assert of("gradients", 1000) == 100 * gradient_bytes(model), "the batch that will be chosen"


def test_an_edit_takes_its_search_or_its_questions(model, facts):
    alone, batch = editing_need(model, [1], SETTINGS, 1), editing_need(model, [1, 2], SETTINGS)
    rows = len(Contexts.of(model, facts[0], ("It was",) * SETTINGS.contexts).rows)
    search, asked = rows * ROW_TOKENS * gradient_bytes(model), QUESTIONS * ROW_TOKENS * asking_bytes(model)
    token = gradient_bytes(model)
    assert max(search, asked) <= alone.activations < max(search, asked) + token
    assert batch.activations >= SEARCH_TOKENS * token > alone.activations
    assert alone.second_moments == 32 * 80**2
    assert editing_need(model, [1], replace(SETTINGS, covariance="identity"), 1).second_moments == 0
    assert batch.to_collect == (1, 2)
    second_moment(model, 1, tokens_per_input=SETTINGS.tokens_per_input)
    assert editing_need(model, [2, 1], SETTINGS).to_collect == (2,), "the layer below is filled with it"
    trained = editing_need(model, [1], FineTuningSettings(), 1)
    assert trained.second_moments == 0 and trained.activations >= 16 * 32 * 80


def test_where_no_gradient_flows_the_trace_is_estimated_and_lga_refused(model, monkeypatch):
    monkeypatch.setattr(quantized, "is_quantized", lambda _model: True)
    monkeypatch.setattr(quantized, "_carries_gradients", lambda _model: False)
    assert scoring_need(model, ["trace-mlp"], 3).activations > 0
    with pytest.raises(LgaError, match="needs gradients"):
        scoring_need(model, ["gradients"], 3)


def test_what_a_question_leaves_is_more_than_a_pass_and_its_keys_and_values(tiny):
    from lga_core.models.running.forward import PrefixCache
    from lga_core.models.text.tokens import Batch, TokenRow

    tokens = 32
    batch = Batch.of([TokenRow(ids=tuple(range(1, 1 + tokens)), start=tokens)], tiny.device)
    with torch.no_grad():
        cache = PrefixCache.of(tiny, batch, tokens).cache
    kept = sum(tensor.nbytes for layer in cache.layers for tensor in (layer.keys, layer.values)) / tokens
    assert passing_bytes(tiny) + kept <= asking_bytes(tiny)
    assert kept <= kept_bytes(tiny)


def test_the_sentence():
    need = MemoryEstimate(activations=620_000_000, where="cpu", free=12_300_000_000)
    assert memory_sentence(need) == "about 0.6 GB of memory for activations, 12 GB free"
    assert (
        memory_sentence(replace(need, second_moments=84_000_000))
        == "about 0.6 GB of memory for activations and 84 MB for the second moment, 12 GB free"
    )
    assert (
        memory_sentence(
            MemoryEstimate(
                weights=10 * 10**9, dtype="bfloat16", activations=2 * 10**9, where="cuda", free=9_940_000_000
            )
        )
        == "about 12 GB of memory for the weights in bfloat16 with room to work, 9.9 GB free on cuda: "
        "more than there is"
    )


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "1 MB"),
        (2_600_000, "3 MB"),
        (99_000_000, "99 MB"),
        (10**8, "0.1 GB"),
        (9_949_999_999, "9.9 GB"),
        (9_950_000_000, "10 GB"),
        (1_234 * 10**9, "1,234 GB"),
    ],
)
def test_sizes(size, words):
    assert memory_size(size) == words
