"""The causal trace against one plain run per state, and its identities."""

import dataclasses

import numpy as np
import pytest
import torch
from conftest import tiny_model
from reporting import Collect, cancel_at, checked

from lga_core.bench.speed.baselines import naive_clean_outputs, naive_restored_probability
from lga_core.models.text.tokens import answer_row, prompt_row, subject_span
from lga_core.progress import Cancelled, Phase
from lga_core.results import Cost
from lga_core.scores.known_facts import check_known_facts
from lga_core.scores.methods import MEASUREMENTS
from lga_core.scores.settings import TRACE_PHASES, CmaSettings
from lga_core.scores.tracing.cma import cma_rows, mlp_rows, noise_level, trace, window_size, window_state
from lga_core.scores.tracing.restore import State, corrupting, record_runs, restored_probabilities

KINDS = ("hidden", "mlp", "attn")


def runs_of(model, fact, kind, draws=3):
    token = answer_row(model.asking, fact.prompt, fact.target_old[0]).answer[0]
    return record_runs(model, fact, token, kind, noise=2.0, draws=draws, seed=5)


def checks_with(model, facts, *, known):
    """The facts' checks, with another answer to whether the model knows them where there is one."""
    return [
        dataclasses.replace(check, known=None if check.known is None else known)
        for check in check_known_facts(model, facts)
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_restoring_everything_is_clean_and_nothing_is_corrupted(tiny, facts, kind):
    runs = runs_of(tiny, facts[0], kind)
    everything = State(tokens=tuple(range(runs.tokens)), first=0, last=tiny.layers - 1)
    nothing = State(tokens=(), first=0, last=tiny.layers - 1)
    restored = restored_probabilities(tiny, runs, [everything, nothing])
    assert abs(runs.p_clean - runs.p_corrupted.mean()) > 1e-5
    torch.testing.assert_close(restored[1], runs.p_corrupted, rtol=1e-9, atol=1e-14)
    if kind == "hidden":  # module outputs leave the corrupted embedding in the residual stream
        torch.testing.assert_close(restored[0], torch.full_like(restored[0], runs.p_clean), rtol=1e-9, atol=1e-14)


def test_restoring_the_last_token_at_the_last_block_is_clean(tiny, facts):
    runs = runs_of(tiny, facts[1], "hidden")
    end = State(tokens=(runs.tokens - 1,), first=tiny.layers - 1, last=tiny.layers - 1)
    restored = restored_probabilities(tiny, runs, [end])
    torch.testing.assert_close(restored[0], torch.full_like(restored[0], runs.p_clean), rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_batched_suffixes_equal_one_plain_run_per_state(tiny, facts, kind):
    runs = runs_of(tiny, facts[0], kind)
    window = window_size(tiny.layers, kind, 2)
    states = [window_state((token,), layer, window, tiny.layers) for layer in range(tiny.layers) for token in (1, 3)]
    states.append(State(tokens=(0, 2, 4), first=1, last=2))
    restored = restored_probabilities(tiny, runs, states)
    clean = naive_clean_outputs(tiny, facts[0], kind)
    for i, state in enumerate(states):
        for draw in range(runs.draws):
            plain = naive_restored_probability(tiny, facts[0], runs.answer, kind, state, draw, clean, noise=2.0, seed=5)
            assert restored[i, draw].item() == pytest.approx(plain, rel=1e-8)


@pytest.mark.parametrize(
    ("layers", "window", "expected"),
    [(48, None, 10), (12, None, 2), (4, None, 1), (30, None, 6), (80, None, 10), (12, 5, 5)],
)
def test_window_scales_with_depth(layers, window, expected):
    assert window_size(layers, "mlp", window) == expected
    assert window_size(layers, "hidden", window) == 1


@pytest.mark.parametrize(("layer", "window", "first", "last"), [(5, 4, 3, 6), (0, 4, 0, 1), (9, 3, 8, 9), (5, 1, 5, 5)])
def test_window_is_centred_and_clipped(layer, window, first, last):
    state = window_state((0,), layer, window, 10)
    assert (state.first, state.last) == (first, last)


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma3"])
def test_the_noise_level_is_by_hand_from_the_ids_in_the_subjects(facts, family):
    model = tiny_model(family)
    ids = []
    for fact in facts:
        encoded = model.tokenizer(fact.prompt, return_offsets_mapping=True)
        first, end = fact.span
        pairs = zip(encoded["input_ids"], encoded["offset_mapping"], strict=True)
        ids += [token for token, (low, high) in pairs if low < end and high > first]
    scale = 32**0.5 if family == "gemma3" else 1.0  # Gemma's embedding layer scales by √d
    values = scale * model.architecture.embedding.weight[torch.tensor(ids)].double().numpy()
    assert noise_level(model, facts) == pytest.approx(values.std(ddof=1), rel=1e-6)


def test_the_corruption_is_noise_of_the_asked_size_on_the_subjects_tokens_alone(tiny, facts):
    draws = 400
    row = prompt_row(tiny.asking, facts[1].prompt)
    first, end = subject_span(tiny.asking, facts[1].prompt, facts[1].span)
    clean = torch.randn(1, len(row), 32, dtype=torch.float64).expand(1 + draws, -1, -1)
    shift = corrupting(tiny, facts[1], 2.0, draws, 0)(clean, clean) - clean
    assert not shift[0].any() and not shift[:, :first].any() and not shift[:, end:].any()
    inside = shift[1:, first:end]
    assert inside.std().item() == pytest.approx(2.0, rel=0.05) and abs(inside.mean().item()) < 0.05
    assert len(torch.unique(inside.flatten(1), dim=0)) == draws


@pytest.mark.parametrize("kind", KINDS)
def test_the_set_trace_is_the_full_trace_at_the_last_subject_token(tiny, facts, kind):
    settings = CmaSettings(draws=2)
    checks = checks_with(tiny, facts, known=True)
    rows = list(cma_rows(tiny, facts, checks, settings, kind=kind))
    sigma = noise_level(tiny, facts)
    for fact, row, check in zip(facts, rows, checks, strict=True):
        full = trace(tiny, fact, check, kind, settings, sigma)
        assert full.effect.shape == (len(full.tokens), tiny.layers)
        np.testing.assert_allclose(full.effect[full.subject[1] - 1], row.values["effect"], rtol=1e-7, atol=1e-13)
        assert full.answer_source == ("data" if fact.target_old else "model")
    assert rows[4].old_source == "model"


def test_unknown_facts_are_listed_and_not_traced(tiny, facts):
    checks = checks_with(tiny, facts, known=False)
    settings = CmaSettings(draws=1)
    rows = list(mlp_rows(tiny, facts, checks, settings))
    assert [row.status for row in rows] == ["not known by the model"] * 4 + ["used"]
    assert [row.record for row in mlp_rows(tiny, facts, checks, settings, done={1, 4})] == [0, 2, 3]


def test_every_facts_check_is_paid_for_whether_it_is_traced_or_not(tiny, facts):
    checks = checks_with(tiny, facts, known=True)
    checks[0] = dataclasses.replace(checks[0], known=False)
    free = [dataclasses.replace(check, cost=Cost()) for check in checks]
    paid_rows = list(mlp_rows(tiny, facts, checks, CmaSettings(draws=1)))
    free_rows = list(mlp_rows(tiny, facts, free, CmaSettings(draws=1)))
    assert [row.used for row in paid_rows] == [False, True, True, True, True]
    for check, paid, trace_alone in zip(checks, paid_rows, free_rows, strict=True):
        asked = check.cost.forward_rows
        assert asked > 1 and paid.cost.forward_rows == pytest.approx(trace_alone.cost.forward_rows + asked)
    assert paid_rows[0].cost == checks[0].cost


def test_noise_depends_on_fact_and_draw_alone(tiny, facts):
    three = runs_of(tiny, facts[0], "mlp", draws=3)
    five = runs_of(tiny, facts[0], "mlp", draws=5)
    torch.testing.assert_close(three.p_corrupted, five.p_corrupted[:3], rtol=1e-9, atol=1e-14)
    assert len(set(five.p_corrupted.tolist())) == 5


@pytest.mark.parametrize("kind", KINDS)
def test_attribution_patching_is_the_trace_for_small_noise(tiny, facts, kind):
    (check,) = checks_with(tiny, facts[:1], known=True)
    full = trace(tiny, facts[0], check, kind, CmaSettings(draws=2, noise=1e-4, window=1), 1.0)
    assert full.cost.backward_rows == 2, "patching's are paid for"
    scale = np.abs(full.effect).max()
    assert scale > 0
    np.testing.assert_allclose(full.patching, full.effect, atol=2e-2 * scale)


@pytest.mark.parametrize("kind", KINDS)
def test_the_set_trace_counts_facts_and_reports_after_each_block(tiny, facts, kind):
    report = Collect()
    checks = checks_with(tiny, facts, known=True)
    settings = CmaSettings(draws=1)
    measurement = MEASUREMENTS[f"trace-{kind}"]
    rows = list(checked(measurement.rows(tiny, facts, checks, settings, {0, 3}, report=report)))
    assert [row.record for row in rows] == [1, 2, 4]
    assert {step.phase for step in report.steps} == {TRACE_PHASES[kind]} == {measurement.phase}
    assert {(step.total, step.counted) for step in report.steps} == {(5, "fact")}
    assert [step.done for step in report.steps] == sorted(step.done for step in report.steps)
    assert {step.done for step in report.steps} == {2, 3, 4}
    assert len(report.steps) >= 3 * (tiny.layers - 1)


def test_a_token_trace_counts_states_and_reports_inside_of_each_chunk(tiny, facts, monkeypatch):
    (check,) = checks_with(tiny, facts[:1], known=True)
    whole = trace(tiny, facts[0], check, "mlp", CmaSettings(draws=2), 1.0)
    monkeypatch.setattr("lga_core.scores.tracing.cma.CHUNK_TOKENS", 2 * 2 * len(whole.tokens))
    report = Collect()
    chunked = trace(tiny, facts[0], check, "mlp", CmaSettings(draws=2), 1.0, report=report)
    np.testing.assert_allclose(chunked.effect, whole.effect, rtol=1e-7, atol=1e-13)
    states = (len(whole.tokens) - whole.subject[0]) * tiny.layers
    assert {(step.phase, step.total, step.counted) for step in report.steps} == {(Phase.CMA_MLP, states, "state")}
    counts = [step.done for step in report.steps]
    assert counts == sorted(counts) and (counts[0], counts[-1]) == (0, states)
    assert len(set(counts)) > len(whole.tokens) - whole.subject[0]  # several chunks a token
    assert len(counts) > 2 * len(set(counts))


@pytest.mark.parametrize("kind", KINDS)
def test_before_the_subject_nothing_can_be_restored(tiny, facts, kind):
    fact = next(fact for fact in facts if fact.span[0] > 0)
    (check,) = checks_with(tiny, [fact], known=True)
    full = trace(tiny, fact, check, kind, CmaSettings(draws=2), 1.0)
    first = full.subject[0]
    assert first > 0 and not full.effect[:first].any() and full.effect[first:].any()
    runs = runs_of(tiny, fact, kind, draws=2)
    restored = restored_probabilities(tiny, runs, [State(tokens=tuple(range(first)), first=0, last=tiny.layers - 1)])
    torch.testing.assert_close(restored[0], runs.p_corrupted, rtol=1e-9, atol=0)


def test_a_trace_can_be_cancelled_at_any_step_and_leaves_nothing_open(tiny, facts):
    checks = checks_with(tiny, facts, known=True)
    steps = Collect()
    reference = [row.record for row in mlp_rows(tiny, facts, checks, CmaSettings(draws=1), report=steps)]
    for number in (1, 2, len(steps.steps)):
        rows = []
        with pytest.raises(Cancelled):
            for row in mlp_rows(tiny, facts, checks, CmaSettings(draws=1), report=cancel_at(number)):
                rows.append(row.record)
        assert rows == reference[: len(rows)] and len(rows) < len(reference)
        assert list(checked(mlp_rows(tiny, facts[:1], checks[:1], CmaSettings(draws=1))))


@pytest.mark.parametrize("wrong", [{"draws": 0}, {"window": 0}, {"noise": 0.0}, {"draws": "many"}])
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        CmaSettings(**wrong)
