"""The causal trace against one plain run per state, and its identities."""

import dataclasses

import numpy as np
import pytest
import torch
from conftest import drain

from lga_core.bench.baselines import naive_clean_outputs, naive_restored_probability
from lga_core.models.tokens import answer_row
from lga_core.scores.cma import CmaSettings, cma_rows, noise_level, trace, window_size, window_state
from lga_core.scores.restore import State, record_runs, restored_probabilities
from lga_core.scores.survey import survey

KINDS = ("hidden", "mlp", "attn")


def runs_of(model, fact, kind, draws=3):
    token = answer_row(model.tokenizer, fact.prompt, fact.target_old[0]).answer[0]
    return record_runs(model, fact, token, kind, noise=2.0, draws=draws, seed=5)


@pytest.mark.parametrize("kind", KINDS)
def test_restoring_everything_is_clean_and_nothing_is_corrupted(tiny, facts, kind):
    runs = runs_of(tiny, facts[0], kind)
    everything = State(tokens=tuple(range(runs.tokens)), first=0, last=tiny.layers - 1)
    nothing = State(tokens=(), first=0, last=tiny.layers - 1)
    found = restored_probabilities(tiny, runs, [everything, nothing])
    assert abs(runs.p_clean - runs.p_corrupted.mean()) > 1e-5
    torch.testing.assert_close(found[1], runs.p_corrupted, rtol=1e-9, atol=1e-14)
    if kind == "hidden":                     # module outputs leave the corrupted embedding in the residual stream
        torch.testing.assert_close(found[0], torch.full_like(found[0], runs.p_clean), rtol=1e-9, atol=1e-14)


def test_restoring_the_last_token_at_the_last_block_is_clean(tiny, facts):
    runs = runs_of(tiny, facts[1], "hidden")
    end = State(tokens=(runs.tokens - 1,), first=tiny.layers - 1, last=tiny.layers - 1)
    found = restored_probabilities(tiny, runs, [end])
    torch.testing.assert_close(found[0], torch.full_like(found[0], runs.p_clean), rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_batched_suffixes_equal_one_plain_run_per_state(tiny, facts, kind):
    runs = runs_of(tiny, facts[0], kind)
    window = window_size(tiny.layers, kind, 2)
    states = [window_state((token,), layer, window, tiny.layers) for layer in range(tiny.layers) for token in (1, 3)]
    states.append(State(tokens=(0, 2, 4), first=1, last=2))
    found = restored_probabilities(tiny, runs, states)
    clean = naive_clean_outputs(tiny, facts[0], kind)
    for i, state in enumerate(states):
        for draw in range(runs.draws):
            plain = naive_restored_probability(tiny, facts[0], runs.answer, kind, state, draw, clean,
                                               noise=2.0, seed=5)
            assert found[i, draw].item() == pytest.approx(plain, rel=1e-8)


@pytest.mark.parametrize(("layers", "window", "expected"), [(48, None, 10), (12, None, 2), (4, None, 1), (30, None, 6),
                                                           (80, None, 10), (12, 5, 5)])
def test_window_scales_with_depth(layers, window, expected):
    assert window_size(layers, "mlp", window) == expected
    assert window_size(layers, "hidden", window) == 1


@pytest.mark.parametrize(("layer", "window", "first", "last"), [(5, 4, 3, 6), (0, 4, 0, 1), (9, 3, 8, 9), (5, 1, 5, 5)])
def test_window_is_centred_and_clipped(layer, window, first, last):
    state = window_state((0,), layer, window, 10)
    assert (state.first, state.last) == (first, last)


def test_noise_level_is_measured_at_the_embedding_output(facts):
    from conftest import tiny_model
    model = tiny_model("gemma3")
    ids = [token for fact in facts for token in
           model.tokenizer(fact.prompt[fact.span[0]:fact.span[1]], add_special_tokens=False)["input_ids"]]
    raw = model.architecture.embedding.weight[torch.tensor(ids)].std().item()
    assert noise_level(model, facts) == pytest.approx(raw * 32 ** 0.5, rel=0.2)       # Gemma scales by √d


@pytest.mark.parametrize("kind", KINDS)
def test_the_set_trace_is_the_full_trace_at_the_last_subject_token(tiny, facts, kind):
    settings = CmaSettings(draws=2)
    surveyed = [dataclasses.replace(row, known=True if row.known is not None else None) for row in survey(tiny, facts)]
    rows = list(cma_rows(tiny, facts, surveyed, kind, settings))
    sigma = noise_level(tiny, facts)
    for fact, row, told in zip(facts, rows, surveyed, strict=True):
        full = drain(trace(tiny, fact, told, kind, settings, sigma))
        assert full.effect.shape == (len(full.tokens), tiny.layers)
        np.testing.assert_allclose(full.effect[full.subject[1] - 1], row.values["effect"], rtol=1e-7, atol=1e-13)
        assert full.answer_source == ("data" if fact.target_old else "model")
    assert rows[4].old_source == "model"


def test_unknown_facts_are_listed_and_not_traced(tiny, facts):
    surveyed = [dataclasses.replace(row, known=False if row.known is not None else None) for row in survey(tiny, facts)]
    settings = CmaSettings(draws=1)
    rows = list(cma_rows(tiny, facts, surveyed, "mlp", settings))
    assert [row.status for row in rows] == ["not known by the model"] * 4 + ["used"]
    assert [row.record for row in cma_rows(tiny, facts, surveyed, "mlp", settings, done={1, 4})] == [0, 2, 3]


def test_noise_depends_on_fact_and_draw_alone(tiny, facts):
    three, five = runs_of(tiny, facts[0], "mlp", draws=3), runs_of(tiny, facts[0], "mlp", draws=5)
    torch.testing.assert_close(three.p_corrupted, five.p_corrupted[:3], rtol=1e-9, atol=1e-14)
    assert len(set(five.p_corrupted.tolist())) == 5


@pytest.mark.parametrize("kind", KINDS)
def test_attribution_patching_is_the_trace_for_small_noise(tiny, facts, kind):
    told = dataclasses.replace(next(survey(tiny, facts[:1])), known=True)
    full = drain(trace(tiny, facts[0], told, kind, CmaSettings(draws=2, noise=1e-4, window=1), 1.0))
    scale = np.abs(full.effect).max()
    assert scale > 0
    np.testing.assert_allclose(full.patching, full.effect, atol=2e-2 * scale)
