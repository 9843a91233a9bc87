"""Every family runs LGA, CMA and R-ROME and agrees with the plain ways to compute them."""

import copy
from functools import cache, lru_cache

import numpy as np
import pytest
import torch
from conftest import train_tokenizer, value_of
from models.families import FAMILIES, HEADS, INNER, LAYERS, WIDTH, Family, family_named

from lga_core.bench.speed.baselines import naive_clean_outputs, naive_gradient_products, naive_restored_probability
from lga_core.editing.editors.rome import r_rome
from lga_core.editing.edits import applied, output_at
from lga_core.editing.settings import RankOneSettings, ValueSettings
from lga_core.models.loaded import LoadedModel
from lga_core.models.running.forward import PrefixCache, answer_nll, final_hidden, record_activations, resume
from lga_core.models.running.generate import greedy
from lga_core.models.running.hooks import on_outputs
from lga_core.models.structure.architecture import Architecture
from lga_core.models.text.own_text import prefixes
from lga_core.models.text.tokens import AnswerIndex, Batch, TokenRow, answer_row, prompt_row, sequence_row
from lga_core.results import Kind
from lga_core.scores.attribution.layer_attribution import integrated_gradients
from lga_core.scores.gradients.lga import SCOPES, gradient_products
from lga_core.scores.tracing.patching import patching_estimate
from lga_core.scores.tracing.restore import RecordedRuns, State, record_runs, restored_probabilities

KINDS: tuple[Kind, ...] = ("hidden", "mlp", "attn")
PAIRS = (
    ("The Space Needle is in downtown", "Seattle", "Boston"),
    ("Paris", "is in France", "Rome"),
    ("The language of Brazil", "is Portuguese", "Japan and Germany"),
)
NOISE, SEED, DRAWS = 2.0, 5, 2
# No weight decay: ROME's is scaled for outputs of a trained model's size, and holds a tiny one's δ near zero.
EDIT = RankOneSettings(value=ValueSettings(steps=4, learning_rate=0.1, weight_decay=0.0), contexts=2)

# All tests of a family before the next one's, so that two models are alive and not all of them: wherever a reporter is
# called, every model that is alive is looked at.
every_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name, scope="module")


@cache
def tokenizer_of(bos: bool):
    return train_tokenizer(bos)


@lru_cache(maxsize=2)
def model_of(family: Family, dtype: torch.dtype | None = None) -> LoadedModel:
    network = family.build().to(dtype or family.exact)
    return LoadedModel(
        name=family.name,
        model=network,
        tokenizer=tokenizer_of(family.bos),
        architecture=Architecture.find(network),
        fingerprint=f"family-{family.name}-{dtype}",
    )


def rounding(family: Family, exact: float) -> float:
    """What two ways of computing a thing may differ by: more for the families that cannot be run in float64."""
    return exact if family.exact == torch.float64 else 1e-4


def answers(model: LoadedModel, row=answer_row) -> tuple[list[TokenRow], list[TokenRow]]:
    return (
        [row(model.asking, prompt, old) for prompt, old, _ in PAIRS],
        [row(model.asking, prompt, new) for prompt, _, new in PAIRS],
    )


def runs_of(model: LoadedModel, fact, kind: Kind) -> RecordedRuns:
    token = answer_row(model.asking, fact.prompt, fact.target_old[0]).answer[0]
    return record_runs(model, fact, token, kind, noise=NOISE, draws=DRAWS, seed=SEED)


def log_p(model: LoadedModel, fact) -> torch.Tensor:
    row = answer_row(model.asking, fact.prompt, fact.target_new)
    batch = Batch.of([row], model.device)
    with torch.no_grad():
        return -answer_nll(model, final_hidden(model, batch), AnswerIndex.of([row], batch)).double()


@every_family
def test_the_parts_are_found(family):
    architecture = model_of(family).architecture
    inner = 4 * WIDTH if family.name in ("bloom", "mpt") else INNER  # these have no choice
    assert len(architecture.blocks) == LAYERS and architecture.hidden_size == WIDTH
    for block in architecture.blocks:
        assert block.down.name == f"{block.name}.{family.down}"
        assert (block.down.d_out, block.down.d_in) == (WIDTH, inner)
        assert block.down in block.mlp_linears
        assert not {matrix.name for matrix in block.mlp_linears} & {matrix.name for matrix in block.attn_linears}
        inside = [part for part in block.module.modules() if isinstance(part, type(block.down.module))]
        assert len(block.mlp_linears) + len(block.attn_linears) == len(inside)
    assert bool(architecture.flat) == (family.name == "opt")


@every_family
def test_a_block_without_its_parts_contributions_hands_on_what_it_is_given(family):
    """So the traced outputs hold all that a block adds, and no residual."""
    model = model_of(family)
    blank = {
        part: lambda _given, output: torch.zeros_like(output)
        for block in model.architecture.blocks
        for part in (block.mlp, block.attn)
    }
    kept = {}
    watch = {
        block.module: lambda given, output, i=i: kept.update({i: (given, output)})
        for i, block in enumerate(model.architecture.blocks)
    }
    with torch.no_grad(), on_outputs(blank, model.architecture.flat), on_outputs(watch):
        final_hidden(model, Batch.of(answers(model)[0], model.device))
    assert len(kept) == LAYERS
    for given, output in kept.values():
        torch.testing.assert_close(output, given, rtol=0, atol=1e-12)


@pytest.mark.parametrize("row", [sequence_row, answer_row])
@every_family
def test_gradient_products_equal_the_double_backward(family, row):
    model = model_of(family)
    old, new = answers(model, row)
    fast = gradient_products(model, old, new)
    for scope in SCOPES:
        matrices = tuple(
            {
                "mlp": block.mlp_linears,
                "mlp-down": (block.down,),
                "attention": block.attn_linears,
                "block": block.mlp_linears + block.attn_linears,
            }[scope]
            for block in model.architecture.blocks
        )
        for i, pair in enumerate(zip(old, new, strict=True)):
            naive = naive_gradient_products(model, *pair, matrices).numpy()
            scale = fast[f"norm-old/{scope}"][i] * fast[f"norm-new/{scope}"][i]
            assert np.all(np.abs(fast[f"product/{scope}"][i] - naive) <= rounding(family, 1e-6) * scale)
            assert np.all(scale > 0)


@pytest.mark.parametrize("row", [sequence_row, answer_row])
@every_family
def test_the_padding_side_never_matters(family, row):
    model = model_of(family)
    old, new = answers(model, row)
    assert len({len(row) for row in (*old, *new)}) > 1
    right, left = (gradient_products(model, old, new, side=side) for side in ("right", "left"))
    for name, values in right.items():
        scale = np.abs(values).max()
        np.testing.assert_allclose(
            left[name], values, rtol=rounding(family, 1e-8), atol=rounding(family, 1e-12) * scale
        )


@pytest.mark.parametrize("kind", KINDS)
@every_family
def test_batched_restoring_equals_one_plain_run_per_state(family, kind, facts):
    model, fact = model_of(family), facts[0]
    runs = runs_of(model, fact, kind)
    states = [
        State(tokens=(2,), first=0, last=0),
        State(tokens=(runs.subject[1] - 1,), first=1, last=1),
        State(tokens=(0, 2, 4), first=2, last=2),
        State(tokens=(), first=0, last=LAYERS - 1),
    ]
    if kind != "hidden":
        states.append(State(tokens=(1, 3), first=0, last=1))
    restored = restored_probabilities(model, runs, states)
    clean = naive_clean_outputs(model, fact, kind)
    for state, row in zip(states, restored, strict=True):
        plain = [
            naive_restored_probability(model, fact, runs.answer, kind, state, draw, clean, noise=NOISE, seed=SEED)
            for draw in range(DRAWS)
        ]
        np.testing.assert_allclose(row.numpy(), plain, rtol=rounding(family, 1e-8))
    torch.testing.assert_close(restored[3], runs.p_corrupted, rtol=rounding(family, 1e-9), atol=0)
    assert (restored[:3] - runs.p_corrupted).abs().max() > 1e-3 * runs.p_clean


@pytest.mark.parametrize("kind", KINDS)
@every_family
def test_columns_before_the_restored_token_need_no_run_of_their_own(family, kind, facts):
    model, fact = model_of(family), facts[0]
    whole = runs_of(model, fact, kind)
    start = whole.subject[1] - 1
    part = record_runs(model, fact, whole.answer, kind, noise=NOISE, draws=DRAWS, seed=SEED, start=start)
    assert 0 < start < whole.tokens and part.columns == whole.tokens - start
    states = [State(tokens=(start,), first=layer, last=layer) for layer in range(LAYERS)]
    states.append(State(tokens=(start, start + 1), first=0, last=1 if kind != "hidden" else 0))
    torch.testing.assert_close(part.p_corrupted, whole.p_corrupted, rtol=rounding(family, 1e-7), atol=0)
    torch.testing.assert_close(
        restored_probabilities(model, part, states),
        restored_probabilities(model, whole, states),
        rtol=rounding(family, 1e-7),
        atol=0,
    )


@every_family
def test_restoring_every_hidden_state_is_the_clean_run(family, facts):
    model = model_of(family)
    runs = runs_of(model, facts[1], "hidden")
    restored = restored_probabilities(model, runs, [State(tokens=tuple(range(runs.tokens)), first=0, last=LAYERS - 1)])
    clean = torch.full_like(restored[0], runs.p_clean)
    torch.testing.assert_close(restored[0], clean, rtol=rounding(family, 1e-9), atol=0)
    assert (runs.p_corrupted - runs.p_clean).abs().max() > 1e-3 * runs.p_clean


@pytest.mark.parametrize("kind", ("mlp", "attn"))
@pytest.mark.parametrize("name", ["gpt2", "gpt-neox", "opt", "falcon", "falcon-40b", "falcon-rw", "phi"])
def test_attribution_patching_is_the_trace_for_small_noise(name, kind, facts):
    """Of the families whose norms are computed in the model's own dtype: others' float32 norms drown small noise."""
    model, fact = model_of(family_named(name)), facts[0]
    token = answer_row(model.asking, fact.prompt, fact.target_old[0]).answer[0]
    runs = record_runs(model, fact, token, kind, noise=1e-5, draws=1, seed=SEED)
    states = [State(tokens=(runs.subject[1] - 1,), first=layer, last=layer) for layer in range(LAYERS)]
    exact = (restored_probabilities(model, runs, states) - runs.p_corrupted).mean(-1).numpy()
    estimate = patching_estimate(model, fact, token, kind, 1, noise=1e-5, draws=1, seed=SEED)[runs.subject[1] - 1]
    np.testing.assert_allclose(estimate, exact, atol=2e-2 * np.abs(exact).max())


@pytest.mark.parametrize("name", ["gpt2", "opt", "bloom", "falcon", "falcon-40b", "falcon-rw", "gemma2"])
def test_integrated_gradients_add_up_to_the_change_they_explain(name, facts):
    """Of the families whose MLPs are called in a way of their own."""
    model = model_of(family_named(name))
    row = answer_row(model.asking, facts[0].prompt, facts[0].target_old[0])
    scores, changes = integrated_gradients(model, row, 64)
    torch.testing.assert_close(scores, changes, rtol=0, atol=2e-2 * float(changes.abs().max()))


@every_family
def test_r_rome_maps_its_key_to_the_target_and_its_hook_is_the_merged_weight(family, facts):
    model, fact = model_of(family, torch.float32), facts[0]
    (written,) = r_rome(model, [fact], [1], EDIT)
    down = model.architecture.blocks[1].down
    value = value_of(model, fact, 1, EDIT.value, prefixes(model, EDIT.contexts, 0), mean_start=True)
    assert written.target_errors[0] <= 1e-4
    reached = output_at(down, value.mean_key, [written.edit])
    assert (reached - value.target).norm() <= 1e-4 * value.target.norm()
    assert value.losses[-1] < value.losses[0]
    before = log_p(model, fact)
    with applied(model, [written.edit]):
        hooked = log_p(model, fact)
    network = copy.deepcopy(model.model)
    merged = LoadedModel(
        name="merged",
        model=network,
        tokenizer=model.tokenizer,
        architecture=Architecture.find(network),
        fingerprint="merged",
    )
    with torch.no_grad():
        merged.architecture.blocks[1].down.weight.add_(written.edit.left.T @ written.edit.right)
    torch.testing.assert_close(hooked, log_p(merged, fact), atol=1e-3, rtol=0)
    assert (hooked - before).abs().max() > 1e-2


@every_family
def test_generating_with_a_cache_is_generating_without(family, facts):
    """Rows of different lengths in one batch, against whole runs of one row."""
    model = model_of(family)
    rows = [prompt_row(model.asking, fact.prompt) for fact in facts[:3]]
    for row, text in zip(rows, greedy(model, rows, 5), strict=True):
        for i, token in enumerate(text):
            ids = (*row.ids, *text[:i])
            with torch.no_grad():
                last = final_hidden(model, Batch.of([TokenRow(ids=ids, start=len(ids))], model.device))[0, -1]
            assert int(model.architecture.logits(last).argmax()) == token
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.model.modules())


@every_family
def test_the_engines_run_is_the_models_own(family, facts):
    """The decoder with position ids and masks of ours, and the head apart, give the logits of the model's class."""
    model = model_of(family)
    row = prompt_row(model.asking, facts[0].prompt)
    with torch.no_grad():
        own = model.model(input_ids=torch.tensor([row.ids])).logits[0]
        ours = model.architecture.logits(final_hidden(model, Batch.of([row], model.device))[0])
    torch.testing.assert_close(ours, own, rtol=rounding(family, 1e-7), atol=1e-6)


@every_family
@pytest.mark.parametrize("start", [0, 1])
def test_what_follows_a_beginning_is_what_the_whole_run_gives(family, start):
    """Columns after kept keys and values, run once and again from a block on, are those of the whole run."""
    model, near = model_of(family), rounding(family, 1e-6)  # GPT-J turns its rotations in float32
    rows, ends = answers(model)[0], (3, 0, 4)
    rows, ends = [*rows, rows[0]], (*ends, ends[0])
    assert len(rows) == HEADS, "what all rows share may have a place for each head"
    batch = Batch.aligned(rows, ends, model.device)
    assert batch.ids[:, max(ends)].tolist() == [row.ids[end] for row, end in zip(rows, ends, strict=True)]
    with torch.no_grad():
        whole = final_hidden(model, batch)[:, max(ends) :]
        alone = final_hidden(model, Batch.of(rows[2:3], model.device))[0, 4:]
        prefix = PrefixCache.of(model, batch, max(ends))
        activations = record_activations(model, batch, range(LAYERS + 1), prefix)
        again = [resume(model, activations, start) for _ in range(2)]  # what is kept stays as it was
        for hidden in (final_hidden(model, batch, prefix), *again):
            present = batch.mask[:, max(ends) :].bool()
            torch.testing.assert_close(hidden[present], whole[present], rtol=near, atol=near)
            torch.testing.assert_close(hidden[2, present[2]], alone, rtol=near, atol=near)
        chosen = resume(model, activations, start, rows=torch.tensor([2, 0]))
    torch.testing.assert_close(chosen[0, present[2]], alone, rtol=near, atol=near)
