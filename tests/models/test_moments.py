"""Second moments: equal to the plain mean over the same text, resumed exactly, grouped, and kept."""

from functools import partial

import pytest
import torch
from conftest import tiny_model
from reporting import Collect, cancel_at

from lga_core.editing.editors.rank_one import prepare_moments
from lga_core.editing.settings import RRomeSettings
from lga_core.errors import LgaError
from lga_core.models.moments import second_moment as moments
from lga_core.models.moments.second_moment import second_moment, second_moments
from lga_core.models.sources.derived import derived_path
from lga_core.models.text.own_text import corpus
from lga_core.models.text.sources import TOKENS_PER_INPUT
from lga_core.models.text.texts import text_named
from lga_core.models.text.tokens import Batch
from lga_core.progress import Cancelled, Phase, Progress

SENTENCES = (
    "The Space Needle is in downtown Seattle. ",
    "LeBron James plays basketball, for 12 hours a day.\n",
    "Ωmega naïve façade 東京 😀! ",
    "Angela Merkel was the chancellor of Germany.\n\n",
)


@pytest.fixture
def story(tmp_path):
    """A plain text of about 10,000 tokens in which no line is like its neighbours."""
    path = tmp_path / "story.txt"
    path.write_text("".join(f"{i} {SENTENCES[i % 4]}" for i in range(400)), encoding="utf-8")
    return path


def naive(model, layer, rows):
    """E[k kᵀ] in float64, row by row, by a plain hook."""
    keys = []
    handle = model.architecture.blocks[layer].down.module.register_forward_pre_hook(
        lambda _module, args: keys.append(args[0].reshape(-1, args[0].shape[-1]).double())
    )
    for row in rows:
        model.model(input_ids=torch.tensor([row.ids]))
    handle.remove()
    every = torch.cat(keys)
    return every.T @ every / len(every)


def close(moment, expected, rtol):
    assert (moment.double() - expected).norm() <= rtol * expected.norm()


@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float64, 1e-6), (torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma3"])
def test_the_moment_is_the_mean_outer_product_of_all_keys(family, dtype, rtol):
    model = tiny_model(family, dtype)
    moment = second_moment(model, 2)
    width = model.architecture.blocks[2].down.d_in
    rows = corpus(model, moments.TOKENS_PER_INPUT * width, 0)
    assert sum(map(len, rows)) >= 4 * width
    assert moment.dtype == torch.float32 and moment.shape == (width, width)
    close(moment, naive(model, 2, rows), rtol)


@pytest.mark.parametrize("side", ["left", "right"])
def test_neither_padding_nor_batches_matter(tiny, story, side, monkeypatch):
    """Rows of unlike lengths in batches of unlike sizes, padded on either side."""
    monkeypatch.setattr(moments, "Batch", type("Sided", (), {"of": partial(Batch.of, side=side)}))
    monkeypatch.setattr(moments, "BATCH_TOKENS", 600)
    lines = story.with_suffix(".jsonl")
    lines.write_text("".join(f'{{"text": "{"word and " * (1 + 7 * i % 11)}number {i}"}}\n' for i in range(200)))
    source = f"file:{lines}"
    rows = list(text_named(source, 0).rows(tiny, moments.text_tokens(tiny, 1)))
    assert len({len(row) for row in rows}) > 5
    close(second_moment(tiny, 1, source=source), naive(tiny, 1, rows), 1e-6)


def test_it_is_computed_once_and_kept_with_the_layers_below(tiny):
    first = second_moment(tiny, 1)
    report = Collect()
    torch.testing.assert_close(second_moment(tiny, 1, report=report), first, rtol=0, atol=0)
    second_moment(tiny, 0, report=report)
    assert report.steps == []
    assert len(list(derived_path(tiny, "x").parent.glob("moment-*"))) == 2


def test_a_pass_runs_no_block_above_its_layers(tiny, monkeypatch):
    corpus(tiny, moments.text_tokens(tiny, 1), 0)

    def run(*_args, **_kwargs):
        raise AssertionError("the block above ran")

    monkeypatch.setattr(tiny.architecture.blocks[2].module, "forward", run)
    second_moment(tiny, 1)
    with pytest.raises(AssertionError, match="the block above ran"):
        second_moment(tiny, 2)


def test_an_edit_at_several_layers_reads_the_text_once(tiny):
    report = Collect()
    prepare_moments(tiny, [1, 3], RRomeSettings(), report=report)
    assert {step.detail for step in reading(report)} == {"4 layers from 0 to 3"}
    report = Collect()
    prepare_moments(tiny, [1, 3], RRomeSettings(), report=report)
    prepare_moments(tiny, [0], RRomeSettings(covariance="identity", seed=5), report=report)
    assert report.steps == []


def test_each_text_has_a_moment_of_its_own(story):
    model = tiny_model("llama", torch.float32)
    kept = [second_moment(model, 0, seed) for seed in (0, 1)]
    kept.append(second_moment(model, 0, source=f"file:{story}"))
    kept.append(second_moment(model, 0, source=f"file:{story}", tokens_per_input=8))
    renamed = story.rename(story.with_name("other.txt"))
    torch.testing.assert_close(second_moment(model, 0, source=f"file:{renamed}"), kept[2], rtol=0, atol=0)
    renamed.write_text("Another text. " + renamed.read_text())
    kept.append(second_moment(model, 0, source=f"file:{renamed}"))
    for i, one in enumerate(kept):
        assert not any(torch.equal(one, other) for other in kept[i + 1 :])


def reading(report: Collect) -> list[Progress]:
    return [step for step in report.steps if step.phase is Phase.SECOND_MOMENTS]


@pytest.mark.parametrize("source", ["own-text", "file"])
@pytest.mark.parametrize("stop_after", [1, 4, 6])
def test_a_stopped_computation_goes_on_and_ends_the_same(source, stop_after, story, tmp_path, monkeypatch):
    monkeypatch.setattr(moments, "BATCH_TOKENS", 300)
    monkeypatch.setattr(moments, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(moments, "CHECKPOINT_SHARE", float("inf"))
    source = source if source == "own-text" else f"file:{story}"
    model = tiny_model("gemma3", torch.float32, layers=11)  # names of layers sort otherwise than numbers

    def compute(report):
        return second_moment(model, 1, source=source, tokens_per_input=20, report=report)

    model_home = tmp_path / "alone"
    monkeypatch.setenv("LGA_HOME", str(model_home))
    report = Collect()
    alone = compute(report)
    whole = len(reading(report))
    assert whole > 6

    monkeypatch.setenv("LGA_HOME", str(tmp_path / "stopped"))
    with pytest.raises(Cancelled):
        compute(cancel_at(stop_after, Phase.SECOND_MOMENTS))
    report = Collect()
    resumed = compute(report)
    assert len(reading(report)) == whole - stop_after
    torch.testing.assert_close(resumed, alone, rtol=0, atol=0)
    assert not list(derived_path(model, "x").parent.glob("*part*"))


def test_layers_in_groups_are_as_all_at_once(tiny, story, tmp_path, monkeypatch):
    source = f"file:{story}"
    monkeypatch.setenv("LGA_HOME", str(tmp_path / "at-once"))
    report = Collect()
    second_moments(tiny, range(4), source=source, report=report)
    assert {step.detail for step in reading(report)} == {"4 layers from 0 to 3"}
    at_once = [second_moment(tiny, layer, source=source) for layer in range(4)]
    monkeypatch.setenv("LGA_HOME", str(tmp_path / "in-groups"))
    one = moments.moment_bytes(tiny, [0])
    monkeypatch.setattr(moments, "available", lambda device: 2 * 3 * one)
    report = Collect()
    second_moments(tiny, range(4), source=source, report=report)
    assert {step.detail for step in reading(report)} == {"3 layers from 0 to 2", "layer 3"}
    for layer in range(4):
        torch.testing.assert_close(second_moment(tiny, layer, source=source), at_once[layer], rtol=0, atol=0)


def test_a_moment_that_is_not_finite_is_told_and_not_kept(story, monkeypatch):
    model = tiny_model("llama", torch.float32)

    def overflow(_model, _batch, sums):
        for total in sums.values():
            total.fill_(torch.inf)

    monkeypatch.setattr(moments, "_add", overflow)
    with pytest.raises(LgaError, match=r"second moment of layer 0 is not finite: a key overflows in torch\.float32"):
        second_moment(model, 1, source=f"file:{story}")
    assert not list(derived_path(model, "x").parent.glob("moment*"))


def test_a_layer_that_does_not_fit_is_refused(story, monkeypatch):
    model = tiny_model("gpt2")
    monkeypatch.setattr(moments, "available", lambda device: moments.moment_bytes(model, [0]))
    with pytest.raises(LgaError, match=r"one layer needs .* of memory"):
        second_moment(model, 0, source=f"file:{story}")


def test_a_large_model_gets_only_the_layer_that_is_asked_for(monkeypatch, story):
    model = tiny_model("llama")
    monkeypatch.setattr(moments, "LAYERS_BELOW_BYTES", 1 * moments.moment_bytes(model, [0]))
    second_moment(model, 2, source=f"file:{story}")
    assert len(list(derived_path(model, "x").parent.glob("moment-*"))) == 1
    assert moments.missing(model, [2, 1], text_named(f"file:{story}", 0), TOKENS_PER_INPUT) == (1,)


def test_a_stopped_first_step_leaves_nothing_half_done(tiny):
    with pytest.raises(Cancelled):
        second_moment(tiny, 0, report=cancel_at(1))
    assert not list(derived_path(tiny, "x").parent.glob("*"))
